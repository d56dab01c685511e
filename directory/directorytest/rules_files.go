package directorytest

import (
	"fmt"
	"strings"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/conform"
)

// imports imports lines and fails unless these are refused: "3 website" is the third, for its website.
func (r *rig) imports(lines []string, refused ...string) *directory.ImportReport {
	r.t.Helper()
	report, err := r.book().ImportCSV(r.ctx(), "acme", strings.NewReader(strings.Join(lines, "\n")))
	r.must(err)
	var got []string
	for _, one := range report.Refused {
		if one.Reason == "" {
			r.t.Fatalf("line %d has no reason", one.Line)
		}
		got = append(got, fmt.Sprint(one.Line, " ", one.Field))
	}
	conform.Equal(r.t, "refused", got, refused)
	return report
}

var fileRules = group{"files", []rule{
	{"what_comes_out_as_csv_goes_in_again", "an export that is imported changes nothing", func(r *rig) {
		p := profile("=cmd|' /C calc'!A0")
		p.Description = "Line one,\nand \"two\"; 'three'."
		r.create("acme", p)
		r.create("acme", profile("'Quoted"))
		var file strings.Builder
		r.must(r.book().ExportCSV(r.ctx(), "acme", &file))
		if strings.Contains(file.String(), ",=cmd") {
			r.t.Fatalf("a formula: %s", file.String())
		}
		report, err := r.book().ImportCSV(r.ctx(), "acme", strings.NewReader(file.String()))
		r.must(err)
		conform.Equal(r.t, "report", *report, directory.ImportReport{Unchanged: 2})
		_, err = r.book().ImportCSV(r.ctx(), "other", strings.NewReader(file.String()))
		r.must(err)
		all, err := r.store.List(r.ctx(), directory.ListQuery{Limit: 10})
		r.must(err)
		conform.Equal(r.t, "partners", len(all), 2)
	}},
	{"csv_says_line_by_line_what_was_refused", "a line that is refused is reported and keeps no other back", func(r *rig) {
		report := r.imports([]string{
			"company_name,services,website,is_public",
			"Good,ltl;ftl,https://good.example/,true",
			",ltl,,",
			"Bad site,ltl,javascript:alert(1),",
			"\"Two\nlines\",Has Space,,",
			"Too,many,,true,cells",
			"Perhaps,ltl,,perhaps",
			"Also good,,,",
		}, "3 company_name", "4 website", "5 services", "7 line", "8 is_public")
		conform.Equal(r.t, "created", report.Created, 2)
		for _, file := range []string{"", "name\nx", "company_name,company_name\n", "services\n"} {
			_, err := r.book().ImportCSV(r.ctx(), "acme", strings.NewReader(file))
			r.fails("import", err, tenon.ErrInvalid)
		}
	}},
	{"csv_saves_what_differs", "a line with an id is saved from its version; what it does not have stays", func(r *rig) {
		one, short := r.create("acme", profile("One")), r.create("acme", profile("Short"))
		stale := r.create("acme", profile("Stale"))
		_, err := r.book().Save(r.ctx(), stale.Ref, 1, profile("Staler"))
		r.must(err)
		gone, foreign := r.create("acme", profile("Gone")), r.create("other", profile("Foreign"))
		r.must(r.book().Remove(r.ctx(), gone.Ref, ""))
		report := r.imports([]string{
			"id,version,company_name,description",
			one.ID + ",1,One Ltd,Moves.",
			short.ID + ",,Short Ltd",
			stale.ID + ",1,Stale Ltd,",
			gone.ID + ",,Gone Ltd,",
			foreign.ID + ",,Foreign Ltd,",
			"17,,Seventeen Ltd,",
			one.ID + ",2,,",
		}, "4 version", "5 id", "6 id", "7 id", "8 company_name")
		conform.Equal(r.t, "saved", report.Saved, 2)
		for _, c := range []struct {
			d                 *directory.Dossier
			version           int
			name, description string
		}{
			{one, 2, "One Ltd", "Moves."},
			{short, 2, "Short Ltd", profile("").Description},
			{stale, 2, "Staler", profile("").Description},
			{foreign, 1, "Foreign", profile("").Description},
		} {
			now := r.load(c.d.Ref)
			conform.Equal(r.t, c.name+": version", now.Version, c.version)
			want := c.d.Draft
			want.Name, want.Description = c.name, c.description
			conform.Equal(r.t, c.name+": draft", now.Draft, want)
		}
	}},
	{"csv_refuses_a_line_that_is_too_long", "a line of more than 64 KiB is refused alone", func(r *rig) {
		long := "Long," + strings.Repeat("x", 64<<10)
		report := r.imports([]string{"company_name,description", long, "Good,"}, "2 line")
		conform.Equal(r.t, "created", report.Created, 1)
	}},
}}
