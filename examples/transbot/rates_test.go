package main

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
)

const ratesOf = "/companies/acme/rates"

// asks sends the form for a quote, as it stands on one page.
func (b browser) asks(company, page string) reply {
	b.t.Helper()
	return b.send(company, "rates", "origin", "Reno, NV", "destination", "Miami, FL", "weight_kg", "1200", "pallets", "2", "key", page)
}

// asksMany sends the form for many at once.
func (b browser) asksMany(company, page, lanes string) reply {
	b.t.Helper()
	return b.send(company, "rates/bulk", "lanes", lanes, "key", page)
}

const threeLanes = "Reno, NV; Miami, FL; 1200\nBoston, MA; Atlantis; 10\nDallas, TX; Boston, MA; 900; 3"

func TestTheQuoteFormCountsOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signIn(s.company("acme", "starter"))
	var made reply
	for range 2 {
		made = b.asks("acme", "one-page")
		require.Equal(t, http.StatusSeeOther, made.status, made.body)
	}
	s.requireUsed("acme", "rates", 1)
	s.requireQuotes("acme", 1)
	require.Contains(t, b.get(made.header.Get("Location")).body, "Reno, NV → Miami, FL, 1,200 kg on 2 pallets: $")
	require.Contains(t, b.get(ratesOf).body, "Reno, NV → Miami, FL")
	wrong := b.send("acme", "rates", "origin", "Reno, NV", "destination", "Reno, NV", "weight_kg", "77", "key", "k")
	require.Equal(t, http.StatusBadRequest, wrong.status)
	require.Contains(t, wrong.body, "The destination is the origin too.")
	require.Contains(t, wrong.body, `value="77"`, "what was typed is kept")
}

func TestQuotesAreListedPageByPageAndByStatus(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("acme", "pro")
	b := s.signIn(key)
	require.Contains(t, b.get(ratesOf).body, "There are none yet.")
	for range 26 {
		require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)
	}
	first := b.get(ratesOf).body
	require.Equal(t, 25, strings.Count(first, "<th scope=\"row\">"))
	older := regexp.MustCompile(`href="([^"]+)">Older quotes`).FindStringSubmatch(first)
	require.NotNil(t, older, first)
	last := b.get(strings.ReplaceAll(older[1], "&amp;", "&")).body
	require.Equal(t, 1, strings.Count(last, "<th scope=\"row\">"))
	require.NotContains(t, last, "Older quotes")

	quote := regexp.MustCompile(`/rates/([0-9a-f-]{36})"`).FindStringSubmatch(first)[1]
	odd := b.send("acme", "rates/"+quote, "step", "typo")
	require.Equal(t, http.StatusBadRequest, odd.status)
	require.Contains(t, odd.body, "step is none of sent, accepted and booked")
	require.Equal(t, http.StatusSeeOther, b.send("acme", "rates/"+quote, "step", "send").status)
	sent := b.get(ratesOf + "?status=sent").body
	require.Equal(t, 1, strings.Count(sent, "<th scope=\"row\">"))
	require.Contains(t, b.get(ratesOf+"?status=booked").body, "None is booked.")
	for _, odd := range []string{"?status=%27", "?after=1", "?quote=%7F", "?after=01900000-0000-7000-8000-000000000000"} {
		require.Equal(t, http.StatusOK, b.get(ratesOf+odd).status, odd)
	}
	require.Equal(t, http.StatusBadRequest, b.get(ratesOf+"?quote=%00").status)
	require.Equal(t, http.StatusNotFound, s.signIn(s.company("other", "pro")).get(ratesOf).status)
}

func TestManyAtOnceFromAFormOrAFile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signIn(s.company("transbotai-demo", "pro"))
	var made reply
	for range 2 {
		made = b.asksMany("transbotai-demo", "one-page", threeLanes)
		require.Equal(t, http.StatusSeeOther, made.status, made.body)
	}
	page := b.get(made.header.Get("Location")).body
	require.Contains(t, page, "2 quotes, $")
	require.Contains(t, page, "Lane 2: The destination is not a place that we serve.")
	s.requireUsed("transbotai-demo", "rates", 2)
	s.requireUsed("transbotai-demo", "bulk_rating", 1)

	at := "/companies/transbotai-demo/rates"
	r := b.upload(at+"/bulk", b.csrf(at), "from,to,weight\n\"Reno, NV\",\"Miami, FL\",800\n")
	require.Equal(t, http.StatusSeeOther, r.status, r.body)
	s.requireUsed("transbotai-demo", "rates", 3)
	require.Equal(t, http.StatusForbidden, b.upload(at+"/bulk", "forged", threeLanes).status)
	require.Equal(t, http.StatusRequestEntityTooLarge, b.upload(at+"/bulk", b.csrf(at), strings.Repeat("x", 300<<10)).status)

	for lanes, says := range map[string]string{
		"":                             "The list has 0 lanes",
		"Reno, NV; Miami, FL; lots":    "Line 1: has &#34;lots&#34; for a weight",
		"Atlantis; Reno, NV; 5":        "Line 1: The origin is not a place that we serve",
		strings.Repeat("a;b;1\n", 501): "The list has 501 lanes",
	} {
		r := b.asksMany("transbotai-demo", "another-page", lanes)
		require.Equal(t, http.StatusBadRequest, r.status)
		require.Contains(t, r.body, says)
	}
	s.requireUsed("transbotai-demo", "rates", 3)
	s.requireUsed("transbotai-demo", "bulk_rating", 2)
	other := s.signIn(s.company("other", "pro"))
	job := strings.TrimPrefix(made.header.Get("Location"), at)
	require.Equal(t, http.StatusNotFound, other.get("/companies/other/rates"+job).status, "another's job is not there")
}

// upload sends the form for many at once with a file.
func (b browser) upload(path, csrf, file string) reply {
	b.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	require.NoError(b.t, form.WriteField("csrf", csrf))
	part, err := form.CreateFormFile("file", "lanes.csv")
	require.NoError(b.t, err)
	_, err = part.Write([]byte(file))
	require.NoError(b.t, err)
	require.NoError(b.t, form.Close())
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+path, &body)
	require.NoError(b.t, err)
	r.Header.Set("Content-Type", form.FormDataContentType())
	return b.do(b.client, r)
}

// refusedBy says which of flag, plan and limit a page names, in order.
func refusedBy(page string) []string {
	return captured(regexp.MustCompile(`data-refused-by="(\w+)"`), page)
}

// switches turns a flag on for the named companies alone.
func (b browser) switches(flag, version, named string) {
	b.t.Helper()
	r := b.onFlag(flag, "change", "version", version, "named", named, "everyone", "off", "reason", "tried out")
	require.Equal(b.t, http.StatusSeeOther, r.status, r.body)
}

// The flag is asked before the plan, and the plan before its limit; each says in words that it was the one.
func TestEachRefusalOfRatesSaysWhoRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	staff, b := s.signIn(adminKey), s.signIn(s.company("acme", ""))
	refused := func(status int, by string, says ...string) {
		t.Helper()
		r := b.asks("acme", "page")
		require.Equal(t, status, r.status)
		for _, page := range []string{r.body, b.get(ratesOf).body} {
			require.Equal(t, []string{by}, refusedBy(page))
			for _, want := range says {
				require.Contains(t, page, want)
			}
			require.NotContains(t, page, `name="weight_kg"`)
		}
		looks := staff.get(ratesOf).body
		require.Equal(t, []string{by}, refusedBy(looks))
		require.Contains(t, looks, "The acme company reads this. You may look all the same.")
		require.Contains(t, looks, `id="quotes"`)
		require.Contains(t, looks, "What is left")
		s.requireQuotes("acme", 0)
	}

	staff.switches("rates", "1", "somebody-else")
	refused(http.StatusForbidden, "flag", "Rates are not switched on for your company yet", "Another plan would not change that",
		`href="/companies/acme/support">Ask us`)
	require.NotContains(t, b.get(ratesOf).body, `id="quotes"`, "nothing of it is shown")
	require.Equal(t, http.StatusForbidden, b.asksMany("acme", "page", threeLanes).status)

	staff.switches("rates", "2", "acme")
	refused(http.StatusForbidden, "plan", "Your company has no plan", "Starter includes 100 quotes a month.")

	_, err := s.gate.Subscribe(t.Context(), entitlements.Subscription{Tenant: "acme", Plan: "starter"})
	require.NoError(t, err)
	s.uses("acme", "rates", 100)
	refused(http.StatusTooManyRequests, "limit", "The limit of your plan is reached", "has used 100 of 100 quotes.",
		"Counting starts again on ", "Professional includes 1,000 quotes a month.")
	s.requireUsed("acme", "rates", 100)

	_, err = s.gate.SetStatus(t.Context(), entitlements.StatusChange{Tenant: "acme", Status: entitlements.Canceled, Reason: "left"})
	require.NoError(t, err)
	refused(http.StatusForbidden, "plan", "Your subscription has ended", "where you left it")
}

func TestEachRefusalOfManyAtOnceSaysWhoRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	staff, b := s.signIn(adminKey), s.signIn(s.company("acme", "starter"))
	refused := func(status int, by, says string) {
		t.Helper()
		r := b.asksMany("acme", "page", threeLanes)
		require.Equal(t, status, r.status)
		require.Equal(t, []string{by}, refusedBy(r.body))
		require.Contains(t, r.body, says)
		require.Contains(t, r.body, `name="weight_kg"`, "one at a time is allowed")
		s.requireQuotes("acme", 0)
	}
	refused(http.StatusForbidden, "flag", "Bulk rating is not switched on for your company yet")
	staff.switches("bulk_rating", "1", "acme")
	refused(http.StatusForbidden, "plan", "Bulk rating is not in your plan")
	require.Contains(t, b.get(ratesOf).body, "Your company is on Starter.")
	require.Contains(t, b.get(ratesOf).body, "Professional includes 10 bulk jobs a month.")

	_, err := s.gate.ChangePlan(t.Context(), entitlements.PlanChange{Tenant: "acme", Plan: "pro", When: entitlements.Now, Reason: "grew"})
	require.NoError(t, err)
	s.uses("acme", "rates", 998)
	refused(http.StatusTooManyRequests, "limit", "has used 998 of 1,000 quotes; this asks for 3 more.")
	s.uses("acme", "bulk_rating", 10)
	refused(http.StatusTooManyRequests, "limit", "has used 10 of 10 bulk jobs.")
	s.requireUsed("acme", "rates", 998)
	s.requireUsed("acme", "bulk_rating", 10)
}

func TestEachRefusalOfTheDirectorySaysWhoRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	staff, b := s.signIn(adminKey), s.signIn(s.company("acme", "starter"))
	page := draft(t, b, "Harbour Haulage")
	s.uses("acme", "directory", 50)
	require.Equal(t, []string{"limit"}, refusedBy(b.get(directoryOf).body))
	require.Contains(t, b.get(directoryOf).body, "lists 50 of 50 partners.")
	require.Contains(t, b.get(directoryOf).body, "Professional includes 500 partners.")
	draft(t, b, "Waits For Room")

	refused := func(by, says string, shown bool) {
		t.Helper()
		csrf := b.csrf("/companies/acme")
		posts := []reply{
			b.post(directoryOf, "csrf", csrf, "company_name", "X"),
			b.post(page+"/remove", "csrf", csrf),
		}
		for _, r := range append(posts, b.get(directoryOf), b.get(page)) {
			require.Equal(t, []string{by}, refusedBy(r.body))
			require.Contains(t, r.body, says)
			require.NotContains(t, r.body, `name="company_name"`)
			require.Equal(t, shown, strings.Contains(r.body, "Harbour Haulage"))
		}
		require.Equal(t, http.StatusForbidden, posts[0].status)
		require.Equal(t, http.StatusForbidden, posts[1].status)
		require.Contains(t, staff.get(directoryOf).body, "Harbour Haulage", "the staff may look")
		require.Equal(t, 2, scan[int](s, "select count(*) from tenon.directory_companies where tenant_id = 'acme'"))
	}
	_, err := s.gate.SetStatus(t.Context(), entitlements.StatusChange{Tenant: "acme", Status: entitlements.Canceled, Reason: "left"})
	require.NoError(t, err)
	refused("plan", "Your subscription has ended", true)
	staff.switches("directory", "1", "somebody-else")
	refused("flag", "The directory is not switched on for your company yet", false)
}
