package ratelimit

import (
	"context"
	"fmt"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitpg"
)

func comparePostgres(ctx context.Context, l *lab.Lab, s *report.Section) error {
	pool, err := l.Pool(ctx, "ratelimit", migrations.Ratelimit)
	if err != nil {
		return err
	}
	defer pool.Close()
	store := func() ratelimit.Store { return ratelimitpg.New(pool, nil) }
	l.Say("ratelimit: Postgres, %d rounds", l.Rounds)
	series, err := measure.Interleave(ctx, l.Rounds, round(l, store, 1), round(l, store, leasedBy), deniedRound(l, store))
	if err != nil {
		return err
	}
	s.Tables = append(s.Tables, report.Table{
		Title: "Shared through Postgres",
		Text: fmt.Sprintf("%d callers, %d keys, and one key for what is denied; beside tenon's own exact rate.",
			callers, sharedKeys),
		Columns: []string{"tenon", "tenon, exact"},
		Rows: []report.Row{
			report.Ratio(fmt.Sprintf("leased by %d over exact", leasedBy), series[1], series[0], 10),
			{
				Case:   "denied over exact",
				Figure: report.Over(series[2], series[0]),
				Cells:  []string{report.Spread(series[2], report.PerSecond), report.Spread(series[0], report.PerSecond)},
			},
		},
	})
	for i, name := range []string{"exact", "leased", "denied"} {
		s.Samples = append(s.Samples,
			report.Sample{Name: "postgres/" + name + "/tenon", Unit: report.PerSecond, Series: series[i]})
	}
	return nil
}
