package support

import (
	"context"
	"time"

	"github.com/transbotai/tenon"
)

// Report says how promises were kept to the tickets that were opened in a time.
type Report struct {
	From  time.Time   `json:"from"`
	To    time.Time   `json:"to"`
	At    time.Time   `json:"at"` // as of when
	Total int         `json:"total"`
	Lines []ReportRow `json:"lines"` // by priority, then promise
}

// ReportRow counts the clocks of one promise at one priority. Kept and Broken together are the clocks that are decided.
type ReportRow struct {
	Priority Priority `json:"priority"`
	Promise  Promise  `json:"promise"`
	Kept     int      `json:"kept"`    // met
	Broken   int      `json:"broken"`  // missed, or breached and still waited for
	Waiting  int      `json:"waiting"` // running, paused or at risk
}

// Share returns which part of the decided promises was kept, and false when none is decided.
func (r ReportRow) Share() (float64, bool) {
	if r.Kept+r.Broken == 0 {
		return 0, false
	}
	return float64(r.Kept) / float64(r.Kept+r.Broken), true
}

// Report returns the report of a tenant, or with an empty tenant of all, over the tickets opened at from or later and
// before to. A next response counts the last one that was waited for. It reads every one of these tickets.
func (d *Desk) Report(ctx context.Context, tenant string, from, to time.Time) (Report, error) {
	from, to = tenon.Instant(from), tenon.Instant(to)
	if !from.Before(to) {
		return Report{}, prefix(tenon.Invalid("to", "is not after from"))
	}
	if err := checkName("tenant", tenant); err != nil {
		return Report{}, prefix(err)
	}
	now, err := d.clock.Now(ctx, d.store)
	if err != nil {
		return Report{}, err
	}
	report := Report{From: from, To: to, At: now}
	rows := map[Priority]map[Promise]*ReportRow{}
	for _, priority := range priorities {
		rows[priority] = map[Promise]*ReportRow{}
		for _, promise := range promises {
			rows[priority][promise] = &ReportRow{Priority: priority, Promise: promise}
		}
	}
	q := TicketQuery{Tenant: tenant, OpenedSince: from, OpenedBefore: to, Limit: maxPage}
	for {
		page, err := d.listAt(ctx, q, now)
		if err != nil {
			return Report{}, err
		}
		for _, t := range page {
			report.Total++
			for _, c := range t.Clocks {
				rows[t.Priority][c.Promise].count(c.Standing)
			}
		}
		if len(page) < q.Limit {
			break
		}
		q.Before = page[len(page)-1].ID
	}
	for _, priority := range priorities {
		for _, promise := range promises {
			report.Lines = append(report.Lines, *rows[priority][promise])
		}
	}
	return report, nil
}

func (r *ReportRow) count(s Standing) {
	switch s {
	case Met:
		r.Kept++
	case Missed, Overdue:
		r.Broken++
	case Running, Paused, Warned:
		r.Waiting++
	}
}
