package supporthttp_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supporthttp"
)

func TestATicketsTargetsAndTimesAreTheServers(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for priority, hours := range map[string]float64{"P1": 4, "P2": 24, "P3": 72} {
		a := o.customer("POST", "/support/tickets",
			`{"priority": "`+priority+`", "issue": "late", "id": "mine", "sla_hours": 1, "created_at": "2001-01-01T00:00:00Z"}`)
		require.Equal(t, http.StatusCreated, a.status, a.text)
		require.InDelta(t, hours, a.body["sla_hours"], 0)
		require.NotEqual(t, "mine", a.body["id"])
		created, err := time.Parse(time.RFC3339Nano, a.body["created_at"].(string))
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), created, time.Hour)
		due, err := time.Parse(time.RFC3339Nano, a.body["due_at"].(string))
		require.NoError(t, err)
		require.Equal(t, time.Duration(hours)*time.Hour, due.Sub(created))
	}
}

func TestOpeningRefusesWhatCannotBeRight(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for name, c := range map[string]struct {
		body   string
		status int
		field  string
	}{
		"an unknown priority": {`{"priority": "P0", "issue": "x"}`, 400, "priority"},
		"no priority":         {`{"issue": "x"}`, 400, "priority"},
		"no issue":            {`{"priority": "P1"}`, 400, "issue"},
		"an unknown field":    {`{"priority": "P1", "issue": "x", "tenant": "globex"}`, 400, "body"},
		"two objects":         {`{"priority": "P1", "issue": "x"} {}`, 400, "body"},
		"too large an issue":  {`{"priority": "P1", "issue": "` + strings.Repeat("x", 70<<10) + `"}`, 400, "issue"},
		"too large a body":    {`{"priority": "P1", "issue": "` + strings.Repeat("x", 200<<10) + `"}`, 413, ""},
	} {
		a := o.customer("POST", "/support/tickets", c.body)
		require.Equal(t, c.status, a.status, name)
		if c.field != "" {
			require.Equal(t, c.field, a.body["field"], name)
		}
	}
	require.Empty(t, o.customer("GET", "/support/tickets", "").body["tickets"], "nothing was written")
}

func TestACustomerAndTheDeskTalk(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.opened()
	at := "/support/tickets/" + id
	require.Equal(t, 200, o.sue("POST", at+"/note?tenant=acme", `{"text": "they are slow payers"}`).status)
	require.Equal(t, 200, o.sue("POST", at+"/reply?tenant=acme", `{"text": "we are on it"}`).status)
	require.Equal(t, "open", o.customer("POST", at+"/messages", `{"text": "thank you"}`).body["state"])
	require.Equal(t, 200, o.sue("POST", at+"/solve?tenant=acme", `{"text": "restarted"}`).status)
	a := o.customer("GET", at, "")
	require.Equal(t, "solved", a.body["state"])
	require.Contains(t, a.text, "we are on it")
	require.Contains(t, a.text, "restarted")
	require.NotContains(t, a.text, "slow payers", "colleagues' notes are not the customer's")
	require.Equal(t, "reopened", o.customer("POST", at+"/reopen", `{"reason": "again"}`).body["state"])
	a = o.customer("POST", at+"/reopen", `{"reason": "again"}`)
	require.Equal(t, http.StatusConflict, a.status)
	require.Equal(t, "urn:tenon:problem:transition", a.body["type"])
}

func TestAnotherTenantsTicketIsNotThere(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	at := "/support/tickets/" + o.opened()
	never := send(t, o.customers, "globex/bob", "GET", "/support/tickets/018f0000-0000-7000-8000-000000000000", "")
	for _, c := range [][3]string{
		{"GET", at, ""},
		{"POST", at + "/messages", `{"text": "x"}`},
		{"POST", at + "/reopen", `{"reason": "x"}`},
	} {
		a := send(t, o.customers, "globex/bob", c[0], c[1], c[2])
		require.Equal(t, http.StatusNotFound, a.status, c)
		require.Equal(t, never.text, a.text, "as one that never was")
	}
	require.Empty(t, send(t, o.customers, "globex/bob", "GET", "/support/tickets", "").body["tickets"])
	require.Len(t, o.customer("GET", at, "").body["messages"], 1, "nothing was written")
}

func TestWhoAsksIsFoundOutFirst(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	a := send(t, o.customers, "", "POST", "/support/tickets", "{")
	require.Equal(t, http.StatusUnauthorized, a.status)
	require.Equal(t, "Bearer", a.header.Get("Www-Authenticate"))
	a = send(t, o.customers, "broken/x", "GET", "/support/tickets", "")
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Equal(t, "5", a.header.Get("Retry-After"))
	a = o.customer("DELETE", "/support/tickets", "")
	require.Equal(t, http.StatusMethodNotAllowed, a.status)
	require.Equal(t, "GET, HEAD, POST", a.header.Get("Allow"))
	require.Equal(t, http.StatusNotFound, o.customer("GET", "/findings", "").status)
}

func TestAFormCannotOpenATicket(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := httptest.NewRequest("POST", "/support/tickets", strings.NewReader(`{"priority": "P1", "issue": "x"}`))
	r.Header.Set("Authorization", "acme/ann")
	r.Header.Set("Content-Type", "text/plain")
	w := httptest.NewRecorder()
	o.customers.ServeHTTP(w, r)
	require.Equal(t, http.StatusUnsupportedMediaType, w.Code)
}

func TestTicketsArePaged(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var ids []string
	for range 5 {
		ids = append(ids, o.opened())
	}
	var seen []string
	for before := ""; ; {
		page := o.customer("GET", "/support/tickets?limit=2&before="+before, "").body["tickets"].([]any)
		for _, one := range page {
			before = one.(map[string]any)["id"].(string)
			seen = append(seen, before)
		}
		if len(page) < 2 {
			break
		}
	}
	require.ElementsMatch(t, ids, seen)
	require.Equal(t, http.StatusBadRequest, o.customer("GET", "/support/tickets?limit=0", "").status)
	require.Equal(t, http.StatusBadRequest, o.customer("GET", "/support/tickets?before=x", "").status)
}

func TestATourIsShownOnceToEachUser(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	shown := func(from, query string) any {
		return send(t, o.customers, from, "GET", "/tours"+query, "").body["tour"]
	}
	require.Nil(t, shown("acme/ann", "?feature=directory"))
	tour := shown("acme/ann", "?feature=rates").(map[string]any)
	require.Equal(t, "Welcome to Rates!", tour["title"])
	require.Len(t, tour["steps"], 2)
	a := o.customer("POST", "/tours/rates/advance", `{"steps": 1}`)
	require.InDelta(t, 1, a.body["steps"], 0, a.text)
	require.InDelta(t, 1, shown("acme/ann", "").(map[string]any)["step"], 0, "another device goes on there")
	require.Equal(t, "completed", o.customer("POST", "/tours/rates/complete", `{}`).body["end"])
	require.Nil(t, shown("acme/ann", ""))
	require.NotNil(t, shown("acme/bob", ""))
	require.Equal(t, "dismissed", send(t, o.customers, "acme/bob", "POST", "/tours/rates/dismiss", `{}`).body["end"])
	require.Nil(t, shown("acme/bob", ""))

	require.Equal(t, http.StatusBadRequest, o.customer("POST", "/tours/rates/advance", `{"steps": 3}`).status)
	require.Equal(t, http.StatusNotFound, o.customer("POST", "/tours/other/complete", `{}`).status)
	require.Equal(t, http.StatusUnsupportedMediaType, o.customer("POST", "/tours/rates/complete", "").status)
}

func TestAPageThatWasOpenReportsOnTheVersionThatItShows(t *testing.T) {
	t.Parallel()
	newer := welcome
	newer.Version, newer.Again = 2, true
	store := support.NewMemoryStore(nil)
	tours, err := support.NewTours(store, []support.Tour{newer}, nil)
	require.NoError(t, err)
	h := supporthttp.Handler(support.NewDesk(store), tours, who, nil)
	for _, what := range []string{`advance {"steps": 2, "version": 1}`, `complete {"version": 1}`, `dismiss {"version": 1}`} {
		what, body, _ := strings.Cut(what, " ")
		a := send(t, h, "acme/ann", "POST", "/tours/rates/"+what, body)
		require.InDelta(t, 1, a.body["version"], 0, a.text)
	}
	require.NotNil(t, send(t, h, "acme/ann", "GET", "/tours", "").body["tour"], "nobody has seen the newer one")
	require.InDelta(t, 2, send(t, h, "acme/ann", "POST", "/tours/rates/complete", `{"version": 2}`).body["version"], 0)
	require.Nil(t, send(t, h, "acme/ann", "GET", "/tours", "").body["tour"])
}

func TestWithoutToursThosePagesAreNotThere(t *testing.T) {
	t.Parallel()
	h := supporthttp.Handler(newOffice(t).desk, nil, who, nil)
	require.Equal(t, http.StatusNotFound, send(t, h, "acme/ann", "GET", "/tours", "").status)
}

func TestWhatIsRequiredIsRequired(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	require.Panics(t, func() { supporthttp.Handler(nil, nil, who, nil) })
	require.Panics(t, func() { supporthttp.Handler(o.desk, nil, nil, nil) })
	require.Panics(t, func() { supporthttp.Staff(o.desk, nil, authorize, nil) })
}
