package ratelimit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/report"
)

const (
	windowLimit  = 100
	windowLength = 200 * time.Millisecond
)

// compareWindows counts what the worst window lets through when calls come in two bursts: about a window apart, and on
// either side of the end of a window that began with the first call.
func compareWindows(_ context.Context, l *lab.Lab, s *report.Section) error {
	l.Say("ratelimit: worst windows")
	t := report.Table{
		Title: "The worst window",
		Text: fmt.Sprintf("How many of %d calls any %s lets through, when two bursts come a window apart, or on either side of "+
			"where a window ends. The bucket's documented bound is its burst and a window of its rate.", windowLimit, windowLength),
	}
	for i, who := range contestants() {
		worst := 0
		for _, pause := range []time.Duration{windowLength / 10, windowLength * 19 / 20} {
			n, err := who.twoBursts(pause)
			if err != nil {
				return err
			}
			worst = max(worst, n)
		}
		r := report.Row{Case: who.name, Figure: report.Figure{Value: float64(worst) / windowLimit, Unit: report.Times}}
		if i == 0 {
			r.Target = report.Target{Bound: report.AtMost, Value: 1}
		}
		t.Rows = append(t.Rows, r)
	}
	s.Tables = append(s.Tables, t)
	return nil
}

// twoBursts asks once, and then twice for everything: shortly before a window has passed, and a pause later.
func (c contestant) twoBursts(pause time.Duration) (worst int, err error) {
	ask, done, err := c.make(windowLimit, windowLength, 16)
	if err != nil {
		return 0, err
	}
	defer done()
	var passed []time.Time
	burst := func() {
		for range 2 * windowLimit {
			if ask("key") {
				passed = append(passed, time.Now())
			}
		}
	}
	if ask("key") {
		passed = append(passed, time.Now())
	}
	time.Sleep(windowLength * 19 / 20)
	burst()
	time.Sleep(pause)
	burst()
	for i, from := range passed {
		end, _ := slices.BinarySearchFunc(passed, from.Add(windowLength), time.Time.Compare)
		worst = max(worst, end-i)
	}
	return worst, nil
}
