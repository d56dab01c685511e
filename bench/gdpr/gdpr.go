// Package gdpr compares exports and erasures with what one would write by hand.
package gdpr

import (
	"context"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/report"
)

// Compare measures package gdpr.
func Compare(ctx context.Context, l *lab.Lab) (report.Section, error) {
	s := report.Section{Name: "gdpr", Text: text}
	for _, part := range []func(context.Context, *lab.Lab, *report.Section) error{compareExport, compareErase, compareDiscover} {
		if err := part(ctx, l, &s); err != nil {
			return s, err
		}
	}
	return s, nil
}

const text = `Whatever is compared must have done the same: an archive holds every row of the company, and its digests fit.`
