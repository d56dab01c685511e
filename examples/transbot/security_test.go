package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/examples/transbot/internal/web"
)

// Every route is asked for in every way in which it must refuse, and nothing is written by it. What is sent is right but
// for the one thing, which is shown last: with it put right, it is taken.
func TestNobodyCrossesTheLine(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	before := s.digests()
	for _, r := range web.Routes() {
		t.Run(name(r), func(t *testing.T) {
			in := s.in(t)
			for _, a := range in.attempts(r) {
				in.try(r, a)
			}
		})
	}
	var written []string
	for table, digest := range s.digests() {
		if before[table] != digest {
			written = append(written, table)
		}
	}
	require.Empty(t, written, "written by what was refused")
	require.Zero(t, scan[int](s.site, `
select count(*)
from tenon.audit_log
where action like 'POST %' and outcome = 'succeeded' and ts > $1`, s.began), "a refusal was recorded as a success")
	for _, feature := range []string{"rates", "bulk_rating", "api_access", "directory"} {
		used, held := s.left("acme", feature)
		require.Equal(t, s.used[feature], used, feature)
		require.Zero(t, held, feature)
	}
	s.unhush()
	s.requireTaken()
}

// attempt is a request that must be refused.
type attempt struct {
	what   string
	want   []int
	who    *member // nil: nobody
	odd    map[string]string
	header map[string]string
	kind   string // of the body; empty: the right one
	body   func(right string) string
	query  string
	token  string // of the form; empty: the right one
}

// as sends it as somebody.
func as(who *member, what string, want ...int) attempt {
	return attempt{what: what, who: who, want: want}
}

func (s *siege) attempts(r web.Route) (all []attempt) {
	switch r.Access {
	case web.KeyHolder, web.StaffKey:
		all = s.againstKeys(r)
	case web.SignedIn, web.Staff:
		all = s.againstSessions(r)
	case web.Everybody:
		if r.Method == http.MethodPost && !r.API() {
			all = s.fromElsewhere(r)
		}
	case web.Signature:
		all = []attempt{
			as(nil, "no signature", 400),
			{what: "a forged signature", want: []int{400}, header: map[string]string{"Stripe-Signature": "t=1,v1=00"}},
		}
	}
	if r.Method == http.MethodPost {
		all = append(all, s.againstBodies(r)...)
	}
	return append(all, s.againstIDs(r)...)
}

// againstKeys are calls with another key than the right one.
func (s *siege) againstKeys(r web.Route) []attempt {
	bearer := func(value string) map[string]string { return map[string]string{"Authorization": value} }
	all := []attempt{
		as(nil, "no key", 401),
		{what: "an unknown key", want: []int{401}, header: bearer("Bearer tb_aaaaaaaaaaaaaaaaaaaaaaaaaa")},
		{what: "an empty key", want: []int{401}, header: bearer("Bearer ")},
		{what: "another scheme", want: []int{401}, header: bearer("Basic dGI6")},
		{what: "a cookie for a key", want: []int{401}, who: &member{browser: s.owner.browser}},
	}
	if r.Access == web.StaffKey {
		return append(all, attempt{what: "a company's key", want: []int{401}, header: bearer("Bearer " + s.owner.keys["GET /api/quotes"])})
	}
	all = append(all, attempt{what: "the staff's key", want: []int{401}, header: bearer("Bearer " + adminKey)})
	if strings.Contains(r.Path, "{id}") && !strings.HasPrefix(r.Path, "/api/partners") { // those are public
		all = append(all, as(&s.stranger, "another company's key", 404))
	}
	return all
}

// againstSessions are requests with another session than the right one, and from other sites.
func (s *siege) againstSessions(r web.Route) (all []attempt) {
	out := http.StatusSeeOther // to sign in
	if r.Method == http.MethodPost {
		out = http.StatusForbidden
	}
	forged := map[string]string{"Cookie": "transbot_session=" + strings.Repeat("a", 43)}
	all = append(all, as(nil, "no session", out), attempt{what: "a forged cookie", want: []int{out}, header: forged})
	if r.Access == web.Staff {
		all = append(all, as(&s.owner, "a company on the staff's page", 404))
	}
	if strings.Contains(r.Path, "{company}") {
		all = append(all, as(&s.stranger, "another company's session", 404))
	}
	if r.Method == http.MethodPost {
		all = append(all, s.fromElsewhere(r)...)
	}
	if right := s.right(r); r.Form {
		all = append(all,
			attempt{what: "a forged token", want: []int{403}, who: right, token: "forged"},
			attempt{what: "another session's token", want: []int{403}, who: right, token: s.stranger.token},
			attempt{what: "the token in the address", want: []int{403}, who: right, token: "no", query: "csrf=" + right.token},
			attempt{what: "JSON for a form", want: []int{415}, who: right, kind: "application/json"},
			attempt{what: "a form in parts", want: []int{400, 415}, who: right, kind: "multipart/form-data; boundary=x"})
	}
	return all
}

// fromElsewhere are requests that a page of another site makes a browser send.
func (s *siege) fromElsewhere(r web.Route) (all []attempt) {
	for _, header := range []map[string]string{
		{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"},
	} {
		all = append(all, attempt{what: fmt.Sprint("another site: ", header), want: []int{403}, who: s.right(r), header: header})
	}
	return all
}

// right is somebody who may use a route.
func (s *siege) right(r web.Route) *member {
	switch r.Access {
	case web.Staff:
		return &s.staff
	case web.SignedIn, web.KeyHolder:
		return &s.owner
	}
	return nil
}

// againstBodies are bodies that cannot be read.
func (s *siege) againstBodies(r web.Route) (all []attempt) {
	who := s.right(r)
	add := func(what string, status int, body func(string) string) {
		if r.Access == web.Signature {
			status = http.StatusBadRequest // what is not signed is not looked at
		}
		all = append(all, attempt{what: what, want: []int{status}, who: who, body: body})
	}
	add("too large", 413, func(right string) string { return strings.Repeat(" ", int(r.MaxBody)+1) + right })
	kind, _ := s.body(r, "")
	switch kind {
	case "application/json":
		add("cut off", 400, func(right string) string { return right[:len(right)-1] })
		add("nothing", 400, func(string) string { return "" })
		add("a list", 400, func(right string) string { return "[" + right + "]" })
		add("two objects", 400, func(right string) string { return right + right })
		add("an unknown field", 400, func(right string) string { return `{"unknown": 1, ` + right[1:] })
		add("invalid UTF-8", 400, func(right string) string { return `{"` + "\xff" + right[2:] })
		if _, right := s.body(r, ""); strings.Contains(right, `:"`) {
			add("invalid UTF-8 in a text", 400, func(right string) string { return strings.Replace(right, `:"`, ":\"\xff", 1) })
			if name(r) != "POST /api/quotes/bulk" { // which takes what can be rated
				add("a NUL in a text", 400, func(right string) string { return strings.Replace(right, `:"`, `:"\u0000`, 1) })
			}
		}
		add("nesting", 400, func(string) string {
			depth := int(min(r.MaxBody/8, 20_000))
			return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)
		})
		if r.Access != web.Signature {
			all = append(all,
				attempt{what: "a form for JSON", want: []int{415}, who: who, kind: "application/x-www-form-urlencoded"},
				attempt{what: "text for JSON", want: []int{415}, who: who, kind: "text/plain"})
		}
	case "application/x-www-form-urlencoded":
		add("a broken escape", 400, func(right string) string { return right + "&reason=%zz" })
		add("invalid UTF-8", 400, func(right string) string { return right + "&reason=%ff" })
		add("a NUL", 400, func(right string) string { return right + "&reason=a%00b" })
	}
	return all
}

// mark must never stand in an answer as it was sent.
const mark = "<script>alert(1)</script>"

// oddIDs cannot be anything's.
var oddIDs = []string{
	"", "..", "%2e%2e%2f%2e%2e%2fetc", "a%2fb", "%00", "%ff", "%f0%9f%9a%9a", "%E2%80%AE", "-1", "0", strings.Repeat("9", 4000),
	url.PathEscape(mark), "'%20or%201=1--",
	"00000000-0000-0000-0000-000000000000", "01900000-0000-7000-8000-000000000000",
}

// againstIDs are paths of nothing.
func (s *siege) againstIDs(r web.Route) (all []attempt) {
	for _, p := range placeholder.FindAllStringSubmatch(r.Path, -1) {
		for _, id := range oddIDs {
			want := []int{400, 404}
			switch {
			case id == "" || id == "..": // what a mux makes of such a path is another page
				want = append(want, 301, 303, 307, 403, 405, 200)
			case r.Access == web.Everybody: // whose token it is cannot be told, and looking answers nothing
				want = append(want, 200, 403)
			}
			all = append(all, attempt{what: "{" + p[1] + "} is " + id, want: want, who: s.right(r), odd: map[string]string{p[1]: id}})
		}
	}
	return all
}

// try sends an attempt, and requires that it is refused.
func (s *siege) try(r web.Route, a attempt) {
	s.t.Helper()
	answer := s.send(r, a)
	what := name(r) + ": " + a.what
	require.Contains(s.t, a.want, answer.status, "%s: %s", what, answer.body)
	require.NotContains(s.t, answer.body, mark, "%s is reflected", what)
	if r.API() && answer.status >= 400 && answer.status != http.StatusMethodNotAllowed && len(a.odd) == 0 {
		s.requireKept(s.t, documented(r), answer)
	}
}

// send sends an attempt: the right request, but for what it changes.
func (s *siege) send(r web.Route, a attempt) reply {
	s.t.Helper()
	who, client := a.who, http.DefaultClient
	if who == nil {
		who = &member{browser: s.browser()}
	}
	if who.browser.site != nil {
		client = who.client
	}
	token := who.token
	if a.token != "" {
		token = a.token
	}
	kind, body := s.body(r, token)
	if a.kind != "" {
		kind = a.kind
	}
	if a.body != nil {
		body = a.body(body)
	}
	request, err := http.NewRequestWithContext(s.t.Context(), r.Method, s.url+s.path(r, a.odd)+"?"+a.query+"&"+queries[r.Path], strings.NewReader(body))
	require.NoError(s.t, err)
	request.Header.Set("Content-Type", kind)
	if key := who.keys[name(r)]; key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	for name, value := range a.header {
		request.Header.Set(name, value)
	}
	return s.do(client, request)
}

// notTaken are the statuses of what is refused although it is right: there is nothing that it could be done to.
var notTaken = map[string]int{
	"GET /signup/{lead}/{token}":               403, // the mail has another link
	"POST /signup/{lead}/{token}":              403,
	"GET /trials/mails/{name}":                 404, // there is no such mail
	"POST /signin":                             401, // with a key of nobody
	"POST /invitations/{token}":                403, // nobody was invited
	"GET /api/partners/{id}":                   404, // it is a draft
	"GET /partners/{id}":                       404,
	"POST /api/support/tickets/{id}/reopen":    409, // it is open
	"POST /companies/{company}/billing/move":   409, // the company has not paid yet
	"POST /companies/{company}/billing/cancel": 409,
	"GET /privacy/certificate":                 404, // nothing was erased
	"POST /privacy/requests":                   409, // the export is made
	"POST /privacy/holds/release":              404, // of nothing
	"POST /slo/override/revoke":                404,
	"POST /slo/drill":                          404, // without the demo there are no drills
	"POST /audit/tamper":                       404,
	"POST /privacy/skip":                       404,
}

// requireTaken sends every request as it is right, and requires that it is taken.
func (s *siege) requireTaken() {
	s.t.Helper()
	routes, last := web.Routes(), "POST /companies/{company}/data/delete" // after which there is nobody to ask for the others
	slices.SortStableFunc(routes, func(a, b web.Route) int { return strings.Compare(after(a, last), after(b, last)) })
	for _, r := range routes {
		s.t.Run("taken/"+name(r), func(t *testing.T) { s.in(t).take(r) })
	}
}

func after(r web.Route, last string) string {
	if name(r) == last {
		return last
	}
	return ""
}

func (s *siege) take(r web.Route) {
	s.t.Helper()
	a := attempt{who: s.right(r)}
	switch {
	case name(r) == "POST /signout":
		a.who = &s.stranger
	case r.Access == web.StaffKey:
		a.header = map[string]string{"Authorization": "Bearer " + adminKey}
	case r.Access == web.Signature:
		_, body := s.body(r, "")
		a.header = map[string]string{"Stripe-Signature": signedByStripe(body)}
	}
	answer := s.send(r, a)
	if status := notTaken[name(r)]; status != 0 {
		require.Equal(s.t, status, answer.status, answer.body)
		return
	}
	require.Less(s.t, answer.status, 400, answer.body)
}

// changing are the tables that change by themselves, or by a request whatever is answered, and why.
var changing = map[string]string{
	"public.api_requests":   "each call is noted, as the objectives need it",
	"public.quote_requests": "likewise",
	"tenon.slo_rollups":     "and counted",
	"tenon.slo_sketches":    "and counted",
	"tenon.slo_sources":     "and counted",
	"tenon.audit_log":       "who was refused is recorded; that nobody succeeded is looked for",
	"tenon.audit_leaves":    "what is recorded is sealed",
	"tenon.audit_nodes":     "what is recorded is sealed",
	"tenon.notifications":   "what was to be told before is told in the background",
	"tenon.holds":           "a call is held against the plan while it is answered, and let go when it is refused",
	"tenon.usage_keys":      "of those holds",
	"tenon.usage_counters":  "of those holds; what is used and held is looked at",

	"tenon.audit_checkpoints": "and signed, by and by",
}

// digests are what stands in each table.
func (s *siege) digests() map[string]string {
	s.t.Helper()
	tables := scan[[]string](s.site, `
select array_agg(format('%I.%I', n.nspname, c.relname) order by 1)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'tenon') and c.relkind in ('r', 'p') and not c.relispartition`)
	all := map[string]string{}
	for _, table := range tables {
		if changing[table] == "" {
			all[table] = scan[string](s.site, "select count(*) || ' ' || coalesce(md5(string_agg(t::text, '' order by t::text)), '') from "+table+" t")
		}
	}
	for _, table := range slices.Sorted(maps.Keys(changing)) {
		require.Contains(s.t, tables, table)
	}
	return all
}
