package supporthttp_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStaffMovesATicketThroughItsLife(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	at := "/support/tickets/" + o.opened()
	for _, c := range []struct{ action, body, state string }{
		{"acknowledge", `{}`, "open"},
		{"assign", `{"assignee": "sue"}`, "open"},
		{"prioritise", `{"priority": "P2", "reason": "a workaround is there"}`, "open"},
		{"plan", `{"plan": "pro"}`, "open"},
		{"pend", `{"reason": "which lane?"}`, "pending"},
		{"hear", `{"text": "Hamburg to Milan"}`, "open"},
		{"pend", `{"reason": "which day?"}`, "pending"},
		{"resume", `{}`, "open"},
		{"solve", `{"text": "done"}`, "solved"},
		{"reopen", `{"reason": "not quite"}`, "reopened"},
		{"solve", `{"text": "now"}`, "solved"},
		{"close", `{}`, "closed"},
	} {
		a := o.sue("POST", at+"/"+c.action+"?tenant=acme", c.body)
		require.Equal(t, 200, a.status, "%s: %s", c.action, a.text)
		require.Equal(t, c.state, a.body["state"], c.action)
	}
	require.Equal(t, http.StatusConflict, o.sue("POST", at+"/reply?tenant=acme", `{"text": "hm"}`).status)
	require.Len(t, o.sue("GET", at+"?tenant=acme", "").body["history"], 13)
	require.Equal(t, 404, o.sue("GET", at+"?tenant=globex", "").status)
	require.Equal(t, 404, o.sue("POST", at+"/delete?tenant=acme", `{}`).status)
	require.Len(t, o.sue("GET", "/support/tickets?state=closed", "").body["tickets"], 1)
	require.Empty(t, o.sue("GET", "/support/tickets?state=open&tenant=acme", "").body["tickets"])
	require.Equal(t, 400, o.sue("GET", "/support/tickets?state=lost", "").status)
}

func TestTheReportCountsPromises(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	at := "/support/tickets/" + o.opened()
	require.Equal(t, 200, o.sue("POST", at+"/solve?tenant=acme", `{}`).status)
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	a := o.sue("GET", "/support/sla?to="+later, "")
	require.InDelta(t, 1, a.body["total"], 0, a.text)
	require.Len(t, a.body["lines"], 9)
	require.InDelta(t, 0, o.sue("GET", "/support/sla?tenant=globex&to="+later, "").body["total"], 0)
	require.Equal(t, 400, o.sue("GET", "/support/sla?from=yesterday", "").status)
	require.Equal(t, 400, o.sue("GET", "/support/sla?from="+later+"&to="+later, "").status)
}

func TestRulesAreChangedFromTheVersionThatWasRead(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	a := o.sue("GET", "/support/rules", "")
	require.Equal(t, "standard", a.body["default"])
	put := fmt.Sprintf(`{"rules": %s, "reason": "as sold"}`, a.text)
	require.InDelta(t, 1, o.sue("PUT", "/support/rules", put).body["version"], 0)
	a = o.sue("PUT", "/support/rules", put)
	require.Equal(t, http.StatusConflict, a.status)
	require.Equal(t, "urn:tenon:problem:stale", a.body["type"])
	require.Equal(t, 400, o.sue("PUT", "/support/rules", `{"rules": {"version": 1, "default": "none"}}`).status)
}

func TestAFindingIsReportedAcceptedAndFixed(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	a := o.sue("POST", "/findings", `{"title": "session fixation", "severity": "high", "source": "pen test"}`)
	require.Equal(t, http.StatusCreated, a.status, a.text)
	at := "/findings/" + a.body["id"].(string)
	until := time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)
	a = o.sue("POST", at+"/accept", fmt.Sprintf(`{"approver": "cto", "reason": "behind the VPN", "until": %q}`, until))
	require.Equal(t, "accepted", a.body["state"], a.text)
	require.Equal(t, "open", o.sue("POST", at+"/reopen", `{"reason": "it is not"}`).body["state"])
	require.Equal(t, "critical", o.sue("POST", at+"/regrade", `{"severity": "critical", "reason": "exploited"}`).body["severity"])
	require.Equal(t, "fixed", o.sue("POST", at+"/fix", `{"text": "rotated at sign-in"}`).body["state"])
	require.Equal(t, http.StatusConflict, o.sue("POST", at+"/fix", `{}`).status)
	require.Equal(t, "fixed", o.sue("GET", at, "").body["state"])
	require.Len(t, o.sue("GET", "/findings?state=fixed", "").body["findings"], 1)
	lines := o.sue("GET", "/findings/kpi", "").body["lines"].([]any)
	require.InDelta(t, 1, lines[0].(map[string]any)["fixed"], 0)
	require.Equal(t, 400, o.sue("POST", "/findings", `{"title": "x", "severity": "grave"}`).status)
	require.Equal(t, 404, o.sue("GET", at+"?tenant=acme", "").status)
	require.Equal(t, 404, o.sue("POST", at+"/burn", `{}`).status)
}

func TestNobodyButStaffGetsIn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	at := "/support/tickets/" + o.opened()
	for _, c := range []struct {
		from, method, path string
		status             int
	}{
		{"", "GET", "/support/tickets", 401},
		{"acme/ann", "GET", "/support/tickets?tenant=acme", 403},
		{"acme/ann", "POST", at + "/solve?tenant=acme", 403},
		{"staff/reader", "GET", at + "?tenant=acme", 200},
		{"staff/reader", "POST", at + "/solve?tenant=acme", 403},
		{"staff/reader", "PUT", "/support/rules", 403},
		{"staff/reader", "POST", "/findings", 403},
		{"broken/x", "GET", "/findings", 503},
	} {
		a := send(t, o.staff, c.from, c.method, c.path, "")
		require.Equal(t, c.status, a.status, c)
	}
	require.Equal(t, "open", o.customer("GET", at, "").body["state"], "nothing was written")
}
