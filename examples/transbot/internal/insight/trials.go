package insight

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
)

// TrialGoal is what trial → paid should reach.
var TrialGoal = kpi.Goal{Target: 0.25, MinSample: 5}

// Trials are those that ended in some days up to now, and in as many days before.
type Trials struct {
	From   time.Time // the first of the days
	Weeks  []kpipg.TrialWeek
	Ended  int64
	Paid   int64
	Open   int64 // of the others, those whose time to pay is not over
	Before struct{ Ended, Paid int64 }
	Newest time.Time // when the last of them ended; zero: there is none
}

// payWithin is how long after its end a trial that is paid for counts as converted.
const payWithin = 30 * 24 * time.Hour

// The days are counted as by the view kpi_trial_conversion, which knows the last 90.
const trialsSQL = `
select date_trunc('week', t.ended_at, 'UTC'), t.ended_at >= $2, count(*), count(*) filter (where t.converted),
  count(*) filter (where not t.converted and t.ended_at > $3), max(t.ended_at)
from tenon.kpi_ended_trials($1) t
group by 1, 2
order by 1`

// Trials returns the trials that ended in the last days, today included.
func (d *Desk) Trials(ctx context.Context, days int, now time.Time) (Trials, error) {
	today := now.UTC().Truncate(24 * time.Hour)
	t := Trials{From: today.AddDate(0, 0, 1-days)}
	rows, err := d.pool.Query(ctx, trialsSQL, t.From.AddDate(0, 0, -days), t.From, now.Add(-payWithin))
	if err != nil {
		return t, err
	}
	weeks, err := pgx.CollectRows(rows, pgx.RowToStructByPos[trialWeek])
	for _, w := range weeks {
		if !w.Ours {
			t.Before.Ended, t.Before.Paid = t.Before.Ended+w.Ended, t.Before.Paid+w.Paid
			continue
		}
		t.Weeks = append(t.Weeks, kpipg.TrialWeek{
			Week: w.Week.UTC(), TrialsEnded: w.Ended, Converted: w.Paid, ConvPct: 100 * float64(w.Paid) / float64(w.Ended),
		})
		t.Ended, t.Paid, t.Open, t.Newest = t.Ended+w.Ended, t.Paid+w.Paid, t.Open+w.Open, w.Newest.UTC()
	}
	return t, err
}

// trialWeek is a week's trials, those before the days asked for apart.
type trialWeek struct {
	Week              time.Time
	Ours              bool
	Ended, Paid, Open int64
	Newest            time.Time
}
