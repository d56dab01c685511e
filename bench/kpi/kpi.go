// Package kpi compares figures from rollups with plain views and covering scans, a funnel with window functions, and
// ingest with a bare insert.
package kpi

import (
	"context"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/report"
)

// Compare measures package kpi.
func Compare(ctx context.Context, l *lab.Lab) (report.Section, error) {
	s := report.Section{Name: "kpi", Text: text}
	for _, part := range []func(context.Context, *lab.Lab, *report.Section) error{compareBoard, compareIngest} {
		if err := part(ctx, l, &s); err != nil {
			return s, err
		}
	}
	return s, nil
}

const text = `Figures of the last 30 days, by the day in New York, of all tenants together: tenon reads them through ` + "`Board.Read`" + `; beside
it stand a plain view over the rows, and the best that was written by hand for this one question. All must agree to the
digit before anything is timed. Ingest stores events by the 500 with callers' keys, so that a retry counts once, and
keeps what rollups are made of; the bare insert has a primary key and nothing else.`
