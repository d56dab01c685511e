package directoryhttp_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStaffLooksAfterListings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.created(harbour)
	at := "/directory/" + id
	require.Equal(t, 200, s.acme("POST", at+"/submit", `{"version": 1}`).status)
	require.Len(t, s.desk("GET", "/directory?status=submitted", "").body["partners"], 1)
	require.Equal(t, "draft", s.desk("POST", at+"/reject?tenant=acme", `{"reason": "which region?"}`).body["status"])
	require.Contains(t, s.acme("GET", at, "").text, "which region?")
	require.Equal(t, http.StatusConflict, s.desk("POST", at+"/publish?tenant=acme", `{"version": 1}`).status, "it is a draft")
	require.Equal(t, 200, s.acme("POST", at+"/submit", `{"version": 1}`).status)
	require.Equal(t, 200, s.desk("POST", at+"/publish?tenant=acme", `{"version": 1}`).status)
	require.Equal(t, 200, s.desk("POST", at+"/verify?tenant=acme", `{}`).status)
	require.Equal(t, true, s.anybody("/partners/" + id).body["verified"])
	require.Equal(t, 200, s.desk("POST", at+"/unverify?tenant=acme", `{"reason": "sold"}`).status)
	require.Equal(t, 200, s.desk("POST", at+"/unpublish?tenant=acme", `{"reason": "complaints"}`).status)
	require.Equal(t, 404, s.desk("GET", at+"?tenant=globex", "").status)
	require.Equal(t, 200, s.desk("GET", at+"?tenant=acme", "").status)
}

func TestThePlansLimitKeepsFromPublishing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for range limit {
		s.published(harbour)
	}
	id := s.created(harbour)
	require.Equal(t, 200, s.acme("POST", "/directory/"+id+"/submit", `{"version": 1}`).status)
	a := s.desk("POST", "/directory/"+id+"/publish?tenant=acme", `{"version": 1}`)
	require.Equal(t, http.StatusConflict, a.status)
	require.Equal(t, "urn:tenon:problem:not-published", a.body["type"])
	require.InDelta(t, limit, a.body["limit"], 0)
}

func TestPapersThatNeedAttentionAreListed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.created(harbour)
	require.Equal(t, 201, s.acme("POST", "/directory/"+id+"/documents", `{"kind": "licence", "expires_at": "2020-01-01"}`).status)
	papers := s.desk("GET", "/stale", "").body["papers"].([]any)
	require.Len(t, papers, 1)
	require.Equal(t, "expired", papers[0].(map[string]any)["status"])
	require.Empty(t, s.desk("GET", "/stale?tenant=globex", "").body["papers"])
	require.Equal(t, 400, s.desk("GET", "/stale?limit=0", "").status)
}

func TestNobodyButStaffGetsIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	at := "/directory/" + s.created(harbour)
	for _, c := range []struct {
		from, method, path string
		status             int
	}{
		{"", "GET", "/directory", 401},
		{"acme", "GET", at + "?tenant=acme", 403},
		{"acme", "POST", at + "/publish?tenant=acme", 403},
		{"reader", "GET", at + "?tenant=acme", 200},
		{"reader", "POST", at + "/verify?tenant=acme", 403},
		{"broken", "GET", "/stale", 503},
	} {
		require.Equal(t, c.status, send(t, s.staff, c.from, c.method, c.path, "").status, c)
	}
}
