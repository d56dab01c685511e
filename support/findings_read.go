package support

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Get returns a finding as of now.
func (f *Findings) Get(ctx context.Context, ref Ref) (Finding, error) {
	if !ref.possible() {
		return Finding{}, ErrUnknownFinding
	}
	found, err := f.List(ctx, FindingQuery{Tenant: ref.Tenant, ID: ref.ID, Limit: 1})
	if err != nil {
		return Finding{}, err
	}
	i := slices.IndexFunc(found, func(x Finding) bool { return x.Ref == ref }) // no tenant asks for all
	if i < 0 {
		return Finding{}, ErrUnknownFinding
	}
	return found[i], nil
}

// List returns findings as of now, newest first. The states of q are those that are stored: one whose acceptance has
// lapsed is found among the accepted ones, and says that it is open.
func (f *Findings) List(ctx context.Context, q FindingQuery) ([]Finding, error) {
	if err := q.check(); err != nil {
		return nil, prefix(err)
	}
	now, err := f.clock.Now(ctx, f.store)
	if err != nil {
		return nil, err
	}
	found, err := f.store.Findings(ctx, q)
	for i := range found {
		found[i] = found[i].at(now, f.days)
	}
	return found, err
}

func (q *FindingQuery) check() error {
	for field, id := range map[string]string{"id": q.ID, "before": q.Before} {
		if id != "" && !isUUID(id) {
			return tenon.Invalid(field, "is not a UUID in lower case")
		}
	}
	for _, s := range q.States {
		if !slices.Contains([]FindingState{FindingOpen, FindingAccepted, FindingFixed}, s) {
			return tenon.Invalid("states", "%q is not a state", string(s))
		}
	}
	if q.Limit < 0 || q.Limit > maxPage {
		return tenon.Invalid("limit", "%d does not lie within 0 and %d", q.Limit, maxPage)
	}
	return checkName("tenant", q.Tenant)
}

// FindingKPI says how long it takes from finding to fix.
type FindingKPI struct {
	At    time.Time       `json:"at"`
	Lines []FindingKPIRow `json:"lines"` // by severity, worst first
}

// FindingKPIRow is the KPI of one severity, which is that which a finding has now.
type FindingKPIRow struct {
	Severity Severity      `json:"severity"`
	Days     int           `json:"days"` // there are to fix it
	Open     int           `json:"open"`
	Overdue  int           `json:"overdue"` // of those
	Accepted int           `json:"accepted"`
	Fixed    int           `json:"fixed"`
	InTime   int           `json:"in_time"` // of those
	Median   time.Duration `json:"median"`  // from finding to fix, nanoseconds; 0 when none was fixed
}

// KPI returns the finding-to-fix figures of a tenant, or with an empty tenant of all, over the findings that were found
// since. It reads every one.
func (f *Findings) KPI(ctx context.Context, tenant string, since time.Time) (FindingKPI, error) {
	now, err := f.clock.Now(ctx, f.store)
	if err != nil {
		return FindingKPI{}, err
	}
	took := map[Severity][]time.Duration{}
	rows := map[Severity]*FindingKPIRow{}
	for _, s := range severities {
		rows[s] = &FindingKPIRow{Severity: s, Days: f.days[s]}
	}
	for q := (FindingQuery{Tenant: tenant, Limit: maxPage}); ; {
		page, err := f.List(ctx, q)
		if err != nil {
			return FindingKPI{}, err
		}
		for _, x := range page {
			if x.FoundAt.Before(since) {
				continue
			}
			rows[x.Severity].count(x)
			if x.State == FindingFixed {
				took[x.Severity] = append(took[x.Severity], x.FixedAt.Sub(x.FoundAt))
			}
		}
		if len(page) < q.Limit {
			break
		}
		q.Before = page[len(page)-1].ID
	}
	kpi := FindingKPI{At: now}
	for _, s := range severities {
		rows[s].Median = median(took[s])
		kpi.Lines = append(kpi.Lines, *rows[s])
	}
	return kpi, nil
}

func (r *FindingKPIRow) count(x Finding) {
	switch x.State {
	case FindingFixed:
		r.Fixed++
		if !x.Overdue {
			r.InTime++
		}
	case FindingAccepted:
		r.Accepted++
	default:
		r.Open++
		if x.Overdue {
			r.Overdue++
		}
	}
}

// median returns the middle one, the mean of two.
func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// Work returns what handles the findings' timers, for [NewTimers].
func (f *Findings) Work() Work {
	return Work{findingKind: {Each: func(ctx context.Context, s Store, t Timer) error {
		var ref Ref
		if err := json.Unmarshal(t.Payload, &ref); err != nil {
			return err
		}
		return f.WithStore(s).Tick(ctx, ref)
	}}}
}

// Tick tells that a finding is late, once for each due date, or that its acceptance has ended. Timers call it; calling
// it at any time is harmless. A finding that is gone is no error.
func (f *Findings) Tick(ctx context.Context, ref Ref) error {
	now, err := f.clock.Now(ctx, f.store)
	if err != nil {
		return err
	}
	_, err = f.store.ChangeFinding(ctx, ref, func(x *Finding) (Effects, error) {
		if len(x.History) == 0 {
			return Effects{}, nil
		}
		var e Effects
		if seen := x.at(now, f.days); seen.State == FindingOpen && !x.ToldLate && (seen.Overdue || seen.Lapsed) {
			e.Notifications = []tenon.Notification{seen.late(now)}
			x.ToldLate = seen.Overdue
			if seen.Lapsed {
				x.State, x.Accepted = FindingOpen, nil
				x.History = append(slices.Clone(x.History), FindingEvent{
					At: now, State: FindingOpen, Severity: x.Severity, Reason: "the acceptance has ended",
				})
			}
		}
		e.Timers, e.Cancel = f.timers(x, now)
		return e, nil
	})
	return err
}

// late is what is told of a finding that is late or accepted no more.
func (f *Finding) late(now time.Time) tenon.Notification {
	n := tenon.Notification{
		Kind: "support.finding_overdue", Key: fmt.Sprintf("support.finding_overdue/%s/%d", f.ID, len(f.History)),
		Tenant: f.Tenant, Severity: tenon.SeverityWarning, At: now,
		Title: fmt.Sprintf("%s finding is overdue: %s", f.Severity, f.Title),
		Text:  fmt.Sprintf("It was to be fixed by %s.", f.Due.Format(time.RFC3339)),
		Data:  map[string]string{"finding": f.ID, "severity": string(f.Severity), "due": f.Due.Format(time.RFC3339)},
	}
	if f.Severity == Critical || f.Severity == High {
		n.Severity = tenon.SeverityCritical
	}
	if f.Lapsed && !f.Overdue {
		n.Kind = "support.finding_lapsed"
		n.Key = fmt.Sprintf("support.finding_lapsed/%s/%d", f.ID, len(f.History))
		n.Title = fmt.Sprintf("%s finding is accepted no more: %s", f.Severity, f.Title)
		n.Text = fmt.Sprintf("It is to be fixed by %s.", f.Due.Format(time.RFC3339))
	}
	return n
}
