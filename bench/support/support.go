// Package support compares support.Timers with River, and support.Calendar with rickar/cal.
package support

import (
	"context"
	"errors"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/report"
)

// Compare measures package support.
func Compare(ctx context.Context, l *lab.Lab) (report.Section, error) {
	s := report.Section{Name: "support", Text: text}
	for _, part := range []func(context.Context, *lab.Lab, *report.Section) error{
		compareCalendar, compareThroughput, compareLateness, measureIdle,
	} {
		if err := part(ctx, l, &s); err != nil {
			return s, err
		}
	}
	return s, nil
}

var errWrong = errors.New("a wrong answer")

const text = `A timer of tenon ends in the transaction of its handler, which here writes one row in a statement of its own; a
batch handler writes its rows in one. A job of River does nothing at all and is counted when it has been called, before it is
marked as completed: River has no transaction around its handlers. Both run in one process; River with the number of
workers that was fastest when tried before, and the shortest pause between fetches that it allows. Every timer must have
left exactly one row. The calendars must agree before they are timed.`
