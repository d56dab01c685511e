package control

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/flags"
)

// Point is which part of a step's traffic came of companies that had the flag then.
type Point struct {
	From time.Time
	Traffic
}

// Series is the share of traffic over time.
type Series struct {
	From, To time.Time
	Step     time.Duration
	Points   []Point
}

// span returns how far back a plot looks, and its steps: by the minute while the rollout is young.
func span(history []Moment, now time.Time) (back, step time.Duration) {
	if len(history) > 0 && now.Sub(history[len(history)-1].At) < 90*time.Minute {
		return 2 * time.Hour, time.Minute
	}
	return day, 15 * time.Minute
}

const seriesSQL = `
select date_bin($1, at, $2), company_id, count(*)
from public.api_requests
where at >= $2
  and at < $3
  and company_id <> ''
group by 1, 2`

// Share returns the share of traffic over time: what each step's companies asked, and which of them had the flag by the
// version that was live at its end.
func (d *Desk) Share(ctx context.Context, history []Moment) (Series, error) {
	now := time.Now().UTC()
	back, step := span(history, now)
	s := Series{To: now, Step: step, From: now.Add(-back).Truncate(step)}
	for at := s.From; at.Before(now); at = at.Add(step) {
		s.Points = append(s.Points, Point{From: at})
	}
	on, err := d.hadIt(ctx, history, s)
	if err != nil {
		return s, err
	}
	rows, err := d.Pool.Query(ctx, seriesSQL, step, s.From, now)
	if err != nil {
		return s, err
	}
	asked, err := pgx.CollectRows(rows, pgx.RowToStructByPos[asking])
	for _, a := range asked {
		if i := int(a.At.Sub(s.From) / step); i >= 0 && i < len(s.Points) {
			s.Points[i].add(a.Requests, on[i][a.Company])
		}
	}
	return s, err
}

// asking is how much a company asked in a step.
type asking struct {
	At       time.Time
	Company  string
	Requests int64
}

// add counts requests of a company that had the flag or had it not.
func (t *Traffic) add(n int64, on bool) {
	t.All += n
	if on {
		t.On += n
	}
}

// hadIt returns for each point which companies had the flag at its end.
func (d *Desk) hadIt(ctx context.Context, history []Moment, s Series) ([]map[string]bool, error) {
	known := map[int]map[string]bool{-1: nil}
	all := make([]map[string]bool, len(s.Points))
	for i, p := range s.Points {
		end := p.From.Add(s.Step)
		live := slices.IndexFunc(history, func(m Moment) bool { return m.At.Before(end) })
		if _, ok := known[live]; !ok {
			set, err := d.setOf(ctx, history[live].body)
			if err != nil {
				return nil, err
			}
			known[live] = set
		}
		all[i] = known[live]
	}
	return all, nil
}

func (d *Desk) setOf(ctx context.Context, def flags.Definition) (map[string]bool, error) {
	on, err := d.with(ctx, def)
	set := make(map[string]bool, len(on))
	for _, c := range on {
		set[c] = true
	}
	return set, err
}
