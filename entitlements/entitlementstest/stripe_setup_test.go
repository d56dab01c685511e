package entitlementstest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// desk is a Biller behind its API, with a catalogue: two monthly prices, a yearly one, and one of a meter.
type desk struct {
	t      *testing.T
	biller *entitlementstest.Biller
	url    string

	basic, pro, yearly, metered string
}

// began is when the clocks of these tests begin: the 31st, which February lacks.
var began = time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)

func newDesk(t *testing.T, opts *entitlementstest.BillerOptions) *desk {
	t.Helper()
	if opts == nil {
		opts = &entitlementstest.BillerOptions{}
	}
	opts.Start = began
	d := &desk{t: t, biller: entitlementstest.NewBiller(opts)}
	server := httptest.NewServer(d.biller)
	t.Cleanup(server.Close)
	d.url = server.URL
	product := d.id("POST", "/v1/products", "name=Plans")
	price := func(amount, recurring string) string {
		return d.id("POST", "/v1/prices", "currency=eur&unit_amount="+amount+"&product="+product+"&"+recurring)
	}
	d.basic = price("9900", "recurring[interval]=month")
	d.pro = price("29900", "recurring[interval]=month")
	d.yearly = price("99000", "recurring[interval]=year")
	meter := d.id("POST", "/v1/billing/meters", "display_name=Calls&event_name=calls&default_aggregation[formula]=sum")
	d.metered = price("2", "recurring[interval]=month&recurring[usage_type]=metered&recurring[meter]="+meter)
	return d
}

// answer is what a call was answered.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

// do makes a call with header lines such as "Idempotency-Key: a".
func (d *desk) do(method, path, form string, header ...string) (answer, error) {
	address, body := d.url+path, ""
	if method == http.MethodGet {
		address += "?" + form
	} else {
		body = form
	}
	r, err := http.NewRequestWithContext(d.t.Context(), method, address, strings.NewReader(body))
	require.NoError(d.t, err)
	r.Header.Set("Authorization", "Bearer "+entitlementstest.TestKey)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer w.Body.Close()
	raw, err := io.ReadAll(w.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: w.StatusCode, header: w.Header}
	require.NoError(d.t, json.Unmarshal(raw, &a.body), string(raw))
	return a, nil
}

// call makes a call that must succeed.
func (d *desk) call(method, path, form string, header ...string) map[string]any {
	d.t.Helper()
	a, err := d.do(method, path, form, header...)
	require.NoError(d.t, err)
	require.Equal(d.t, http.StatusOK, a.status, "%s %s: %v", method, path, a.body)
	return a.body
}

func (d *desk) id(method, path, form string) string {
	d.t.Helper()
	return d.call(method, path, form)["id"].(string)
}

// refused makes a call that must be refused, and returns the error.
func (d *desk) refused(status int, method, path, form string, header ...string) map[string]any {
	d.t.Helper()
	a, err := d.do(method, path, form, header...)
	require.NoError(d.t, err)
	require.Equal(d.t, status, a.status, "%v", a.body)
	return a.body["error"].(map[string]any)
}

// customer makes a customer whose card pays.
func (d *desk) customer() string {
	d.t.Helper()
	return d.id("POST", "/v1/customers", "email=a@example.com&payment_method=pm_card_visa&metadata[tenant_id]=acme")
}

// subscribe makes a customer with a subscription, whose further fields form gives.
func (d *desk) subscribe(form string) (customer, subscription string) {
	d.t.Helper()
	customer = d.customer()
	return customer, d.id("POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+d.basic+"&"+form)
}

func (d *desk) subscription(id string) map[string]any {
	d.t.Helper()
	return d.call("GET", "/v1/subscriptions/"+id, "")
}

// types returns the types of all events about subscriptions and invoices after the first skip.
func (d *desk) types(skip int) []string {
	var found []string
	for _, e := range d.biller.Events()[skip:] {
		if strings.HasPrefix(e.Type, "customer.subscription.") || strings.HasPrefix(e.Type, "invoice.") {
			found = append(found, e.Type)
		}
	}
	return found
}

// when reads a time of an answer.
func when(t *testing.T, field any) time.Time {
	t.Helper()
	seconds, ok := field.(float64)
	require.True(t, ok, "%v is no time", field)
	return time.Unix(int64(seconds), 0).UTC()
}

func firstItem(subscription map[string]any) map[string]any {
	return subscription["items"].(map[string]any)["data"].([]any)[0].(map[string]any)
}

func escape(text string) string { return url.QueryEscape(text) }
