package directoryhttp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directoryhttp"
)

func TestTheSearchFindsWhatIsPublicAndNoContacts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.published(harbour)
	s.created(strings.Replace(harbour, "Harbour", "Hidden", 1))
	for _, query := range []string{
		"", "?q=harbor", "?q=reefer&service=reefer&region=de", "?service=&region=&q=", "?facet=services&facet=regions&sort=name&limit=5",
	} {
		a := s.anybody("/partners" + query)
		require.Equal(t, 200, a.status, a.text)
		results := a.body["results"].([]any)
		require.Len(t, results, 1, query)
		require.Equal(t, id, results[0].(map[string]any)["id"])
		require.NotContains(t, a.text, "harbour.test")
		require.NotContains(t, a.text, "Hidden")
	}
	require.Contains(t, s.anybody("/partners?facet=services").text, `{"value":"reefer","count":1}`)
	require.Empty(t, s.anybody("/partners?q=hidden").body["results"])
	require.Empty(t, s.anybody("/partners?service=reefer&service=hazmat").body["results"])
}

func TestThePublicPageShowsContactsWhereThePartnerDoes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	quiet := s.published(harbour)
	open := s.published(strings.Replace(harbour, `"is_public"`, `"show_contact": true, "is_public"`, 1))
	require.NotContains(t, s.anybody("/partners/"+quiet).text, "harbour.test")
	require.Equal(t, "ops@harbour.test", s.anybody("/partners/" + open).body["contact_email"])
}

func TestWhatIsHiddenIsAsIfItWereNotThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	draft := s.created(harbour)
	never := s.anybody("/partners/018f0000-0000-7000-8000-000000000000")
	require.Equal(t, http.StatusNotFound, never.status)
	require.Equal(t, never.text, s.anybody("/partners/"+draft).text)
	require.Equal(t, never.text, s.anybody("/partners/%27--").text)
}

func TestSearchesThatCannotBeRight(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.published(harbour)
	for name, query := range map[string]string{
		"limit":    "?limit=101",
		"limit ":   "?limit=x",
		"after":    "?after=forged",
		"text":     "?q=" + strings.Repeat("x", 10_000),
		"services": "?" + strings.Repeat("service=a&", 200),
		"sort":     "?sort=price",
	} {
		a := s.anybody("/partners" + query)
		require.Equal(t, 400, a.status, name)
		require.Equal(t, strings.TrimSpace(name), strings.ToLower(a.body["field"].(string)), a.text)
	}
	for _, query := range []string{"%25", "_", "'", "\\", "<script>", "\u05e9\u05dc\u05d5\u05dd"} {
		a := s.anybody("/partners?q=" + url.QueryEscape(query))
		require.Equal(t, 200, a.status, a.text)
		require.NotContains(t, a.text, "<script>")
	}
}

func TestPagesFollowEachOther(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first, second := s.published(harbour), s.published(harbour)
	a := s.anybody("/partners?limit=1&sort=name")
	next := a.body["next"].(string)
	b := s.anybody("/partners?limit=1&sort=name&after=" + url.QueryEscape(next))
	seen := []string{resultID(a), resultID(b)}
	require.ElementsMatch(t, []string{first, second}, seen)
	require.Equal(t, 400, s.anybody("/partners?limit=1&after="+url.QueryEscape(next)).status, "it is of another search")
}

func resultID(a answer) string { return a.body["results"].([]any)[0].(map[string]any)["id"].(string) }

func TestAnInvitationIsAcceptedByWhoeverHasIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.acme("POST", "/directory/invitations", harbour)
	require.Equal(t, http.StatusCreated, a.status, a.text)
	accept := func(token string) answer {
		return send(t, s.public, "", "POST", "/invitations/accept", `{"token": "`+token+`"}`)
	}
	require.Equal(t, http.StatusForbidden, accept("forged").status)
	b := accept(a.body["token"].(string))
	require.Equal(t, 200, b.status, b.text)
	require.Equal(t, "Harbour Haulage", b.body["company_name"])
	require.NotContains(t, b.text, "acme")
	again := s.acme("POST", "/directory/"+a.body["id"].(string)+"/invitations", `{}`)
	require.Equal(t, http.StatusConflict, again.status, "it has onboarded")

	other := s.acme("POST", "/directory/invitations", harbour)
	declined := send(t, s.public, "", "POST", "/invitations/decline", `{"token": "`+other.body["token"].(string)+`"}`)
	require.Equal(t, 200, declined.status, declined.text)
}

func TestAnAnswerIsKeptAsLongAsTheHostSays(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	require.Equal(t, "no-store", s.anybody("/partners").header.Get("Cache-Control"))
	h := directoryhttp.Handler(s.book, &directoryhttp.Options{MaxAge: 60e9})
	require.Equal(t, "public, max-age=60", send(t, h, "", "GET", "/partners", "").header.Get("Cache-Control"))
	require.Equal(t, "no-store", send(t, h, "", "GET", "/partners?limit=0", "").header.Get("Cache-Control"))
}

func TestWhatIsRequiredIsRequired(t *testing.T) {
	t.Parallel()
	book := directory.NewBook(directory.NewMemoryStore(nil), nil)
	require.Panics(t, func() { directoryhttp.Handler(nil, nil) })
	require.Panics(t, func() { directoryhttp.Own(book, nil, nil) })
	require.Panics(t, func() { directoryhttp.Staff(book, nil, nil) })
}
