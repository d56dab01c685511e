package entitlementsstripe_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements/entitlementsstripe"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// changed returns a webhook's body with a field set to another value.
func changed(t *testing.T, body []byte, field string, value any) []byte {
	t.Helper()
	var e map[string]any
	require.NoError(t, json.Unmarshal(body, &e))
	e[field] = value
	out, err := json.Marshal(e)
	require.NoError(t, err)
	return out
}

// rows counts what is stored of billing and of rights.
func rows(t *testing.T, pool *pgxpool.Pool) map[string]int64 {
	t.Helper()
	counted := map[string]int64{}
	for _, table := range []string{"billing_events", "billing_customers", "billing_leases", "billing_usage", "org_entitlements"} {
		var n int64
		sql := "select count(*) from " + pgx.Identifier{"tenon", table}.Sanitize()
		require.NoError(t, pool.QueryRow(t.Context(), sql).Scan(&n))
		counted[table] = n
	}
	return counted
}

func TestWebhooksThatAreNotToBeBelievedChangeNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	_, pool := s.database()
	x := s.open(s.store(pool))
	s.owners(1)
	body := s.events(0)[0].body
	now := time.Now()
	sign := func(body []byte) string { return entitlementstest.Sign(body, entitlementstest.TestSecret, now) }
	calls, stored := s.fake.Calls(), rows(t, pool)

	for name, c := range map[string]struct {
		body      []byte
		signature string
	}{
		"forged":                    {body, entitlementstest.Sign(body, "whsec_other", now)},
		"forged_with_no_secret":     {body, entitlementstest.Sign(body, "", now)},
		"unsigned":                  {body, ""},
		"signed_by_another_scheme":  {body, strings.Replace(sign(body), "v1=", "v0=", 1)},
		"with_half_a_signature":     {body, sign(body)[:40]},
		"without_a_timestamp":       {body, sign(body)[strings.Index(sign(body), "v1="):]},
		"with_two_timestamps":       {body, "t=1," + sign(body)},
		"truncated":                 {body[:len(body)/2], sign(body)},
		"truncated_and_signed":      {body[:len(body)/2], sign(body[:len(body)/2])},
		"with_another_body":         {changed(t, body, "type", "customer.deleted"), sign(body)},
		"replayed_after_a_while":    {body, entitlementstest.Sign(body, entitlementstest.TestSecret, now.Add(-6*time.Minute))},
		"from_the_future":           {body, entitlementstest.Sign(body, entitlementstest.TestSecret, now.Add(6*time.Minute))},
		"of_the_other_mode":         {changed(t, body, "livemode", true), sign(changed(t, body, "livemode", true))},
		"of_no_mode":                {changed(t, body, "livemode", nil), sign(changed(t, body, "livemode", nil))},
		"of_another_account":        {changed(t, body, "account", "acct_other"), sign(changed(t, body, "account", "acct_other"))},
		"without_an_id":             {changed(t, body, "id", ""), sign(changed(t, body, "id", ""))},
		"with_an_id_that_is_a_book": {changed(t, body, "id", strings.Repeat("x", 300)), sign(changed(t, body, "id", strings.Repeat("x", 300)))},
		"oversized":                 {padded(body), sign(padded(body))},
		"empty":                     {nil, sign(nil)},
		"no_JSON":                   {[]byte("id=evt_1"), sign([]byte("id=evt_1"))},
		"a_JSON_that_is_no_event":   {[]byte("[]"), sign([]byte("[]"))},
	} {
		require.Equal(t, http.StatusBadRequest, post(t, x.Handler(), c.body, c.signature), name)
		require.Equal(t, stored, rows(t, pool), name)
	}
	require.Equal(t, calls, s.fake.Calls(), "nobody asked Stripe about any of them")
	require.Equal(t, http.StatusOK, post(t, x.Handler(), body, sign(body)), "and the real one is taken")
	require.Equal(t, http.StatusOK, post(t, x.Handler(), body, sign(body)), "twice, with one effect")
	require.EqualValues(t, 1, rows(t, pool)["billing_events"])
}

// padded returns the body with more white space than is read.
func padded(body []byte) []byte { return append(bytes.Repeat([]byte(" "), 1<<20), body...) }

func TestAWebhookIsPosted(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	w := httptest.NewRecorder()
	s.open(s.memory()).Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	require.Equal(t, http.MethodPost, w.Header().Get("Allow"))
}

func TestOneSecretReplacesAnother(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	o := s.owners(1)[0]
	body := s.events(0)[0].body
	both := account()
	both.WebhookSecrets = append(both.WebhookSecrets, tenon.NewSecret("whsec_next"))
	x := s.open(s.memory())
	b, err := entitlementsstripe.New(x.gate, s.memory(), both, s.prices, &s.opts)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, post(t, b.Handler(), body, entitlementstest.Sign(body, "whsec_next", time.Now())))
	require.Equal(t, http.StatusOK, deliver(t, b.Handler(), body), "%s: the old one is good until it is taken away", o.tenant)
}
