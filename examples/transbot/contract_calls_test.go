package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// Each operation is called with the document's own example, on a site with the demo's data, and the answer is what the
// document says.
func TestContractIsKept(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	caller := newCaller(t, c)
	for _, o := range c.operations() {
		r := caller.call(o, true)
		require.Less(t, r.status, 300, "%s: %s", o.name(), r.body)
		c.requireKept(t, o, r)
		if caller.key(o) != "" {
			r := caller.call(o, false)
			require.Equal(t, http.StatusUnauthorized, r.status, o.name())
			c.requireKept(t, o, r)
		}
	}
}

// caller calls operations as the document's examples have it.
type caller struct {
	*site
	*contract
	keys map[string]string // by the name of the plan
}

func newCaller(t *testing.T, c *contract) *caller {
	t.Helper()
	s := newSiteWith(t, map[string]string{
		"TRANSBOT_AUDIT_KEY": base64.StdEncoding.EncodeToString(make([]byte, 32)),
	}, "-demo")
	return &caller{s, c, printed(s)}
}

// key is what an operation asks for; empty for nothing.
func (c *caller) key(o operation) string {
	schemes, ok := c.of(o, "security").([]any)
	switch {
	case !ok:
		return c.keys["PRO_KEY"]
	case len(schemes) == 0:
		return ""
	}
	if _, staff := schemes[0].(map[string]any)["staffKey"]; staff {
		return adminKey
	}
	return ""
}

// call sends the example of an operation.
func (c *caller) call(o operation, signedIn bool) reply {
	c.t.Helper()
	kind, body := c.body(o)
	r, err := http.NewRequestWithContext(c.t.Context(), strings.ToUpper(o.method), c.url+c.address(o), strings.NewReader(body))
	require.NoError(c.t, err)
	r.Header.Set("Content-Type", kind)
	if key := c.key(o); key != "" && signedIn {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if o.path == "/api/stripe/webhook" {
		r.Header.Set("Stripe-Signature", signedByStripe(body))
	}
	return c.do(http.DefaultClient, r)
}

// signedByStripe signs a body as Stripe does.
func signedByStripe(body string) string {
	now := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(entitlementstest.TestSecret))
	mac.Write([]byte(now + "." + body))
	return "t=" + now + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// body is the example of what an operation takes.
func (c *caller) body(o operation) (kind, body string) {
	content, _ := c.of(o, "requestBody", "content").(map[string]any)
	for kind := range content {
		if kind != "application/json" {
			return kind, c.ask(c.key(o), "/api/audit/export", "").body
		}
		example, err := json.Marshal(c.of(o, "requestBody", "content", kind, "example"))
		require.NoError(c.t, err)
		return kind, string(example)
	}
	return "", ""
}

// address is the path of an operation with the examples of its parameters.
func (c *caller) address(o operation) string {
	path, query := o.path, url.Values{}
	parameters, _ := c.of(o, "parameters").([]any)
	for _, p := range parameters {
		p := c.follow(p).(map[string]any)
		name, example := p["name"].(string), p["example"]
		switch {
		case name == "id":
			path = strings.Replace(path, "{id}", c.id(o), 1)
		case p["in"] == "path":
			path = strings.Replace(path, "{"+name+"}", example.(string), 1)
		case p["in"] == "query" && example != nil:
			query.Set(name, text(example))
		}
	}
	return path + "?" + query.Encode()
}

// text is an example as a query has it.
func text(example any) string {
	if list, ok := example.([]any); ok {
		return text(list[0])
	}
	if n, ok := example.(json.Number); ok {
		return n.String()
	}
	return example.(string)
}

// id is one of what an operation is about, since the document's own is of nothing.
func (c *caller) id(o operation) string {
	key := c.keys["PRO_KEY"]
	switch strings.Split(o.path, "/")[2] {
	case "quotes":
		return c.ask(key, "/api/quotes", lane).field(c.t, "quote.id").(string)
	case "partners":
		return first(c.t, c.ask(key, "/api/partners?limit=1", ""), "results")
	case "support":
		return c.ticket(key, strings.HasSuffix(o.path, "/reopen"))
	}
	return c.sealed(key)
}

// ticket opens a ticket, and has it solved.
func (c *caller) ticket(key string, solved bool) string {
	id := c.ask(key, "/api/support/tickets", `{"priority": "P3", "issue": "How?"}`).field(c.t, "id").(string)
	if solved {
		staff, page := c.signIn(adminKey), "/companies/transbotai-demo/support/"+id
		r := staff.post(page+"/solve", "text", "So.", "csrf", staff.csrf(page))
		require.Equal(c.t, http.StatusSeeOther, r.status, r.body)
	}
	return id
}

// sealed is the company's oldest record, which a checkpoint covers: an export is made of what is sealed, and makes it so.
func (c *caller) sealed(key string) string {
	require.Equal(c.t, http.StatusOK, c.ask(key, "/api/audit/export", "").status)
	return first(c.t, c.ask(key, "/api/audit/records?limit=1&order=oldest", ""), "records")
}

// first is the id of the first of a list.
func first(t *testing.T, r reply, list string) string {
	t.Helper()
	found, _ := r.field(t, list).([]any)
	require.NotEmpty(t, found, r.body)
	return found[0].(map[string]any)["id"].(string)
}
