// Package ratelimit compares ratelimit.Limiter with other limiters: in one process, and over stores that processes
// share.
package ratelimit

import (
	"context"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/report"
)

// Compare measures package ratelimit.
func Compare(ctx context.Context, l *lab.Lab) (report.Section, error) {
	s := report.Section{Name: "ratelimit", Text: text}
	for _, part := range []func(context.Context, *lab.Lab, *report.Section) error{
		compareWindows, compareMemory, compareRedis, comparePostgres,
	} {
		if err := part(ctx, l, &s); err != nil {
			return s, err
		}
	}
	return s, nil
}

const text = `Each limiter is asked for one unit of a limit by key, as its documentation shows. Before anything is timed, twice as
many calls as the limit must get exactly the limit. Ratios are the best peer's time over tenon's, round by round.`
