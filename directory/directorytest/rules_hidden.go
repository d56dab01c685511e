package directorytest

import (
	"fmt"
	"strings"
	"time"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/conform"
)

// secret is of a partner whose every word occurs nowhere else.
func secret() directory.Profile {
	return directory.Profile{
		Name: "Zyxwvut Clandestine", Description: "Quixotically transports obfuscated marmalade.",
		Services: []string{"submarine"}, Regions: []string{"atlantis"}, Contact: "whisper@hush.example",
		Website: "https://hush.example/", Public: true,
	}
}

// questions are all ways to ask for what secret says.
func questions() []directory.Search {
	var all []directory.Search
	words := strings.Fields(secret().Name + " " + secret().Description + " whisper hush hush.example whisper@hush.example submarine atlantis")
	for _, w := range words {
		for _, text := range []string{w, strings.ToUpper(w), w[:len(w)-1], w[:3], w[1:], w[:2] + "x" + w[2:], w + "s"} {
			all = append(all, directory.Search{Text: text})
		}
	}
	return append(all, directory.Search{Services: []string{"submarine"}}, directory.Search{Regions: []string{"atlantis"}},
		directory.Search{Services: []string{"submarine"}, Regions: []string{"atlantis"}}, directory.Search{},
		directory.Search{Sort: directory.ByName}, directory.Search{Sort: directory.ByFresh})
}

// tellsNothing fails when any answer says something of the secret partner.
func (r *rig) tellsNothing(d *directory.Dossier) {
	r.t.Helper()
	for _, q := range questions() {
		q.Facets = []directory.Facet{directory.FacetServices, directory.FacetRegions, directory.FacetVerified}
		page := r.search(q)
		said := strings.ToLower(fmt.Sprintf("%+v", page))
		for _, w := range []string{"zyxwvut", "clandestine", "marmalade", "submarine", "atlantis", "hush", d.ID} {
			if strings.Contains(said, w) {
				r.t.Fatalf("%+v says %q: %s", q, w, said)
			}
		}
		for _, f := range page.Facets[directory.FacetVerified] {
			if f.Count > 1 {
				r.t.Fatalf("%+v counts it: %s", q, said)
			}
		}
	}
	_, err := r.book().Public(r.ctx(), d.ID)
	_, other := r.book().Public(r.ctx(), "01890000-0000-7000-8000-000000000000")
	r.fails("public page", err, directory.ErrUnknownPartner)
	conform.Equal(r.t, "error, beside that of one that never was", err.Error(), other.Error())
}

var hiddenRules = group{"hidden", []rule{
	{"a_draft_is_found_by_nothing", "only what is published is searched", func(r *rig) {
		r.list("other", profile("Visible"))
		d := r.create("acme", secret())
		r.tellsNothing(d)
		d, err := r.book().Submit(r.ctx(), d.Ref, 1)
		r.must(err)
		r.tellsNothing(d)
		r.publish(d)
		r.finds(directory.Search{Text: "marmelade"}, "Zyxwvut Clandestine")
		_, err = r.book().Unpublish(r.ctx(), d.Ref, "")
		r.must(err)
		r.tellsNothing(d)
	}},
	{"a_draft_changes_nothing_of_what_is_published", "the public sees the published version until the next is published", func(r *rig) {
		d := r.list("acme", profile("Before"))
		d, err := r.book().Save(r.ctx(), d.Ref, 1, secret())
		r.must(err)
		r.tellsNothing(&directory.Dossier{Partner: directory.Partner{Ref: directory.Ref{ID: "01890000-0000-7000-8000-000000000001"}}})
		r.finds(directory.Search{Text: "before"}, "Before")
		r.publish(d)
		r.finds(directory.Search{Text: "before"})
		r.finds(directory.Search{Services: []string{"ltl"}, Regions: []string{"us-ca"}})
		r.finds(directory.Search{Services: []string{"submarine"}, Regions: []string{"atlantis"}}, "Zyxwvut Clandestine")
	}},
	{"who_is_not_public_is_found_by_nothing", "published is not public", func(r *rig) {
		r.list("other", profile("Visible"))
		p := secret()
		p.Public = false
		d := r.list("acme", p)
		r.tellsNothing(d)
		conform.Equal(r.t, "listed", r.load(d.Ref).TenantListed, 0)
	}},
	{"who_is_removed_is_found_by_nothing", "a removed partner is there for nobody", func(r *rig) {
		r.list("other", profile("Visible"))
		d := r.list("acme", secret())
		r.must(r.book().Remove(r.ctx(), d.Ref, "asked for"))
		r.tellsNothing(d)
		_, err := r.book().Partner(r.ctx(), d.Ref)
		r.fails("partner", err, directory.ErrUnknownPartner)
	}},
	{"who_lacks_a_paper_is_hidden_to_the_second", "a partner is hidden from the instant at which a required document expires", func(r *rig) {
		r.opts.Policy = directory.Policy{Required: map[string][]string{"submarine": {"licence"}}, HideExpired: true}
		r.list("other", profile("Visible"))
		d, err := r.book().Submit(r.ctx(), r.create("acme", secret()).Ref, 1)
		r.must(err)
		p, err := r.book().Publish(r.ctx(), d.Ref, 1)
		r.must(err)
		conform.Equal(r.t, "refused", p.Refused, []string{"the document licence is missing"})
		r.add(d.Ref, "licence", "2026-03-11", "America/Los_Angeles")
		d = r.publish(d)
		r.now = time.Date(2026, 3, 12, 6, 59, 59, 999_999_000, time.UTC) // daylight time: seven hours behind
		r.finds(directory.Search{Text: "marmalade"}, "Zyxwvut Clandestine")
		r.later(time.Microsecond)
		r.tellsNothing(d)
		r.add(d.Ref, "licence", "2027-03-11", "")
		r.finds(directory.Search{Text: "marmalade"}, "Zyxwvut Clandestine")
	}},
	{"a_draft_that_needs_more_hides_nobody", "what the published version requires decides who is hidden", func(r *rig) {
		r.opts.Policy = directory.Policy{Required: map[string][]string{"air": {"licence"}}, HideExpired: true}
		d := r.list("acme", profile("One"))
		p := profile("One")
		p.Services = []string{"air"}
		d, err := r.book().Save(r.ctx(), d.Ref, 1, p)
		r.must(err)
		conform.Equal(r.t, "required", d.Required, []string{"licence"})
		r.finds(directory.Search{Text: "one"}, "One")
	}},
	{"a_new_policy_reaches_every_partner", "partners that another policy settled are brought in line", func(r *rig) {
		for range 3 {
			r.list("acme", secret())
		}
		d := r.list("acme", secret())
		conform.Equal(r.t, "settled", r.settle(), 0)
		r.opts.Policy = directory.Policy{Required: map[string][]string{"": {"licence"}}, HideExpired: true}
		conform.Equal(r.t, "settled", r.settle(), 4)
		r.tellsNothing(d)
		conform.Equal(r.t, "settled again", r.settle(), 0)
		r.opts.Policy = directory.Policy{}
		conform.Equal(r.t, "settled", r.settle(), 4)
		conform.Equal(r.t, "found", len(r.search(directory.Search{Text: "marmalade"}).Results), 4)
	}},
}}
