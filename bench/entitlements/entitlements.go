// Package entitlements compares entitlements.Gate with a bare map, with pgbench and with a bare insert.
package entitlements

import (
	"context"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/report"
)

// Compare measures package entitlements.
func Compare(ctx context.Context, l *lab.Lab) (report.Section, error) {
	s := report.Section{Name: "entitlements", Text: text}
	for _, part := range []func(context.Context, *lab.Lab, *report.Section) error{
		compareCheck, compareConsume, compareRecord, compareCold, compareWebhook,
	} {
		if err := part(ctx, l, &s); err != nil {
			return s, err
		}
	}
	return s, nil
}

const text = `` + "`Check`" + ` stands beside a Go map that holds the same answers; strict ` + "`Consume`" + ` beside pgbench, which writes the
same rows (key, event, guarded counter) of the same tables in one prepared statement; ` + "`Record`" + ` beside a bare
` + "`insert … select from unnest`" + ` of the same keys and events. After each round every counter must equal what was accepted, the
sum of its events and the number of its keys.`
