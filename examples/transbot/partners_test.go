package main

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const directoryOf = "/companies/acme/directory"

// draft keeps a draft of acme's and returns the address of its page.
func draft(t *testing.T, person browser, name string, fields ...string) (page string) {
	t.Helper()
	r := person.post(directoryOf, append(fields, "csrf", person.csrf(directoryOf), "company_name", name, "service", "reefer",
		"region", "midwest", "contact_email", "ops@partner.test", "is_public", "1")...)
	require.Equal(t, http.StatusSeeOther, r.status, r.body)
	page, _, _ = strings.Cut(r.header.Get("Location"), "?")
	return page
}

// judged are what the staff alone does with a listing.
var judged = []string{"publish", "reject", "verify", "unverify", "verify-document"}

// onListing sends a form of a listing's page; the path is the page's own or, for the staff, /directory/….
func (b browser) onListing(page, move string, fields ...string) reply {
	b.t.Helper()
	at := page + "/" + move
	if _, rest, _ := strings.Cut(page, "/companies/"); slices.Contains(judged, move) {
		company, _, id := cut3(rest)
		at = "/directory/" + company + "/" + id + "/" + move
	}
	return b.post(at, append(fields, "csrf", b.csrf(page))...)
}

func cut3(path string) (first, second, third string) {
	parts := strings.SplitN(path, "/", 3)
	return parts[0], parts[1], parts[2]
}

func TestAPartnerIsListedAndFound(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("acme", "starter")
	person, staff, anybody := s.signIn(key), s.signIn(adminKey), s.browser()
	page := draft(t, person, "Harbour Haulage")
	id := page[strings.LastIndex(page, "/")+1:]
	require.NotContains(t, anybody.get("/partners").body, "Harbour", "a draft is nobody's")
	require.Equal(t, http.StatusNotFound, anybody.get("/partners/"+id).status)

	require.Equal(t, http.StatusSeeOther, person.onListing(page, "submit", "version", "1").status)
	require.Contains(t, staff.get("/directory").body, "Harbour Haulage")
	require.Equal(t, http.StatusNotFound, person.onListing(page, "publish", "version", "1").status, "that is for the staff")
	require.Equal(t, http.StatusSeeOther, staff.onListing(page, "publish", "version", "1").status)
	s.requireUsed("acme", "directory", 1)

	found := anybody.get("/partners?q=" + url.QueryEscape("harbor haulge")).body
	require.Contains(t, found, "<mark>Harbour</mark>")
	require.Contains(t, found, "reefer")
	require.NotContains(t, found, "partner.test")
	require.NotContains(t, anybody.get("/partners/"+id).body, "partner.test", "it shows no contact")
	api := s.ask(key, "/api/partners?q=harbour&facet=regions", "")
	require.Equal(t, http.StatusOK, api.status, api.body)
	require.Len(t, api.field(t, "results"), 1)
	require.NotContains(t, api.body, "partner.test")
	require.Equal(t, http.StatusUnauthorized, s.ask("", "/api/partners", "").status)

	require.Equal(t, http.StatusSeeOther, person.onListing(page, "unpublish", "reason", "full").status)
	require.NotContains(t, anybody.get("/partners").body, "Harbour")
	s.requireUsed("acme", "directory", 0)
	require.Equal(t, http.StatusSeeOther, person.onListing(page, "remove").status)
	require.Equal(t, http.StatusNotFound, person.get(page).status)
}

func TestThePlanSaysHowManyAreListed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	person, staff := s.signIn(s.company("acme", "starter")), s.signIn(adminKey)
	r := staff.send("acme", "overrides", "feature", "directory", "hard", "1", "reason", "a small shop")
	require.Equal(t, http.StatusSeeOther, r.status, r.body)
	for i, name := range []string{"First", "Second"} {
		page := draft(t, person, name)
		require.Equal(t, http.StatusSeeOther, person.onListing(page, "submit", "version", "1").status)
		r := staff.onListing(page, "publish", "version", "1")
		if i == 0 {
			require.Equal(t, http.StatusSeeOther, r.status, r.body)
			continue
		}
		require.Equal(t, http.StatusConflict, r.status)
		require.Contains(t, r.body, "the plan lists 1 partners")
	}
	s.requireUsed("acme", "directory", 1)
}

func TestWithoutAPlanNothingIsListed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	person := s.signIn(s.company("acme", ""))
	require.Contains(t, person.get(directoryOf).body, "plan")
	csrf := person.csrf("/companies/acme")
	require.Equal(t, http.StatusForbidden, person.post(directoryOf, "csrf", csrf, "company_name", "X").status)
	other := s.signIn(s.company("globex", "pro"))
	require.Equal(t, http.StatusNotFound, other.get(directoryOf).status)
	require.Equal(t, http.StatusNotFound, other.get("/directory").status)
}

func TestPapersKeepWhoNeedsThemVisible(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	person, staff := s.signIn(s.company("acme", "pro")), s.signIn(adminKey)
	page := draft(t, person, "Dangerous Goods", "service", "hazmat")
	r := person.post(page+"/save", "csrf", person.csrf(page), "version", "1", "company_name", "Dangerous Goods", "service", "hazmat", "is_public", "1")
	require.Equal(t, http.StatusSeeOther, r.status, r.body)
	require.Contains(t, person.get(page).body, "missing")
	require.Equal(t, http.StatusSeeOther, person.onListing(page, "submit", "version", "2").status)
	require.Equal(t, http.StatusConflict, staff.onListing(page, "publish", "version", "2").status)
	require.Equal(t, http.StatusBadRequest, person.onListing(page, "document", "kind", "licence/hazmat", "expires_at", "2026-02-30").status)
	require.Equal(t, http.StatusSeeOther, person.onListing(page, "document", "kind", "licence/hazmat", "expires_at", "2999-12-31").status)
	require.Equal(t, http.StatusSeeOther, staff.onListing(page, "publish", "version", "2").status)
	require.Contains(t, s.browser().get("/partners?service=hazmat").body, "Dangerous Goods")

	paper := func(version string) int {
		return staff.onListing(page, "verify-document", "kind", "licence/hazmat", "version", version).status
	}
	require.Equal(t, http.StatusNotFound, paper("2"))
	require.Equal(t, http.StatusSeeOther, paper("1"))
	require.Contains(t, person.get(page).body, "· verified")
	for _, move := range []string{"verify", "unverify"} {
		require.Equal(t, http.StatusSeeOther, staff.onListing(page, move, "reason", "to be sure").status)
		require.Equal(t, http.StatusNotFound, person.onListing(page, move, "reason", "me too").status, "that is for the staff")
	}
	require.Equal(t, http.StatusSeeOther, person.onListing(page, "confirm").status)
	require.Contains(t, person.get(page+"?done=confirm").body, "it is marked as up to date")
}

func TestAPartnerThatCannotBeIsRefusedOnThePage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	person := s.signIn(s.company("acme", "pro"))
	csrf := person.csrf(directoryOf)
	for _, c := range []struct {
		says   string
		fields []string
	}{
		{"The name is empty.", nil},
		{"The website does not begin with http:// or https://.", []string{"company_name", "X", "website", "ftp://x.test"}},
		{"The e-mail address is not an e-mail address.", []string{"company_name", "X", "contact_email", "nobody"}},
		{"The e-mail address is empty, and nobody can be invited.", []string{"company_name", "X", "do", "invite"}},
	} {
		r := person.post(directoryOf, append(c.fields, "csrf", csrf)...)
		require.Equal(t, http.StatusBadRequest, r.status, c.says)
		require.Contains(t, r.body, c.says)
		require.Contains(t, r.body, "Directory of The acme company", "on the page where the form is")
	}
	require.NotContains(t, person.get(directoryOf).body, `href="`+directoryOf+"/", "nothing was kept")
}

var invitationLink = regexp.MustCompile(`http://[^/]+(/invitations/[A-Za-z0-9_.-]+)`)

func TestWhoIsInvitedAnswersWithoutAnAccount(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	person, staff, anybody := s.signIn(s.company("acme", "pro")), s.signIn(adminKey), s.browser()
	invite := func(name string) (path string) {
		r := person.post(directoryOf, "csrf", person.csrf(directoryOf), "company_name", name, "contact_email", "a@partner.test",
			"is_public", "1", "do", "invite")
		m := invitationLink.FindStringSubmatch(r.body)
		require.NotNil(t, m, r.body)
		return m[1]
	}
	first := invite("Invited Lines")
	require.Contains(t, anybody.get(first).body, "You are invited")
	require.Equal(t, http.StatusForbidden, anybody.post("/invitations/forged", "answer", "accept").status)
	require.Equal(t, http.StatusForbidden, anybody.postFrom("https://elsewhere.test", first, "answer", "accept").status)
	require.Contains(t, anybody.post(first, "answer", "accept").body, "as soon as somebody has looked")
	require.NotContains(t, anybody.get("/partners").body, "Invited Lines")

	r := staff.onFlag("invite_auto_approve", "change", "version", "1", "named", "acme", "everyone", "off", "reason", "they know their partners")
	require.Equal(t, http.StatusSeeOther, r.status, r.body)
	require.Contains(t, anybody.post(invite("At Once Lines"), "answer", "accept").body, "in the directory now")
	require.Contains(t, anybody.get("/partners").body, "At Once Lines")
	require.Contains(t, anybody.post(invite("No Lines"), "answer", "decline").body, "Nothing of you is shown")
}

func TestAnInvitationsTokenIsInNoLog(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	person, anybody := s.signIn(s.company("acme", "pro")), s.browser()
	r := person.post(directoryOf, "csrf", person.csrf(directoryOf), "company_name", "Invited Lines", "contact_email", "a@partner.test", "do", "invite")
	link := invitationLink.FindStringSubmatch(r.body)
	require.NotNil(t, link, r.body)
	_, err := s.pool.Exec(t.Context(), "alter table tenon.directory_status_log rename to away")
	require.NoError(t, err)
	require.GreaterOrEqual(t, anybody.post(link[1], "answer", "accept").status, 500)
	require.Eventually(t, func() bool { return strings.Contains(s.log.String(), "/invitations/") }, inTime, 10*time.Millisecond)
	require.NotContains(t, s.log.String(), strings.TrimPrefix(link[1], "/invitations/"))
}

func TestTheDemosDirectoryFills(t *testing.T) {
	t.Parallel()
	s := newSite(t, "-demo")
	anybody := s.browser()
	require.Eventually(t, func() bool {
		return strings.Contains(anybody.get("/partners?service=reefer").body, `class="card result"`)
	},
		inTime, 200*time.Millisecond)
	r := anybody.get("/partners?q=" + strings.Repeat("x", 10_000))
	require.Equal(t, http.StatusBadRequest, r.status)
	require.Equal(t, http.StatusBadRequest, anybody.get("/partners?after=forged").status)
}
