package directorytest

import (
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/conform"
)

// stands fails unless the paper of a kind stands so.
func (r *rig) stands(ref directory.Ref, kind string, want directory.Freshness) {
	r.t.Helper()
	papers, err := r.book().Papers(r.ctx(), ref)
	r.must(err)
	for _, p := range papers {
		if p.Kind == kind {
			conform.Equal(r.t, kind+" at "+r.now.String(), p.Status, want)
			return
		}
	}
	r.t.Fatalf("there is no paper %s", kind)
}

var paperRules = group{"papers", []rule{
	{"a_day_ends_when_it_ends_there", "a document is in force to the end of its last day in its zone", func(r *rig) {
		d := r.create("acme", profile("One"))
		for kind, of := range map[string]struct {
			zone, expires string
			end           time.Time
		}{
			"auckland":    {"Pacific/Auckland", "2026-03-10", time.Date(2026, 3, 10, 11, 0, 0, 0, time.UTC)},
			"los-angeles": {"America/Los_Angeles", "2026-03-10", time.Date(2026, 3, 11, 7, 0, 0, 0, time.UTC)},
			"utc":         {"", "2026-03-10", time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC)},
			"leap":        {"America/Los_Angeles", "2028-02-29", time.Date(2028, 3, 1, 8, 0, 0, 0, time.UTC)},
		} {
			r.now = noon
			r.add(d.Ref, kind, of.expires, of.zone)
			r.now = of.end.Add(-time.Microsecond)
			r.stands(d.Ref, kind, directory.ExpiringSoon)
			r.now = of.end
			r.stands(d.Ref, kind, directory.Expired)
			r.now = of.end.AddDate(0, 0, -9)
			r.stands(d.Ref, kind, directory.Valid)
		}
	}},
	{"a_newer_version_supersedes", "the newest version of a kind is in force, whatever its dates", func(r *rig) {
		d := r.create("acme", profile("One"))
		r.add(d.Ref, "licence", "2026-03-01", "")
		r.stands(d.Ref, "licence", directory.Expired)
		r.add(d.Ref, "licence", "2027-03-01", "")
		r.stands(d.Ref, "licence", directory.Valid)
		conform.Equal(r.t, "version", r.add(d.Ref, "licence", "2026-03-12", "").Version, 3)
		r.stands(d.Ref, "licence", directory.ExpiringSoon)
		_, err := r.book().VerifyDocument(r.ctx(), d.Ref, "licence", 2)
		r.fails("verify", err, directory.ErrSuperseded)
		_, err = r.book().VerifyDocument(r.ctx(), d.Ref, "licence", 4)
		r.fails("verify", err, directory.ErrUnknownDocument)
		papers, err := r.book().Papers(r.ctx(), d.Ref)
		r.must(err)
		conform.Equal(r.t, "versions", len(papers[0].Versions), 3)
	}},
	{"a_list_of_stale_papers_has_no_valid_ones", "what is valid is not called stale", func(r *rig) {
		r.opts.Policy = directory.Policy{Required: map[string][]string{"ltl": {"insurance"}}}
		stale := r.create("acme", profile("Stale"))
		r.add(stale.Ref, "licence", "2026-03-09", "")
		r.add(stale.Ref, "permit", "2026-03-17", "")
		r.add(stale.Ref, "valid", "2026-03-18", "")
		fine := r.create("acme", profile("Fine"))
		r.add(fine.Ref, "insurance", "2027-03-09", "")
		r.create("other", profile("Of another tenant"))
		page, err := r.book().Stale(r.ctx(), "acme", "", 10)
		r.must(err)
		var got []string
		for _, p := range page.Papers {
			got = append(got, p.Name+" "+p.Kind+" "+string(p.Status))
		}
		conform.Equal(r.t, "papers", got, []string{"Stale insurance missing", "Stale licence expired", "Stale permit expiring_soon"})
		digest, err := r.book().Digest(r.ctx())
		r.must(err)
		conform.Equal(r.t, "digest", digest, directory.Digest{Missing: 2, Expired: 1, ExpiringSoon: 1})
	}},
	{"stale_papers_come_page_by_page", "pages neither leave a partner out nor repeat one", func(r *rig) {
		r.opts.Policy = directory.Policy{Required: map[string][]string{"ltl": {"insurance", "licence"}}}
		for _, name := range []string{"A", "B", "C"} {
			r.create("acme", profile(name))
		}
		var got []string
		for after := ""; ; {
			page, err := r.book().Stale(r.ctx(), "acme", after, 2)
			r.must(err)
			for _, p := range page.Papers {
				got = append(got, p.Name+" "+p.Kind)
			}
			if after = page.Next; after == "" {
				break
			}
		}
		conform.Equal(r.t, "papers", got, []string{
			"A insurance", "A licence", "B insurance", "B licence", "C insurance", "C licence",
		})
	}},
}}

var badInputRules = group{"bad_input", []rule{
	{"says_which_field_of_a_search_is_wrong", "a search that cannot be right is refused by the field", func(r *rig) {
		var many []string
		for range 200 {
			many = append(many, "ltl")
		}
		for field, s := range map[string]directory.Search{
			"text: has 10000": {Text: strings.Repeat("a", 10_000)}, "text: holds": {Text: "a\x00b"}, "text: is not": {Text: "\xff"},
			"text: has 13": {Text: "b c d e f g h i j k l m n"}, "services: are 200": {Services: many},
			"services: \"\"": {Services: []string{""}}, "regions: \"o'brien": {Regions: []string{"o'brien"}},
			"facets": {Facets: []directory.Facet{"contact_email"}}, "sort": {Sort: "rank; drop table"}, "limit": {Limit: 101},
			"text: holds the control character U+0007": {Text: "bell\a"},
		} {
			_, err := r.book().Search(r.ctx(), s)
			r.fails(field, err, tenon.ErrInvalid)
			if !strings.HasPrefix(err.Error(), "directory: "+field) {
				r.t.Fatalf("%s: %v", field, err)
			}
		}
	}},
	{"says_which_field_of_a_call_is_wrong", "what cannot be stored or looked up is refused alike by every store", func(r *rig) {
		d := r.list("acme", profile("One"))
		for _, text := range []string{"\x00", "\xff"} {
			_, err := r.book().List(r.ctx(), directory.ListQuery{Status: directory.Status(text)})
			r.fails("status", err, tenon.ErrInvalid)
			_, err = r.book().Reject(r.ctx(), d.Ref, text)
			r.fails("reason of a rejection", err, tenon.ErrInvalid)
			_, err = r.book().Unpublish(r.ctx(), d.Ref, text)
			r.fails("reason of hiding", err, tenon.ErrInvalid)
			_, err = r.book().Unverify(r.ctx(), d.Ref, text)
			r.fails("reason of taking a verification back", err, tenon.ErrInvalid)
			r.fails("reason of removing", r.book().Remove(r.ctx(), d.Ref, text), tenon.ErrInvalid)
		}
		r.finds(directory.Search{Text: "one"}, "One")
		for _, id := range []string{"1", "01890000x0000-7000-8000-000000000000", "01890000-0000-7000-8000-00000000000G"} {
			_, err := r.book().List(r.ctx(), directory.ListQuery{After: id})
			r.refuses("after", err)
			_, err = r.book().Stale(r.ctx(), "acme", id, 1)
			r.refuses("after", err)
			_, err = r.book().Public(r.ctx(), id)
			r.fails("public page", err, directory.ErrUnknownPartner)
			_, err = r.book().Partner(r.ctx(), directory.Ref{Tenant: "acme", ID: id})
			r.fails("partner", err, directory.ErrUnknownPartner)
		}
	}},
	{"takes_any_text_that_can_be_asked", "text is words, whatever else is in it", func(r *rig) {
		r.list("acme", profile("حمل بضائع"))
		r.list("acme", profile("O'Neill & Co"))
		r.finds(directory.Search{Text: "بضائع"}, "حمل بضائع")
		r.finds(directory.Search{Text: "oneill"}, "O'Neill & Co")
		for _, text := range []string{
			"' or 1=1 --", "a:* & b", "\\", "'", "%%%", "___", "!(a|b)", "<->", "ªº", "𝕏", "\u202Eabc", "a\u200bb", "🚚", "'':*",
		} {
			_, err := r.book().Search(r.ctx(), directory.Search{Text: text, Facets: []directory.Facet{directory.FacetServices}})
			if err != nil && !strings.Contains(err.Error(), "turns the direction") {
				r.t.Fatalf("%q: %v", text, err)
			}
		}
	}},
	{"says_which_field_of_a_profile_is_wrong", "a profile that cannot be kept is refused by the field, and nothing is kept", func(r *rig) {
		var many []string
		for i := range 200 {
			many = append(many, "s"+strings.Repeat("x", i%50)+string(rune('a'+i%26)))
		}
		for field, spoil := range map[string]func(p *directory.Profile){
			"company_name":            func(p *directory.Profile) { p.Name = "  " },
			"company_name: has":       func(p *directory.Profile) { p.Name = strings.Repeat("x", 201) },
			"company_name: holds":     func(p *directory.Profile) { p.Name = "a\u202Eb" },
			"description":             func(p *directory.Profile) { p.Description = strings.Repeat("x", 4001) },
			"services: are 200":       func(p *directory.Profile) { p.Services = many },
			"regions":                 func(p *directory.Profile) { p.Regions = []string{"a b"} },
			"contact_email":           func(p *directory.Profile) { p.Contact = "Ann <ann@example.com>" },
			"contact_email: is not":   func(p *directory.Profile) { p.Contact = "ann" },
			"website":                 func(p *directory.Profile) { p.Website = "javascript:alert(1)" },
			"website: does":           func(p *directory.Profile) { p.Website = " JaVaScRiPt://example.com/%0aalert(1)" },
			"website: does not":       func(p *directory.Profile) { p.Website = "data:text/html,x" },
			"website: is":             func(p *directory.Profile) { p.Website = "https://user:pw@example.com/" },
			"website: is not":         func(p *directory.Profile) { p.Website = "https:///path" },
			"website: does not begin": func(p *directory.Profile) { p.Website = "example.com" },
			"zone":                    func(p *directory.Profile) { p.Zone = "../../etc/passwd" },
			"zone: \"Local\"":         func(p *directory.Profile) { p.Zone = "Local" },
			"language":                func(p *directory.Profile) { p.Language = "<b>" },
		} {
			p := profile("One")
			spoil(&p)
			_, err := r.book().Create(r.ctx(), "acme", p)
			r.fails(field, err, tenon.ErrInvalid)
			if !strings.HasPrefix(err.Error(), "directory: "+field) {
				r.t.Fatalf("%s: %v", field, err)
			}
		}
		_, err := r.book().Create(r.ctx(), "", profile("One"))
		r.fails("tenant", err, tenon.ErrInvalid)
		all, err := r.store.List(r.ctx(), directory.ListQuery{Limit: 10})
		r.must(err)
		conform.Equal(r.t, "partners", len(all), 0)
	}},
	{"says_which_field_of_a_document_is_wrong", "a document that cannot be kept is refused by the field", func(r *rig) {
		d := r.create("acme", profile("One"))
		day := func(y, m, d int) directory.Date { return directory.Date{Year: y, Month: time.Month(m), Day: d} }
		for field, doc := range map[string]directory.Document{
			"kind":                  {Kind: "Has Space"},
			"expires_at":            {Kind: "licence", Expires: day(2027, 2, 29)},
			"expires_at: is before": {Kind: "licence", Issued: day(2027, 1, 2), Expires: day(2027, 1, 1)},
			"issued_at":             {Kind: "licence", Issued: day(2027, 13, 1)},
			"number":                {Kind: "licence", Number: "a\nb"},
			"zone":                  {Kind: "licence", Zone: "Mars/Olympus"},
			"file":                  {Kind: "licence", File: strings.Repeat("x", 501)},
		} {
			_, err := r.book().AddDocument(r.ctx(), d.Ref, doc)
			r.fails(field, err, tenon.ErrInvalid)
			if !strings.HasPrefix(err.Error(), "directory: "+field) {
				r.t.Fatalf("%s: %v", field, err)
			}
		}
		conform.Equal(r.t, "documents", len(r.load(d.Ref).Documents), 0)
	}},
}}
