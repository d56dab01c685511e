package entitlementsstripe_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// findMock returns Stripe's own mock of its API: TENON_STRIPE_MOCK, what is on PATH, or what make deps built.
func findMock() (string, error) {
	if path := os.Getenv("TENON_STRIPE_MOCK"); path != "" {
		return path, nil
	}
	if path, err := exec.LookPath("stripe-mock"); err == nil {
		return path, nil
	}
	dir := os.Getenv("TENON_CACHE")
	if dir == "" {
		dir = filepath.Join("..", "..", ".cache")
	}
	path, err := filepath.Abs(filepath.Join(dir, "bin", "stripe-mock"))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("stripe-mock is not in TENON_STRIPE_MOCK, on PATH or at %s: run make deps", path)
	}
	return path, nil
}

// mock is the one stripe-mock of this process.
var mock = sync.OnceValues(startMock)

// mockURL returns the address of a stripe-mock on loopback. It fails, and never skips, where there is none.
func mockURL(t *testing.T) string {
	t.Helper()
	address, err := mock()
	require.NoError(t, err)
	return address
}

// held is the pipe that the mock lives as long as.
var held io.WriteCloser

// startMock starts it under a shell that ends it when this process is gone, however that ends: its pipe closes then. It is
// given both addresses, since without one its listener for HTTPS binds every interface.
func startMock() (string, error) {
	path, err := findMock()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("/bin/sh", "-c", `exec 3<&0; "$0" "$@" </dev/null & read -r _ <&3; kill $!`, path,
		"-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0")
	if held, err = cmd.StdinPipe(); err != nil {
		return "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return "", err
	}
	var said strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "Listening for HTTP at address: "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return "http://" + address, nil
		}
		fmt.Fprintln(&said, lines.Text())
	}
	return "", fmt.Errorf("stripe-mock did not start: %s", said.String())
}

// peer is a server that speaks Stripe's API.
type peer struct {
	t   *testing.T
	url string
	key string
}

// call makes a call in the newest version, which both speak, and returns the answer.
func (p peer) call(method, path, form string) map[string]any {
	p.t.Helper()
	address, body := p.url+path, form
	if method == http.MethodGet {
		address, body = address+"?"+form, ""
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, address, strings.NewReader(body))
	require.NoError(p.t, err)
	r.Header.Set("Authorization", "Bearer "+p.key)
	r.Header.Set("Stripe-Version", entitlementstest.StripeNewer)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w, err := http.DefaultClient.Do(r)
	require.NoError(p.t, err)
	defer w.Body.Close()
	var answer map[string]any
	require.NoError(p.t, json.NewDecoder(w.Body).Decode(&answer))
	require.Equal(p.t, http.StatusOK, w.StatusCode, "%s %s %s: %v", method, path, form, answer)
	return answer
}

// both is the fake beside Stripe's mock.
type both struct {
	t          *testing.T
	fake, mock peer
}

// call makes the call at both, checks that what the fake answers is in the other's answer too, and returns the fake's.
func (b both) call(method, path, form string) map[string]any {
	b.t.Helper()
	got, want := b.fake.call(method, path, form), b.mock.call(method, path, form)
	b.within(method+" "+path, got, want)
	return got
}

// free are the fields whose own fields the caller chose, or that hold an object of any kind.
var free = map[string]bool{"metadata": true, "payload": true, "previous_attributes": true, "data.object": true}

// within fails where a field of the fake's is none of Stripe's, or of another kind. Where Stripe says null, anything goes.
func (b both) within(at string, got, want any) {
	b.t.Helper()
	switch got := got.(type) {
	case map[string]any:
		if want == nil {
			return
		}
		require.IsType(b.t, got, want, at)
		for _, name := range slices.Sorted(maps.Keys(got)) {
			if free[name] || free[last(at)+"."+name] {
				continue
			}
			inner, ok := want.(map[string]any)[name]
			if !ok {
				b.t.Errorf("%s.%s is not in the answer of stripe-mock", at, name)
			}
			b.within(at+"."+name, got[name], inner)
		}
	case []any:
		if want == nil {
			return
		}
		require.IsType(b.t, got, want, at)
		if others := want.([]any); len(got) > 0 && len(others) > 0 {
			b.within(at+"[0]", got[0], others[0])
		}
	default:
		if got != nil && want != nil {
			require.IsType(b.t, want, got, at)
		}
	}
}

// last returns the last name of a path.
func last(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// id makes the call at both and returns the id of the fake's answer.
func (b both) id(method, path, form string) string {
	b.t.Helper()
	return b.call(method, path, form)["id"].(string)
}

func TestTheFakeAnswersInStripesShapes(t *testing.T) {
	t.Parallel()
	fake := entitlementstest.NewBiller(nil)
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	b := both{t: t, fake: peer{t, server.URL, entitlementstest.TestKey}, mock: peer{t, mockURL(t), "sk_test_123"}}
	b.catalogue()
	prices := b.prices()
	customer := b.customers()
	b.subscriptions(customer, prices)
	b.schedules(customer, prices)
	b.checkouts(customer, prices)
	b.meters(customer)
	event := b.call("GET", "/v1/events", "limit=1&type=customer.created")["data"].([]any)[0].(map[string]any)
	b.call("GET", "/v1/events/"+event["id"].(string), "")
	b.call("GET", "/v1/account", "")
	for _, endpoint := range fake.Endpoints() {
		require.Positive(t, fake.Calls()[endpoint], "%s is not compared", endpoint)
	}
}

func (b both) catalogue() {
	product := b.id("POST", "/v1/products", "name=Plans")
	b.call("GET", "/v1/products/"+product, "")
	b.call("POST", "/v1/products/"+product, "description=All")
	b.call("GET", "/v1/products", "limit=1")
}

// prices returns two monthly prices.
func (b both) prices() [2]string {
	b.t.Helper()
	form := "currency=eur&unit_amount=9900&recurring[interval]=month&product_data[name]=Plan"
	first := b.id("POST", "/v1/prices", form)
	b.call("GET", "/v1/prices/"+first, "")
	b.call("POST", "/v1/prices/"+first, "nickname=Basic")
	b.call("GET", "/v1/prices", "limit=1&active=true")
	return [2]string{first, b.id("POST", "/v1/prices", strings.Replace(form, "9900", "29900", 1))}
}

func (b both) customers() string {
	b.t.Helper()
	customer := b.id("POST", "/v1/customers", "email=a@example.com&metadata[tenant_id]=acme&payment_method=pm_card_visa")
	b.call("GET", "/v1/customers/"+customer, "")
	b.call("POST", "/v1/customers/"+customer, "name=Acme")
	b.call("GET", "/v1/customers", "limit=1&email="+url.QueryEscape("a@example.com"))
	b.call("GET", "/v1/customers/search", "query="+url.QueryEscape(`metadata["tenant_id"]:"acme"`))
	b.call("POST", "/v1/payment_methods/pm_card_visa/attach", "customer="+customer)
	gone := b.id("POST", "/v1/customers", "")
	b.call("DELETE", "/v1/customers/"+gone, "")
	return customer
}

func (b both) subscriptions(customer string, prices [2]string) {
	b.t.Helper()
	form := "customer=" + customer + "&items[0][price]=" + prices[0]
	s := b.id("POST", "/v1/subscriptions", form)
	b.call("GET", "/v1/subscriptions/"+s, "expand[]=latest_invoice&expand[]=customer")
	b.call("POST", "/v1/subscriptions/"+s, "cancel_at_period_end=true")
	b.call("GET", "/v1/subscriptions", "status=all&limit=1")
	b.call("GET", "/v1/subscriptions/search", "query="+url.QueryEscape(`metadata["tenant_id"]:"acme"`))
	item := b.id("POST", "/v1/subscription_items", "subscription="+s+"&price="+prices[1])
	b.call("GET", "/v1/subscription_items/"+item, "")
	b.call("POST", "/v1/subscription_items/"+item, "quantity=2")
	b.call("GET", "/v1/subscription_items", "limit=1&subscription="+s)
	b.call("DELETE", "/v1/subscription_items/"+item, "")
	b.invoices(customer)
	b.call("DELETE", "/v1/subscriptions/"+s, "")

	empty := b.id("POST", "/v1/customers", "")
	paused := b.id("POST", "/v1/subscriptions", "customer="+empty+"&items[0][price]="+prices[0]+
		"&trial_period_days=1&trial_settings[end_behavior][missing_payment_method]=pause")
	b.call("POST", "/v1/subscriptions/"+paused, "trial_end=now")
	b.call("POST", "/v1/subscriptions/"+paused+"/resume", "")
	b.unpaid(empty, paused)
	b.drafts(customer, prices[0])
}

func (b both) invoices(customer string) {
	b.t.Helper()
	waiting := b.call("GET", "/v1/invoiceitems", "limit=1&customer="+customer)["data"].([]any)[0].(map[string]any)["id"].(string)
	b.call("GET", "/v1/invoiceitems/"+waiting, "")
	invoice := b.call("GET", "/v1/invoices", "limit=1")["data"].([]any)[0].(map[string]any)["id"].(string)
	b.call("GET", "/v1/invoices/"+invoice, "")
}

// unpaid goes through what a person does with invoices of a customer who had no card.
func (b both) unpaid(customer, subscription string) {
	b.t.Helper()
	open := func() string {
		list := b.call("GET", "/v1/invoices", "status=open&limit=1&subscription="+subscription)
		return list["data"].([]any)[0].(map[string]any)["id"].(string)
	}
	b.call("POST", "/v1/payment_methods/pm_card_visa/attach", "customer="+customer)
	b.call("POST", "/v1/invoices/"+open()+"/pay", "")
}

func (b both) drafts(customer, price string) {
	b.t.Helper()
	s := b.call("POST", "/v1/subscriptions", "payment_behavior=default_incomplete&customer="+customer+"&items[0][price]="+price)
	b.call("POST", "/v1/invoices/"+s["latest_invoice"].(string)+"/void", "")

	s = b.call("POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+price)
	path := "/v1/subscriptions/" + s["id"].(string)
	b.call("POST", path, "pause_collection[behavior]=keep_as_draft")
	item := s["items"].(map[string]any)["data"].([]any)[0].(map[string]any)["id"].(string)
	s = b.call("POST", path, "proration_behavior=always_invoice&items[0][quantity]=3&items[0][id]="+item)
	b.call("POST", "/v1/invoices/"+s["latest_invoice"].(string)+"/finalize", "")
}

func (b both) schedules(customer string, prices [2]string) {
	b.t.Helper()
	for _, end := range []string{"release", "cancel"} {
		s := b.id("POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+prices[1])
		schedule := b.id("POST", "/v1/subscription_schedules", "from_subscription="+s)
		got := b.call("GET", "/v1/subscription_schedules/"+schedule, "")
		phase := got["current_phase"].(map[string]any)
		b.call("POST", "/v1/subscription_schedules/"+schedule, fmt.Sprintf("end_behavior=release&phases[0][items][0][price]=%s"+
			"&phases[0][start_date]=%.0f&phases[0][end_date]=%.0f&phases[1][items][0][price]=%s&phases[1][proration_behavior]=none",
			prices[1], phase["start_date"], phase["end_date"], prices[0]))
		b.call("GET", "/v1/subscription_schedules", "limit=1")
		b.call("POST", "/v1/subscription_schedules/"+schedule+"/"+end, "")
	}
}

func (b both) checkouts(customer string, prices [2]string) {
	b.t.Helper()
	session := b.id("POST", "/v1/checkout/sessions", "mode=subscription&customer="+customer+"&line_items[0][price]="+prices[0]+
		"&line_items[0][quantity]=1&success_url="+url.QueryEscape("http://127.0.0.1/ok"))
	b.call("GET", "/v1/checkout/sessions/"+session, "")
	b.call("GET", "/v1/checkout/sessions", "limit=1")
	b.call("POST", "/v1/checkout/sessions/"+session+"/expire", "")
	b.call("POST", "/v1/billing_portal/sessions", "customer="+customer+"&return_url="+url.QueryEscape("http://127.0.0.1/"))
}

func (b both) meters(customer string) {
	b.t.Helper()
	meter := b.id("POST", "/v1/billing/meters", "display_name=Calls&event_name=calls&default_aggregation[formula]=sum")
	b.call("GET", "/v1/billing/meters/"+meter, "")
	b.call("GET", "/v1/billing/meters", "limit=1")
	b.call("POST", "/v1/billing/meter_events", "event_name=calls&identifier=a&payload[value]=1&payload[stripe_customer_id]="+customer)
	b.call("POST", "/v1/billing/meter_event_adjustments", "event_name=calls&type=cancel&cancel[identifier]=a")
	b.call("GET", "/v1/billing/meters/"+meter+"/event_summaries", "start_time=0&end_time=60&customer="+customer)
	b.call("POST", "/v1/billing/meters/"+meter+"/deactivate", "")
	b.call("POST", "/v1/billing/meters/"+meter+"/reactivate", "")
}
