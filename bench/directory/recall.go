package directory

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/directory"
)

const nearestSQL = `
select company_name
from public.sketch
where company_name % $1
order by similarity(company_name, $1) desc, id
limit 3`

// compareRecall asks for words of the dictionary with one and with two errors in turn, where each word is a partner.
func compareRecall(ctx context.Context, l *lab.Lab, d *words, s *report.Section) error {
	l.Say("directory: recall")
	list := d.list
	if l.Quick {
		list = list[:2000]
	}
	of := make([]directory.Profile, len(list))
	for i, w := range list {
		of[i] = directory.Profile{Name: w, Public: true}
	}
	w, err := newWorldOfWords(ctx, l, of)
	if err != nil {
		return err
	}
	defer w.pool.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	n := l.Size(1000)
	var at1, at3, trigram1, trigram3 float64
	for i := range n {
		word := list[rng.IntN(len(list))]
		text := misspell(rng, word, 1+i%2)
		page, err := w.book.Search(ctx, directory.Search{Text: text, Limit: 3})
		if err != nil {
			return err
		}
		for j, r := range page.Results {
			note(&at1, &at3, j, r.Name == word, n)
		}
		near, err := w.nearest(ctx, text)
		if err != nil {
			return err
		}
		for j, name := range near {
			note(&trigram1, &trigram3, j, name == word, n)
		}
	}
	t := report.Table{
		Title: "Misspelt words", Columns: []string{"tenon", "trigrams"},
		Text: fmt.Sprintf("%d words of a dictionary of %d, drawn and misspelt by a seeded source: one error in every other word, two in "+
			"the others, each a letter left out, put in, replaced or swapped with the next, any place and letter alike. A search that "+
			"another word answers exactly, since the errors made one, counts as a failure.", n, len(list)),
	}
	for _, row := range []struct {
		title         string
		value, beside float64
		target        float64
	}{{"the word is the first result", at1, trigram1, 0.569}, {"it is among the first three", at3, trigram3, 0.674}} {
		t.Rows = append(t.Rows, report.Row{
			Case: row.title, Figure: report.Figure{Value: row.value, Unit: share}, Target: report.Target{Bound: report.AtLeast, Value: row.target},
			Cells: []string{fmt.Sprintf("%.3f", row.value), fmt.Sprintf("%.3f", row.beside)},
		})
	}
	s.Tables = append(s.Tables, t)
	return nil
}

// note counts a result at a place.
func note(at1, at3 *float64, place int, right bool, n int) {
	if right {
		*at3 += 1 / float64(n)
	}
	if right && place == 0 {
		*at1 += 1 / float64(n)
	}
}

func newWorldOfWords(ctx context.Context, l *lab.Lab, of []directory.Profile) (*field, error) {
	for i := range of { // listed somewhere, so that the check of the load holds for them too
		of[i].Services, of[i].Regions = []string{"any"}, []string{"any"}
	}
	w, err := newWorld(ctx, l, "directory_words", of)
	if err != nil {
		return nil, err
	}
	f := &field{world: w}
	return f, f.sketch(ctx, l)
}

func (f *field) nearest(ctx context.Context, text string) ([]string, error) {
	if !f.trigrams {
		return nil, nil
	}
	rows, err := f.pool.Query(ctx, nearestSQL, text)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
