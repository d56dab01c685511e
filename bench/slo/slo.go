// Package slo compares slo.Recorder with Prometheus and OpenTelemetry, and boards from rollups with plain views.
package slo

import (
	"context"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/report"
)

// Compare measures package slo.
func Compare(ctx context.Context, l *lab.Lab) (report.Section, error) {
	s := report.Section{Name: "slo", Text: text}
	for _, part := range []func(context.Context, *lab.Lab, *report.Section) error{compareObserve, compareBoard} {
		if err := part(ctx, l, &s); err != nil {
			return s, err
		}
	}
	return s, nil
}

const text = "`Observe`" + ` counts an event's outcome and how long it took, exactly against a threshold, and keeps a sketch; beside it
stand ` + "`Histogram.Observe`" + ` of Prometheus, which has neither outcome nor exact threshold, and OpenTelemetry's ` + "`Record`" + ` with an
attribute set that says the outcome. All must have counted every event. The board asks for every window of every
objective; beside it the same counts are taken from the raw rows, and must agree to the digit.`

// percent is a share of a hundred.
const percent report.Unit = "%"
