package audittest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

var queryRules = group{"queries", []rule{
	{"an_unknown_tenant_has_an_empty_page", "A query that finds nothing answers with an empty page, not with an error.", unknownTenant},
	{"finds_what_matches_and_nothing_else", "List finds what Query.Matches lets through, and nothing else.", findsMatches},
	{"pages_follow_each_other_in_either_order", "Pages, each after the last entry of the one before, hold every entry of the tenant once, in order.", pagesFollow},
	{"finds_the_newest_of_all_tenants", "Over all tenants the newest entry comes first, whosever it is.", newestOfAll},
}}

func unknownTenant(r *rig) {
	r.check(len(r.list(audit.Query{Tenant: "nobody"})) == 0, "something is there")
	r.check(len(r.list(audit.Query{AllTenants: true})) == 0, "something is there")
}

// sample is a few entries that differ in what is asked for.
func sample() []audit.Entry {
	entries := Entries("acme", 8)
	entries[1].Actor, entries[1].OnBehalfOf = "bert", ""
	entries[2].Action = "user.invited"
	entries[3].Targets = []audit.Target{{Type: "lane", ID: "q3"}}
	entries[4].Targets = nil
	entries[5].Payload = json.RawMessage(`{"note":"100%_\\ of ANN's lanes"}`)
	entries[6].Payload, entries[6].OnBehalfOf = nil, "ann@acme.test"
	entries[7].Actor, entries[7].UserAgent, entries[7].Action = "", "quotes/ann@acme.test", "quote"
	other := Entry("other", 1)
	platform := Entry("", 2)
	return append(entries, other, platform)
}

func findsMatches(r *rig) {
	entries := sample()
	r.add(entries...)
	at := func(n int) time.Time { return entries[n].At }
	for i, q := range []audit.Query{
		{Tenant: "acme"},
		{Tenant: "other"},
		{},
		{AllTenants: true},
		{Tenant: "acme", ID: entries[3].ID},
		{Tenant: "other", ID: entries[3].ID},
		{Tenant: "acme", Actor: "ann@acme.test"},
		{Tenant: "acme", Actor: "bert"},
		{Tenant: "acme", Actor: "ANN@acme.test"},
		{Tenant: "acme", Action: "user.invited"},
		{Tenant: "acme", Action: "quote.*"},
		{Tenant: "acme", Action: "quote*"},
		{Tenant: "acme", Action: "*"},
		{Tenant: "acme", Action: "quote%"},
		{AllTenants: true, Action: "quote.accepted", Actor: "bert"},
		{Tenant: "acme", Target: audit.Target{Type: "lane"}},
		{Tenant: "acme", Target: audit.Target{Type: "lane", ID: "l7"}},
		{Tenant: "acme", Target: audit.Target{Type: "lane", ID: "q3"}},
		{Tenant: "acme", Target: audit.Target{Type: "quote", ID: "l7"}},
		{Tenant: "acme", From: at(3)},
		{Tenant: "acme", To: at(3)},
		{Tenant: "acme", From: at(3), To: at(3).Add(time.Microsecond)},
		{Tenant: "acme", From: at(3).Add(time.Microsecond)},
		{AllTenants: true, From: at(2), To: at(4)},
		{Tenant: "acme", Text: "ann"},
		{Tenant: "acme", Text: "ANN"},
		{Tenant: "acme", Text: "100%_"},
		{Tenant: "acme", Text: "100_"},
		{Tenant: "acme", Text: `\`},
		{Tenant: "acme", Text: "l7"},
		{Tenant: "acme", Text: "rate"},
		{Tenant: "acme", Text: "1300"},
		{Tenant: "acme", Text: "curl"},
		{Tenant: "acme", Text: "Späti"},
		{Tenant: "acme", Mentions: "ann@acme.test"},
		{Tenant: "acme", Mentions: "ANN"},
		{Tenant: "acme", Mentions: "q3"},
		{Tenant: "acme", Mentions: "1200"},
		{Tenant: "acme", Mentions: "1300.5"},
		{Tenant: "acme", Mentions: "13005e-1"},
		{Tenant: "acme", Mentions: "120"},
		{Tenant: "acme", Mentions: "192.0.2.7"},
	} {
		r.check(q.Check() == nil, "query %d", i)
		var want []string
		for _, e := range entries {
			if q.Matches(&e) {
				want = append(want, e.Tenant+" "+e.ID)
			}
		}
		var got []string
		for _, e := range r.list(q) {
			got = append(got, e.Tenant+" "+e.ID)
		}
		slices.Sort(want)
		slices.Sort(got)
		r.check(slices.Equal(got, want), "%+v finds\n%v, not\n%v", q, got, want)
	}
}

func pagesFollow(r *rig) {
	entries := Entries("acme", 30)
	r.add(entries...)
	r.add(Entries("other", 30)...)
	for _, oldest := range []bool{false, true} {
		var got []string
		for q := (audit.Query{Tenant: "acme", OldestFirst: oldest, Limit: 7}); ; {
			page := r.list(q)
			r.check(len(page) <= 7, "a page of %d", len(page))
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				got = append(got, e.ID)
			}
			q.After = page[len(page)-1].ID
		}
		if !oldest {
			slices.Reverse(got)
		}
		var want []string
		for _, e := range entries {
			want = append(want, e.ID)
		}
		r.check(slices.Equal(got, want), "oldest first %v: %v", oldest, got)
	}
}

func newestOfAll(r *rig) {
	for n := range 20 {
		r.add(Entry(fmt.Sprintf("tenant%d", n%5), n))
	}
	now := Entry("acme", 0)
	now.At = tenon.Instant(time.Now())
	now.ID = idAt(now.At)
	r.add(now)
	page := r.list(audit.Query{AllTenants: true, Limit: 3})
	r.check(len(page) == 3 && page[0].ID == now.ID, "the newest is not first")
	rest := r.list(audit.Query{AllTenants: true, Limit: 100, After: page[2].ID})
	r.check(len(rest) == 18, "%d more, want 18", len(rest))
}
