package directoryhttp_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATenantWritesItsListings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.created(harbour)
	at := "/directory/" + id
	changed := strings.Replace(harbour, "Reefer trucks", "Reefers and flatbeds", 1)
	a := s.acme("PUT", at, fmt.Sprintf(`{"version": 1, "profile": %s}`, changed))
	require.Equal(t, 200, a.status, a.text)
	require.InDelta(t, 2, a.body["version"], 0)
	require.Equal(t, http.StatusConflict, s.acme("PUT", at, fmt.Sprintf(`{"version": 1, "profile": %s}`, harbour)).status)
	require.Equal(t, "submitted", s.acme("POST", at+"/submit", `{"version": 2}`).body["status"])
	require.Equal(t, 200, s.desk("POST", at+"/publish?tenant=acme", `{"version": 2}`).status)
	require.Equal(t, "published", s.acme("POST", at+"/confirm", `{}`).body["status"])
	require.Equal(t, 200, s.acme("POST", at+"/unpublish", `{"reason": "full"}`).status)
	require.Empty(t, s.anybody("/partners").body["results"])
	require.Len(t, s.acme("GET", "/directory?limit=10", "").body["partners"], 1)
	require.Equal(t, http.StatusNoContent, s.acme("DELETE", at+"?reason=gone", "").status)
	require.Equal(t, http.StatusNotFound, s.acme("GET", at, "").status)
}

func TestPagesOfListingsFollowEachOther(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	want := []string{s.created(harbour), s.created(harbour)}
	var got []string
	for next := ""; ; {
		a := s.acme("GET", "/directory?limit=1&after="+next, "")
		require.Equal(t, 200, a.status, a.text)
		for _, p := range a.body["partners"].([]any) {
			got = append(got, p.(map[string]any)["id"].(string))
		}
		var more bool
		if next, more = a.body["next"].(string); !more {
			break
		}
	}
	require.ElementsMatch(t, want, got)
	for _, a := range []answer{s.acme("GET", "/directory?after=x", ""), s.desk("GET", "/stale?after=x", "")} {
		require.Equal(t, 400, a.status)
		require.Equal(t, "after", a.body["field"])
	}
}

func TestAnotherTenantsPartnerIsNotThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	at := "/directory/" + s.created(harbour)
	never := send(t, s.own, "globex", "GET", "/directory/018f0000-0000-7000-8000-000000000000", "")
	for _, c := range [][3]string{
		{"GET", at, ""},
		{"PUT", at, fmt.Sprintf(`{"version": 1, "profile": %s}`, harbour)},
		{"DELETE", at, ""},
		{"POST", at + "/submit", `{"version": 1}`},
		{"POST", at + "/confirm", `{}`},
		{"POST", at + "/unpublish", `{}`},
		{"GET", at + "/documents", ""},
		{"POST", at + "/documents", `{"kind": "insurance"}`},
		{"POST", at + "/invitations", `{}`},
	} {
		a := send(t, s.own, "globex", c[0], c[1], c[2])
		require.Equal(t, http.StatusNotFound, a.status, c)
		require.Equal(t, never.text, a.text, c)
	}
	require.Empty(t, send(t, s.own, "globex", "GET", "/directory", "").body["partners"])
	require.Equal(t, "draft", s.acme("GET", at, "").body["status"], "nothing was written")
}

func TestWhoAsksIsFoundOutFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	require.Equal(t, http.StatusUnauthorized, send(t, s.own, "", "POST", "/directory", "{").status)
	require.Equal(t, http.StatusServiceUnavailable, send(t, s.own, "broken", "GET", "/directory", "").status)
	require.Equal(t, http.StatusMethodNotAllowed, s.acme("PATCH", "/directory", `{}`).status)
	require.Equal(t, http.StatusUnsupportedMediaType, sendAs(s.own, "acme", "POST", "/directory", "text/plain", harbour).status)
}

func TestProfilesThatCannotBeRight(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, body := range map[string]string{
		"company_name": `{"description": "x"}`,
		"website":      `{"company_name": "x", "website": "javascript:alert(1)"}`,
		"body":         `{"company_name": "x", "tenant": "globex"}`,
		"zone":         `{"company_name": "x", "zone": "Mars/Phobos"}`,
	} {
		a := s.acme("POST", "/directory", body)
		require.Equal(t, 400, a.status, name)
		require.Equal(t, name, a.body["field"], a.text)
	}
	require.Empty(t, s.acme("GET", "/directory", "").body["partners"], "nothing was written")
}

func TestPapersHaveVersions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.created(strings.Replace(harbour, `["reefer"]`, `["hazmat"]`, 1))
	at := "/directory/" + id + "/documents"
	papers := s.acme("GET", at, "").body["papers"].([]any)
	require.Equal(t, "missing", papers[0].(map[string]any)["status"])
	require.Equal(t, http.StatusCreated, s.acme("POST", at, `{"kind": "insurance", "expires_at": "2020-02-29"}`).status)
	require.Equal(t, "expired", s.acme("GET", at, "").body["papers"].([]any)[0].(map[string]any)["status"])

	require.Equal(t, 200, s.acme("POST", "/directory/"+id+"/submit", `{"version": 1}`).status)
	a := s.desk("POST", "/directory/"+id+"/publish?tenant=acme", `{"version": 1}`)
	require.Equal(t, http.StatusConflict, a.status)
	require.NotEmpty(t, a.body["reasons"])

	b := s.acme("POST", at, `{"kind": "insurance", "expires_at": "2999-12-31"}`)
	require.InDelta(t, 2, b.body["version"], 0, b.text)
	require.Equal(t, 400, s.acme("POST", at, `{"kind": "insurance", "expires_at": "2027-02-29"}`).status)
	require.Equal(t, 400, s.acme("POST", at, `{"kind": "insurance", "version": 9}`).status, "the version is the server's")
	verify := "/directory/" + id + "/documents/verify?tenant=acme"
	require.Equal(t, http.StatusConflict, s.desk("POST", verify, `{"kind": "insurance", "version": 1}`).status)
	require.Equal(t, 200, s.desk("POST", verify, `{"kind": "insurance", "version": 2}`).status)
	for _, body := range []string{`{"kind": "insurance", "version": 3}`, `{"kind": "licence", "version": 1}`} {
		c := s.desk("POST", verify, body)
		require.Equal(t, http.StatusNotFound, c.status, body)
		require.Equal(t, "urn:tenon:problem:unknown-document", c.body["type"], body)
	}
	require.Equal(t, 200, s.desk("POST", "/directory/"+id+"/publish?tenant=acme", `{"version": 1}`).status)
}

func TestAFileGoesOutAndComesBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.created(harbour)
	out := sendAs(s.own, "acme", "GET", "/directory.csv", "", "")
	require.Equal(t, 200, out.status)
	require.Contains(t, out.header.Get("Content-Type"), "text/csv")
	in := sendAs(s.own, "acme", "POST", "/directory.csv", "text/csv", out.text)
	require.JSONEq(t, `{"created": 0, "saved": 0, "unchanged": 1, "refused": []}`, in.text)
	in = sendAs(s.own, "acme", "POST", "/directory.csv", "text/csv; charset=utf-8", "company_name,website\nGood,\nBad,javascript:x\n")
	require.Contains(t, in.text, `"created":1`)
	require.Contains(t, in.text, `"line":3`)
	require.Contains(t, in.text, `"field":"website"`)
	require.Equal(t, http.StatusUnsupportedMediaType, sendAs(s.own, "acme", "POST", "/directory.csv", "text/plain", "x").status)
	large := "company_name\n" + strings.Repeat("x\n", 4<<10)
	require.Equal(t, http.StatusRequestEntityTooLarge, sendAs(s.own, "acme", "POST", "/directory.csv", "text/csv", large).status)
}
