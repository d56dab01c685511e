package support

import (
	"context"
	"fmt"
	"time"

	"github.com/rickar/cal/v2"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/support"
)

const (
	yearOfHours = 2080 * time.Hour // 260 days of 8
	ownLoops    = 1_000_000
	peerLoops   = 2_000
)

// starts are where additions begin.
func starts() []time.Time {
	var all []time.Time
	for n := range 256 {
		all = append(all, time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC).Add(time.Duration(n)*17*time.Hour))
	}
	return all
}

func compareCalendar(ctx context.Context, l *lab.Lab, s *report.Section) error {
	l.Say("support: calendar")
	own, err := support.NewCalendar(support.Hours{
		Zone: "UTC", Week: support.Weekdays(support.Span{From: support.At(9, 0), To: support.At(17, 0)}),
	})
	if err != nil {
		return err
	}
	peer := cal.NewBusinessCalendar()
	peer.SetWorkHours(9*time.Hour, 17*time.Hour)
	from := starts()
	for _, at := range from {
		if got := own.Between(at, peer.AddWorkHours(at, yearOfHours)); got != yearOfHours {
			return fmt.Errorf("a year from %s: %s: %w", at, got, errWrong)
		}
		if got := own.Between(at, own.Add(at, yearOfHours)); got != yearOfHours {
			return fmt.Errorf("a year from %s by tenon: %s: %w", at, got, errWrong)
		}
	}
	loop := func(add func(time.Time, time.Duration) time.Time) func(int, int) int {
		return func(_, n int) (sum int) {
			for i := range n {
				sum += add(from[i%len(from)], yearOfHours).Minute()
			}
			return sum
		}
	}
	var allocs measure.Series
	series, err := measure.Interleave(ctx, l.Rounds, func(context.Context) (float64, error) {
		cost := measure.Loop(1, l.Size(ownLoops), loop(own.Add))
		allocs = append(allocs, cost.Allocs)
		return cost.Nanoseconds, nil
	}, func(context.Context) (float64, error) {
		return measure.Loop(1, l.Size(peerLoops), loop(peer.AddWorkHours)).Nanoseconds, nil
	})
	if err != nil {
		return err
	}
	cells := []string{report.Spread(series[0], report.Nanoseconds), report.Spread(series[1], report.Nanoseconds)}
	s.Tables = append(s.Tables, report.Table{
		Title: "Calendar", Text: "A year of business hours added to an instant: 260 days of 8 hours.",
		Columns: []string{"tenon", "rickar/cal"},
		Rows: []report.Row{
			{
				Case:   "Add: rickar/cal over tenon",
				Figure: report.Over(series[1], series[0]),
				Target: report.Target{Bound: report.AtLeast, Value: 10}, Cells: cells,
			},
			{
				Case: "Add", Figure: report.Figure{Value: series[0].Median(), Unit: report.Nanoseconds},
				Target: report.Target{Bound: report.AtMost, Value: 1000}, Cells: []string{"", ""},
			},
			{
				Case: "Add: allocations", Figure: report.Figure{Value: wholeAllocs(allocs.Median()), Unit: report.Allocs},
				Target: report.Target{Bound: report.AtMost, Value: 0}, Cells: []string{"", ""},
			},
		},
	})
	s.Samples = append(s.Samples,
		report.Sample{Name: "calendar/add/tenon", Unit: report.Nanoseconds, Series: series[0]},
		report.Sample{Name: "calendar/add/rickar-cal", Unit: report.Nanoseconds, Series: series[1]})
	return nil
}

// wholeAllocs rounds as package testing does: a handful in millions of calls is the timer's.
func wholeAllocs(perCall float64) float64 {
	if perCall < 0.001 {
		return 0
	}
	return perCall
}
