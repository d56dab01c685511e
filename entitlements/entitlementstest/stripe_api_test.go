package entitlementstest_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

func TestABillerWantsItsKey(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	refusal := d.refused(401, "GET", "/v1/customers", "", "Authorization: Bearer sk_test_other")
	require.NotContains(t, refusal["message"], "sk_test")
	d.refused(400, "GET", "/v1/customers", "", "Stripe-Version: yesterday")
	d.refused(404, "GET", "/v1/nothing", "")
}

func TestABillersErrors(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	refusal := d.refused(404, "GET", "/v1/customers/cus_none", "")
	require.Equal(t, "resource_missing", refusal["code"])
	require.Equal(t, "No such customer: 'cus_none'", refusal["message"])
	refusal = d.refused(400, "POST", "/v1/customers", "colour=red")
	require.Equal(t, "parameter_unknown", refusal["code"])
	refusal = d.refused(400, "POST", "/v1/subscriptions", "customer="+d.customer()+"&items[0][quantity]=2")
	require.Equal(t, "items[0][price]", refusal["param"])
	d.refused(400, "POST", "/v1/subscriptions", "customer="+d.customer()+"&items[0][price]="+d.basic+"&items[0][quantity]=many")
	require.Empty(t, d.call("GET", "/v1/subscriptions", "status=all")["data"], "what is refused leaves nothing")
}

func TestABillersIdempotencyKeys(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	first := d.call("POST", "/v1/customers", "email=a@example.com", "Idempotency-Key: one")
	again, err := d.do("POST", "/v1/customers", "email=a@example.com", "Idempotency-Key: one")
	require.NoError(t, err)
	require.Equal(t, first, again.body)
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	refusal := d.refused(400, "POST", "/v1/customers", "email=b@example.com", "Idempotency-Key: one")
	require.Equal(t, "idempotency_error", refusal["type"])
	require.Len(t, d.call("GET", "/v1/customers", "")["data"], 1)
}

func TestABillersFaults(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	d.biller.Fail(entitlementstest.Fault{Path: "/v1/customers", Status: 429, RetryAfter: 2 * time.Second})
	a, err := d.do("POST", "/v1/customers", "", "Idempotency-Key: k")
	require.NoError(t, err)
	require.Equal(t, 429, a.status)
	require.Equal(t, "2", a.header.Get("Retry-After"))

	d.biller.Fail(entitlementstest.Fault{Method: "POST", Status: 500, Times: -1})
	d.refused(500, "POST", "/v1/customers", "")
	d.refused(500, "POST", "/v1/customers", "")
	d.biller.Heal()

	for cut, left := range map[entitlementstest.Cut]int{entitlementstest.CutBefore: 0, entitlementstest.CutAfter: 1} {
		email := "email=" + strconv.Itoa(int(cut)) + "@example.com"
		d.biller.Fail(entitlementstest.Fault{Cut: cut})
		_, err = d.do("POST", "/v1/customers", email, "Idempotency-Key: "+email)
		require.Error(t, err)
		require.Len(t, d.call("GET", "/v1/customers", email)["data"], left)
		d.call("POST", "/v1/customers", email, "Idempotency-Key: "+email)
		require.Len(t, d.call("GET", "/v1/customers", email)["data"], 1, "the same key has no second effect")
	}
	require.Equal(t, 7, d.biller.Calls()["POST /v1/customers"])
}

func TestABillersPages(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	var ids []any
	for range 5 {
		ids = append([]any{d.customer()}, ids...)
	}
	var found []any
	for form := "limit=2"; ; {
		list := d.call("GET", "/v1/customers", form)
		for _, one := range list["data"].([]any) {
			found = append(found, one.(map[string]any)["id"])
		}
		if list["has_more"] == false {
			break
		}
		form = "limit=2&starting_after=" + found[len(found)-1].(string)
	}
	require.Equal(t, ids, found, "newest first, each once")
	hit := d.call("GET", "/v1/customers/search", "query="+escape(`metadata["tenant_id"]:"acme"`))
	require.Len(t, hit["data"], 5)
	list := d.call("GET", "/v1/customers", "limit=2&ending_before="+found[4].(string))
	require.Equal(t, found[3], list["data"].([]any)[1].(map[string]any)["id"])
}

func TestABillerExpands(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	customer, id := d.subscribe("")
	s := d.call("GET", "/v1/subscriptions/"+id, "expand[]=customer&expand[]=latest_invoice&expand[]=schedule")
	require.Equal(t, customer, s["customer"].(map[string]any)["id"])
	require.Equal(t, "paid", s["latest_invoice"].(map[string]any)["status"])
	list := d.call("GET", "/v1/subscriptions", "customer="+customer+"&expand[]=data.customer")
	require.Equal(t, "customer", list["data"].([]any)[0].(map[string]any)["customer"].(map[string]any)["object"])
	d.refused(400, "GET", "/v1/subscriptions/"+id, "expand[]=colour")
}

func TestABillerSpeaksANewerVersion(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	_, id := d.subscribe("")
	old := d.subscription(id)
	s := d.call("GET", "/v1/subscriptions/"+id, "expand[]=latest_invoice", "Stripe-Version: "+entitlementstest.StripeNewer)
	require.NotContains(t, s, "current_period_end")
	require.Equal(t, old["current_period_end"], firstItem(s)["current_period_end"])
	require.NotContains(t, firstItem(old), "current_period_end")
	invoice := s["latest_invoice"].(map[string]any)
	require.NotContains(t, invoice, "subscription")
	require.Equal(t, id, invoice["parent"].(map[string]any)["subscription_details"].(map[string]any)["subscription"])
}

func TestABillersMeters(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	customer := d.customer()
	d.call("POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+d.basic+"&items[1][price]="+d.metered)
	report := func(identifier, value string) string {
		return "event_name=calls&identifier=" + identifier + "&payload[stripe_customer_id]=" + customer + "&payload[value]=" + value
	}
	d.call("POST", "/v1/billing/meter_events", report("a", "70"))
	refusal := d.refused(400, "POST", "/v1/billing/meter_events", report("a", "70"))
	require.Equal(t, "An event already exists with identifier a.", refusal["message"])
	d.call("POST", "/v1/billing/meter_events", report("b", "30"))
	d.call("POST", "/v1/billing/meter_events", report("c", "5"))
	d.call("POST", "/v1/billing/meter_event_adjustments", "event_name=calls&type=cancel&cancel[identifier]=b")
	require.EqualValues(t, 75, d.biller.Usage(customer, "calls", began, began.Add(hour)))
	d.refused(400, "POST", "/v1/billing/meter_events", report("old", "1")+"&timestamp="+unix(began.Add(-36*day)))
	d.refused(400, "POST", "/v1/billing/meter_events", report("new", "1")+"&timestamp="+unix(began.Add(hour)))
	d.refused(400, "POST", "/v1/billing/meter_events", strings.Replace(report("x", "1"), "calls", "none", 1))

	d.biller.Advance(25 * hour)
	d.refused(400, "POST", "/v1/billing/meter_event_adjustments", "event_name=calls&type=cancel&cancel[identifier]=c")
	d.call("POST", "/v1/billing/meter_events", report("a", "1")) // forgotten by now, as at Stripe
	d.biller.Advance(28 * day)
	invoices := d.biller.Invoices(customer)
	require.EqualValues(t, 9900+76*2, invoices[1]["amount_paid"], "what was metered is billed in arrears")
}

// inbox is a webhook endpoint that remembers.
type inbox struct {
	bodies  [][]byte
	headers []string
	status  int
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.bodies, b.headers = append(b.bodies, body), append(b.headers, r.Header.Get("Stripe-Signature"))
	w.WriteHeader(b.status)
}

func TestABillersWebhooks(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	in := &inbox{status: http.StatusInternalServerError}
	server := httptest.NewServer(in)
	t.Cleanup(server.Close)
	d.biller.SetWebhook(entitlementstest.Webhook{URL: server.URL, Duplicate: 1, Delay: hour})
	customer := d.customer()

	tried, err := d.biller.Deliver(t.Context())
	require.NoError(t, err)
	require.Empty(t, tried, "delayed")
	d.biller.Advance(hour)
	tried, err = d.biller.Deliver(t.Context())
	require.NoError(t, err)
	require.Len(t, tried, 2)
	require.Equal(t, http.StatusInternalServerError, tried[0].Status)
	undelivered := "types[]=customer.created&delivery_success=false"
	require.Len(t, d.call("GET", "/v1/events", undelivered)["data"], 1)

	in.status = http.StatusOK
	_, err = d.biller.Deliver(t.Context())
	require.NoError(t, err)
	require.Len(t, in.bodies, 4)
	require.Empty(t, d.call("GET", "/v1/events", undelivered)["data"])
	var e struct {
		Type string
		Data struct{ Object struct{ ID string } }
	}
	require.NoError(t, json.Unmarshal(in.bodies[3], &e))
	require.Equal(t, "customer.created", e.Type)
	require.Equal(t, customer, e.Data.Object.ID)
	requireSigned(t, in.headers[3], in.bodies[3])

	d.biller.SetWebhook(entitlementstest.Webhook{URL: server.URL, Drop: true})
	d.customer()
	d.biller.Advance(4 * day)
	tried, err = d.biller.Deliver(t.Context())
	require.NoError(t, err)
	require.Empty(t, tried)
}

// requireSigned checks the signature by the rule that Stripe publishes.
func requireSigned(t *testing.T, header string, body []byte) {
	t.Helper()
	at, signature, _ := strings.Cut(strings.TrimPrefix(header, "t="), ",v1=")
	mac := hmac.New(sha256.New, []byte(entitlementstest.TestSecret))
	mac.Write(bytes.Join([][]byte{[]byte(at), body}, []byte(".")))
	require.Equal(t, hex.EncodeToString(mac.Sum(nil)), signature)
	require.Equal(t, header, entitlementstest.Sign(body, entitlementstest.TestSecret, when(t, number(t, at))))
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return n
}
