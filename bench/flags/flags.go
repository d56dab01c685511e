// Package flags compares flags.Set with the least that an evaluation can be, and with its peers.
package flags

import (
	"context"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/report"
)

// Compare measures package flags.
func Compare(ctx context.Context, l *lab.Lab) (report.Section, error) {
	s := report.Section{Name: "flags", Text: text}
	for _, part := range []func(context.Context, *lab.Lab, *report.Section) error{
		compareEvaluation, compareOpenFeature, comparePostgres,
	} {
		if err := part(ctx, l, &s); err != nil {
			return s, err
		}
	}
	return s, nil
}

const text = `The floor is what an evaluation cannot do without: an immutable snapshot behind an atomic pointer, a look-up by
key in a map, and a hash of the tenant for a percentage. It keeps no versions, marks nothing as seen and knows three
comparisons. Everybody has the same 1,003 flags loaded and answers for the same 1,024 tenants with three attributes each.
Before anything is timed every one must give the right answer: on, on by its rule, and for percentages about 10 % of the
tenants; tenon exactly those that its hash names.`
