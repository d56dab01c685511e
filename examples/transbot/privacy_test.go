package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/privacy"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
)

// full makes a company with a user, quotes and a log, and returns a key of it.
func (s *site) full(id string) (key string) {
	s.t.Helper()
	key = s.company(id, "pro")
	require.NoError(s.t, freight.NewStore(s.pool).AddUser(s.t.Context(), freight.User{
		CompanyID: id, ID: "00000000-0000-7000-8000-000000000001", Name: "Ann of " + id, Email: "ann@" + id + ".test", Role: "owner",
		CreatedAt: time.Now(),
	}))
	for range 2 {
		require.Equal(s.t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)
	}
	return key
}

// everything is a dump of all rows that name a company, in the platform's schema and in tenon's.
func (s *site) everything(id string) []string {
	s.t.Helper()
	var found []string
	tables := scan[[]string](s, `
select array_agg(format('%I.%I', n.nspname, c.relname) order by 1)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'tenon') and c.relkind in ('r', 'p') and not c.relispartition`)
	for _, table := range tables {
		n := scan[int](s, "select count(*) from "+table+" t where t::text like '%' || $1 || '%'", id)
		if n > 0 {
			found = append(found, table)
		}
	}
	return found
}

func TestTheDefinitionFitsThePlatformsSchema(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	require.NoError(t, gdprpg.Check(t.Context(), s.pool, privacy.Companies()))
}

func TestACompanyTakesItsDataAlong(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key, theirs := s.full("acme"), s.full("zenith")
	b, other := s.signIn(key), s.signIn(theirs)
	const page = "/companies/acme/data"
	require.Equal(t, http.StatusNotFound, other.get(page).status)
	require.Equal(t, http.StatusNotFound, other.get(page+"/document").status)

	document := b.get(page + "/document")
	require.Equal(t, http.StatusOK, document.status, document.body)
	require.Equal(t, "The acme company", document.field(t, "company.name"))
	require.Len(t, document.field(t, "users"), 1)
	require.Len(t, document.field(t, "quotes"), 2)
	require.NotContains(t, document.body, "zenith")
	require.NotContains(t, document.body, `"hash"`)

	require.Equal(t, http.StatusSeeOther, b.post(page+"/export", "csrf", b.csrf(page)).status)
	var id []string
	require.Eventually(t, func() bool {
		id = regexp.MustCompile(`data/exports/([0-9a-f-]{36})`).FindStringSubmatch(b.get(page).body)
		return id != nil
	}, inTime, 100*time.Millisecond)
	archive := b.get(page + "/exports/" + id[1])
	require.Equal(t, http.StatusOK, archive.status)
	m, err := gdpr.ReadArchive(strings.NewReader(archive.body), int64(len(archive.body)))
	require.NoError(t, err)
	require.EqualValues(t, 2, m.Rows("public.quotes", gdpr.PartProvided))
	require.Equal(t, http.StatusNotFound, other.get(page+"/exports/"+id[1]).status)
	require.Equal(t, http.StatusNotFound, other.get("/companies/zenith/data/exports/"+id[1]).status)

	made := b.post(page+"/link", "csrf", b.csrf(page), "request", id[1])
	link := regexp.MustCompile(`<code>(http://[^<]+)</code>`).FindStringSubmatch(made.body)
	require.NotNil(t, link, made.body)
	address, err := url.Parse(link[1])
	require.NoError(t, err)
	stranger := s.browser()
	require.Equal(t, archive.body, stranger.get(address.Path).body)
	rest := mustRequest(t, s.url+address.Path)
	rest.Header.Set("Range", "bytes=100-")
	rest.Header.Set("If-Range", archive.header.Get("ETag"))
	resumed := s.do(stranger.client, rest)
	require.Equal(t, http.StatusPartialContent, resumed.status)
	require.True(t, bytes.Equal([]byte(archive.body[100:]), []byte(resumed.body)))
	require.Equal(t, http.StatusNotFound, stranger.get(address.Path+"x").status)
}

func TestACompanyDeletesItselfAndIsRestored(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key, theirs := s.full("acme"), s.full("zenith")
	b, staff := s.signIn(key), s.signIn(adminKey)
	const page = "/companies/acme/data"
	csrf := b.csrf(page)
	require.Equal(t, http.StatusBadRequest, b.post(page+"/delete", "csrf", csrf, "name", "acme").status, "its name is another")
	require.Equal(t, http.StatusNotFound, b.post("/companies/zenith/data/delete", "csrf", csrf, "name", "The zenith company").status)
	require.Equal(t, http.StatusForbidden, b.post(page+"/delete", "name", "The acme company").status, "without a token")
	before := scan[string](s, "select string_agg(q::text, ',' order by id) from quotes q where company_id = 'acme'")

	gone := b.post(page+"/delete", "csrf", csrf, "name", "The acme company", "reason", "we move on")
	require.Equal(t, http.StatusOK, gone.status, gone.body)
	require.Contains(t, gone.body, "was deleted")
	require.Equal(t, "/signin", b.get("/companies/acme").header.Get("Location"), "it is signed out")
	require.Equal(t, http.StatusUnauthorized, s.browser().post("/signin", "key", key).status)
	require.Equal(t, http.StatusUnauthorized, s.ask(key, "/api/quotes", "").status)
	require.Equal(t, http.StatusOK, s.ask(theirs, "/api/quotes", "").status, "the other goes on")
	require.Zero(t, scan[int](s, "select count(*) from quotes where company_id = 'zenith' and deleted_at is not null"))

	desk := staff.get("/privacy")
	require.Contains(t, desk.body, "deleted, restorable")
	require.Contains(t, desk.body, "we move on")
	id := regexp.MustCompile(`name="request" value="([0-9a-f-]{36})"`).FindStringSubmatch(desk.body)
	require.NotNil(t, id)
	r := staff.post("/privacy/requests", "csrf", staff.csrf("/privacy"), "tenant", "acme", "request", id[1], "what", "restored", "text", "they stay")
	require.Equal(t, http.StatusSeeOther, r.status, r.body)
	require.Equal(t, before, scan[string](s, "select string_agg(q::text, ',' order by id) from quotes q where company_id = 'acme'"))
	require.Equal(t, http.StatusOK, s.signIn(key).get("/companies/acme").status)
}

// leadOf makes a company one that came by asking for a trial.
const leadOf = `
insert into trial_leads (id, ticket, email, lanes, state, mails, mail_after, created_at, expires_at, confirmed_at, company_id)
values (gen_random_uuid(), gen_random_uuid(), 'who-asked@lead.example', 1, 'confirmed', 1, now(), now(), now(), now(), $1)`

func TestADeletedCompanyIsErasedAndTheOtherIsNot(t *testing.T) {
	t.Parallel()
	s := newSite(t, "-demo")
	staff := s.signIn(adminKey)
	demo := "/companies/" + scan[string](s, "select id from companies order by id limit 1")
	id := strings.TrimPrefix(demo, "/companies/")
	name := scan[string](s, "select name from companies where id = $1", id)
	others := scan[string](s, "select md5(string_agg(q::text, ',' order by company_id, id)) from quotes q where company_id <> $1", id)

	_, err := s.pool.Exec(t.Context(), leadOf, id)
	require.NoError(t, err)

	csrf := staff.csrf("/privacy")
	plan := staff.get("/privacy?company=" + id)
	require.Contains(t, plan.body, "<code>public.quotes</code>")
	require.Equal(t, http.StatusSeeOther, staff.post("/privacy/holds", "csrf", csrf, "company", id, "reason", "a lawsuit").status)
	require.Equal(t, http.StatusConflict, staff.post(demo+"/data/delete", "csrf", csrf, "name", name).status, "it is held")
	require.Contains(t, staff.get("/privacy").body, "A legal hold stops it: a lawsuit")
	hold := regexp.MustCompile(`name="hold" value="([0-9a-f-]{36})"`).FindStringSubmatch(staff.get("/privacy?company=" + id).body)
	require.NotNil(t, hold)
	require.Equal(t, http.StatusSeeOther, staff.post("/privacy/holds/release", "csrf", csrf, "company", id, "hold", hold[1]).status)
	require.Eventually(t, func() bool {
		return scan[int](s, "select count(*) from companies where id = $1 and deleted_at is not null", id) == 1
	}, inTime, 100*time.Millisecond)

	for _, days := range []string{"", "0", "101", "many"} {
		require.Equal(t, http.StatusBadRequest, staff.post("/privacy/skip", "csrf", csrf, "days", days).status, days)
	}
	staff.post("/privacy/skip", "csrf", csrf, "days", "15") // what fails meanwhile is tried again
	var proof reply                                         // whose address changes once, when the desk forgets whose it was
	require.Eventually(t, func() bool {
		certificate := regexp.MustCompile(`href="(/privacy/certificate[^"]+)"`).FindStringSubmatch(staff.get("/privacy").body)
		if certificate == nil {
			return false
		}
		proof = staff.get(strings.ReplaceAll(certificate[1], "&amp;", "&"))
		return proof.status == http.StatusOK
	}, inTime, 200*time.Millisecond)
	require.True(t, json.Valid([]byte(proof.body)))
	require.NotContains(t, proof.body, name)
	require.Empty(t, s.everything(name), "its name is nowhere")
	require.Zero(t, scan[int](s, "select count(*) from quotes where company_id = $1", id))
	require.Empty(t, s.everything("who-asked@lead.example"), "nor is who asked for its trial")
	require.Equal(t, others, scan[string](s, "select md5(string_agg(q::text, ',' order by company_id, id)) from quotes q"))
}

func TestThePageOfTheDeskIsForTheStaff(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signIn(s.company("acme", "pro"))
	csrf := b.csrf("/companies/acme")
	require.Equal(t, "/signin", s.browser().get("/privacy").header.Get("Location"))
	require.Equal(t, http.StatusNotFound, b.get("/privacy").status)
	require.Equal(t, http.StatusNotFound, b.get("/privacy/certificate").status)
	for _, form := range []string{"requests", "holds", "holds/release", "skip"} {
		require.Equal(t, http.StatusNotFound, b.post("/privacy/"+form, "csrf", csrf, "days", "1", "reason", "x").status, form)
	}
	staff := s.signIn(adminKey)
	require.Contains(t, staff.get("/privacy").body, "There are none yet.")
	csrf = staff.csrf("/privacy")
	require.Equal(t, http.StatusNotFound, staff.post("/privacy/skip", "csrf", csrf, "days", "1").status, "that is for the demo")
	require.Equal(t, http.StatusBadRequest, staff.post("/privacy/holds", "csrf", csrf, "company", "acme").status, "without a reason")
	require.Equal(t, http.StatusNotFound, staff.get("/privacy/certificate?tenant=acme&request="+tenon.NewID(time.Now())).status)
}

func TestTheStaffDecidesOnARequest(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.company("acme", "pro")
	staff := s.signIn(adminKey)
	csrf := staff.csrf("/privacy")
	r := staff.post("/companies/acme/data/delete", "csrf", csrf, "name", "The acme company", "reason", "they asked by letter")
	require.Equal(t, "/privacy?done=marked", r.header.Get("Location"), r.body)
	require.Contains(t, staff.get("/privacy?done=marked").body, "The company was deleted.")
	id := regexp.MustCompile(`name="request" value="([0-9a-f-]{36})"`).FindStringSubmatch(staff.get("/privacy").body)
	require.NotNil(t, id)
	require.Equal(t, http.StatusNotFound, staff.get("/privacy/certificate?tenant=acme&request="+id[1]).status, "nothing is erased yet")
	for _, c := range []struct {
		what, text string
		status     int
		says       string
	}{
		{"typo", "x", 400, "what is not a choice"},
		{"verified", "by phone", 409, "The request is past that."},
		{"refused", "no", 409, "The request is past that."},
		{"extended", "", 400, "is empty"},
		{"extended", "there is much to look at", 303, "The request was extended."},
		{"extended", "and more", 409, "It is too late to extend this request, or it was extended before."},
		{"replanned", "", 303, "A new plan was made."},
		{"restored", "they stay", 303, "The company was restored."},
		{"restored", "again", 409, "The request is past that."},
	} {
		r := staff.post("/privacy/requests", "csrf", csrf, "tenant", "acme", "request", id[1], "what", c.what, "text", c.text)
		require.Equal(t, c.status, r.status, "%s: %s", c.what, c.text)
		if r.status == http.StatusSeeOther {
			r = staff.get(r.header.Get("Location"))
		}
		require.Contains(t, r.body, c.says, "%s: %s", c.what, c.text)
	}
}
