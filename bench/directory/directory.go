// Package directory compares directory.Book with scans of arrays and with trigram similarity.
package directory

import (
	"context"
	"fmt"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/report"
)

// Compare measures package directory.
func Compare(ctx context.Context, l *lab.Lab) (report.Section, error) {
	s := report.Section{Name: "directory", Text: text}
	d, err := dictionary(l)
	if err != nil {
		return s, err
	}
	s.Text += fmt.Sprintf(" The words are %s.", d.origin)
	for _, part := range []func(context.Context, *lab.Lab, *words, *report.Section) error{compareField, compareRecall, compareAlerts} {
		if err := part(ctx, l, d, &s); err != nil {
			return s, err
		}
	}
	return s, nil
}

const text = "`Book.Search`" + ` answers a page of 20 with names, descriptions and highlights, signs its cursor, and sees public
partners alone. Beside it stand the plain statement over arrays, and pg_trgm's similarity over names with its inverted
index, ordered and cut to 20 as well. Every page by service and region must be the scan's, row by row; a sample of what
was loaded in bulk must be what publishing it writes.`

// share is a part of 1.
const share report.Unit = "of 1"
