package directorytest

import (
	"fmt"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/conform"
)

// named lists partners with these names and nothing else to find, the first first.
func (r *rig) named(all ...string) {
	r.t.Helper()
	for _, name := range all {
		r.list("acme", directory.Profile{Name: name, Public: true})
	}
}

var searchRules = group{"search", []rule{
	{"finds_words_by_stem_prefix_and_error", "a word finds itself, its stem, what it begins, and what it was meant to be", func(r *rig) {
		r.named("Carriers United", "Schmidt Logistik", "Ångström Café")
		for text, want := range map[string]string{
			"carrier": "Carriers United", "CARRIERS": "Carriers United", "carr": "Carriers United", "un": "Carriers United",
			"cariers": "Carriers United", "crariers": "Carriers United", "untied": "Carriers United", "unitd": "Carriers United",
			"united carriers": "Carriers United", "logistick": "Schmidt Logistik", "lgistick": "Schmidt Logistik",
			"angstrom": "Ångström Café", "CAFÉ": "Ångström Café", "cafe\u0301": "Ångström Café", "angstrm": "Ångström Café",
		} {
			r.finds(directory.Search{Text: text}, want)
		}
		for _, text := range []string{"c", "carr united schmidt", "crrrs", "uni7ed", "xyz", "%", "_", "cx%", "c_rriers united!x", "лог", "…"} {
			r.finds(directory.Search{Text: text})
		}
	}},
	{"ranks_exact_before_prefix_before_misspelt", "buckets first, the name before the description in each, then verified, then fresh", func(r *rig) {
		r.list("acme", directory.Profile{Name: "Fright", Public: true})                               // misspelt
		r.list("acme", directory.Profile{Name: "Alpha", Description: "All freight.", Public: true})   // exact, in the description
		r.list("acme", directory.Profile{Name: "Freightliner", Public: true})                         // prefix
		r.list("acme", directory.Profile{Name: "Freight Stale", Public: true})                        // exact
		verified := r.list("acme", directory.Profile{Name: "Freight Verified", Public: true})         // exact
		r.list("acme", directory.Profile{Name: "Beta", Description: "A freightliner.", Public: true}) // prefix, in the description
		r.list("acme", directory.Profile{Name: "Freight Fresh", Public: true})                        // exact
		_, err := r.book().Verify(r.ctx(), verified.Ref)
		r.must(err)
		r.finds(directory.Search{Text: "freight"}, "Freight Verified", "Freight Fresh", "Freight Stale", "Alpha", "Freightliner", "Beta", "Fright")
	}},
	{"ranks_nearer_errors_first", "of misspelt words the likelier comes first", func(r *rig) {
		r.named("recession", "reception", "recaption")
		r.finds(directory.Search{Text: "recpetion"}, "reception", "recaption")
		r.named("trucking")
		r.finds(directory.Search{Text: "trukcing"}, "trucking")
	}},
	{"service_and_region_must_all_be_there", "filters contain, empty ones do not restrict", func(r *rig) {
		for i, of := range []struct{ services, regions []string }{
			{[]string{"ltl", "ftl"}, []string{"us-ca"}}, {[]string{"ltl"}, []string{"us-ca", "us-nv"}}, {nil, []string{"us-nv"}}, {},
		} {
			r.list("acme", directory.Profile{Name: fmt.Sprint("P", i), Services: of.services, Regions: of.regions, Public: true})
		}
		r.finds(directory.Search{}, "P3", "P2", "P1", "P0")
		r.finds(directory.Search{Services: []string{}, Regions: []string{}}, "P3", "P2", "P1", "P0")
		r.finds(directory.Search{Services: []string{"LTL"}}, "P1", "P0")
		r.finds(directory.Search{Services: []string{"ltl"}, Regions: []string{"us-ca"}}, "P1", "P0")
		r.finds(directory.Search{Services: []string{"ltl", "ftl"}, Regions: []string{"us-ca"}}, "P0")
		r.finds(directory.Search{Regions: []string{"us-nv", "us-ca"}}, "P1")
		r.finds(directory.Search{Services: []string{"air"}})
		r.finds(directory.Search{Text: "p1", Services: []string{"ftl"}})
	}},
	{"counts_facets_over_everything_found", "facets do not depend on the page", func(r *rig) {
		for i := range 5 {
			d := r.list("acme", directory.Profile{
				Name: "Hauler", Services: []string{"ltl", fmt.Sprint("s", i%2)}, Regions: []string{"us-ca"}, Public: true,
			})
			if i == 0 {
				_, err := r.book().Verify(r.ctx(), d.Ref)
				r.must(err)
			}
		}
		r.named("Other")
		s := directory.Search{Text: "hauler", Limit: 2, Facets: []directory.Facet{directory.FacetServices, directory.FacetRegions, directory.FacetVerified}}
		want := map[directory.Facet][]directory.FacetCount{
			directory.FacetServices: {{Value: "ltl", Count: 5}, {Value: "s0", Count: 3}, {Value: "s1", Count: 2}},
			directory.FacetRegions:  {{Value: "us-ca", Count: 5}},
			directory.FacetVerified: {{Value: "false", Count: 4}, {Value: "true", Count: 1}},
		}
		page := r.search(s)
		conform.Equal(r.t, "facets", page.Facets, want)
		s.After = page.Next
		conform.Equal(r.t, "facets of the next page", r.search(s).Facets, want)
		s.Text, s.After = "nothing of this", ""
		page = r.search(s)
		conform.Equal(r.t, "facets of nothing", page.Facets, map[directory.Facet][]directory.FacetCount{
			directory.FacetServices: {}, directory.FacetRegions: {}, directory.FacetVerified: {},
		})
	}},
	{"pages_neither_leave_out_nor_repeat", "a cursor goes on where the page ended, though entries come meanwhile", func(r *rig) {
		for i := range 9 {
			r.named([]string{"Hauler", "Haulers", "Hauling Hauler", "Haulerson", "Haluer"}[i%5])
		}
		for _, s := range []directory.Search{
			{Text: "hauler", Limit: 2},
			{Limit: 2},
			{Sort: directory.ByName, Limit: 2},
			{Sort: directory.ByFresh, Limit: 2},
			{Text: "hauler", Sort: directory.ByName, Limit: 4},
		} {
			whole := s
			whole.Limit = 100
			want := names(r.search(whole))
			var got []string
			for {
				page := r.search(s)
				got = append(got, names(page)...)
				if s.After = page.Next; s.After == "" {
					break
				}
			}
			conform.Equal(r.t, fmt.Sprintf("pages of %+v", s), got, want)
		}
		first := r.search(directory.Search{Text: "hauler", Limit: 3})
		r.named("Hauler") // fresher than all
		second := r.search(directory.Search{Text: "hauler", Limit: 100, After: first.Next})
		for _, a := range first.Results {
			for _, b := range second.Results {
				if a.ID == b.ID {
					r.t.Fatalf("%s is on two pages", a.Name)
				}
			}
		}
		conform.Equal(r.t, "results", len(first.Results)+len(second.Results), 9)
	}},
	{"refuses_forged_cursors", "a cursor serves the search that it was made for, and is signed", func(r *rig) {
		r.named("Hauler", "Hauler", "Hauler")
		s := directory.Search{Text: "hauler", Limit: 1}
		next := r.search(s).Next
		other := r.opts
		other.Key = tenon.NewSecret("another key")
		for i, after := range []string{next[:len(next)-1], next + "A", "A" + next, strings.ToUpper(next), "x", "\x00", strings.Repeat("A", 9999)} {
			s.After = after
			_, err := r.book().Search(r.ctx(), s)
			r.fails(fmt.Sprint("cursor ", i), err, directory.ErrCursor)
		}
		for _, s := range []directory.Search{{Text: "haulers", After: next}, {After: next}, {Text: "hauler", Sort: directory.ByName, After: next}, {Text: "hauler", Services: []string{"ltl"}, After: next}} {
			_, err := r.book().Search(r.ctx(), s)
			r.fails("cursor of another search", err, directory.ErrCursor)
		}
		s.After = next
		_, err := directory.NewBook(clocked{r.store, r.now}, &other).Search(r.ctx(), s)
		r.fails("cursor of another directory", err, directory.ErrCursor)
	}},
	{"escapes_what_it_marks", "names and descriptions are text, never markup", func(r *rig) {
		r.list("acme", directory.Profile{
			Name: `<script>alert("Freight")</script>`, Public: true,
			Description: strings.Repeat("Before. ", 100) + "Fr&eight <b>freights</b> שלום מטען " + strings.Repeat("After. ", 100),
		})
		one := r.search(directory.Search{Text: "freight"}).Results[0]
		conform.Equal(r.t, "name", one.NameHTML, `&lt;script&gt;alert(&#34;<mark>Freight</mark>&#34;)&lt;/script&gt;`)
		for _, part := range []string{"Fr&amp;eight", "&lt;b&gt;<mark>freights</mark>&lt;/b&gt;", "… ", " …"} {
			if !strings.Contains(one.SnippetHTML, part) {
				r.t.Fatalf("%q is not in %s", part, one.SnippetHTML)
			}
		}
		one = r.search(directory.Search{Text: "מטען"}).Results[0]
		if !strings.Contains(one.SnippetHTML, "<mark>מטען</mark>") {
			r.t.Fatalf("right to left: %s", one.SnippetHTML)
		}
	}},
	{"never_shows_contact_or_website", "a list has neither, even where the partner shows them", func(r *rig) {
		p := profile("Open")
		p.ShowContact = true
		d := r.list("acme", p)
		if said := fmt.Sprintf("%+v", r.search(directory.Search{Text: "open"})); strings.Contains(said, "hidden.example") {
			r.t.Fatal(said)
		}
		r.finds(directory.Search{Text: "hidden"})
		page, err := r.book().Public(r.ctx(), d.ID)
		r.must(err)
		conform.Equal(r.t, "contact", page.Contact, p.Contact)
		p.ShowContact = false
		page, err = r.book().Public(r.ctx(), r.list("acme", p).ID)
		r.must(err)
		conform.Equal(r.t, "contact that is not shown", page.Contact+page.Website, "")
	}},
	{"languages_other_than_english_are_not_stemmed", "stems are English; a word finds itself in any language", func(r *rig) {
		r.list("acme", directory.Profile{Name: "Machines", Language: "fr", Public: true})
		r.list("acme", directory.Profile{Name: "Machines Too", Public: true})
		r.finds(directory.Search{Text: "machining"}, "Machines Too")
		r.finds(directory.Search{Text: "machines"}, "Machines Too", "Machines")
	}},
	{"finds_what_a_plain_reading_finds", "random searches find the same as a naive reference", func(r *rig) { r.random(40, 120) }},
	{"is_fresh_when_confirmed", "confirming brings to the front", func(r *rig) {
		d := r.list("acme", directory.Profile{Name: "A", Public: true})
		r.named("B")
		r.finds(directory.Search{Sort: directory.ByFresh}, "B", "A")
		r.later(time.Hour)
		_, err := r.book().Confirm(r.ctx(), d.Ref)
		r.must(err)
		r.finds(directory.Search{Sort: directory.ByFresh}, "A", "B")
		r.finds(directory.Search{Sort: directory.ByName}, "A", "B")
	}},
}}
