package entitlementstest_test

import (
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// visit asks for a page, or sends a form to it, and follows nowhere.
func (d *desk) visit(address string, form url.Values) (status int, location, body string) {
	d.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var (
		w   *http.Response
		err error
	)
	if form == nil {
		w, err = client.Get(address)
	} else {
		w, err = client.PostForm(address, form)
	}
	require.NoError(d.t, err)
	defer w.Body.Close()
	raw, err := io.ReadAll(w.Body)
	require.NoError(d.t, err)
	return w.StatusCode, w.Header.Get("Location"), string(raw)
}

func TestPeopleBuyOnABillersPage(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	cs := d.call("POST", "/v1/checkout/sessions", "mode=subscription&line_items[0][price]="+d.basic+"&success_url="+
		escape("http://127.0.0.1/ok")+"&cancel_url="+escape("http://127.0.0.1/no"))
	page := cs["url"].(string)
	status, _, body := d.visit(page, nil)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "99.00 eur a month")
	require.Contains(t, body, "This is a fake Stripe")

	status, _, body = d.visit(page, url.Values{"card": {"declined"}})
	require.Equal(t, http.StatusPaymentRequired, status)
	require.Contains(t, body, "The card was declined.")
	status, location, _ := d.visit(page, url.Values{"card": {"good"}})
	require.Equal(t, http.StatusSeeOther, status)
	require.Equal(t, "http://127.0.0.1/ok", location)
	status, _, _ = d.visit(page, nil)
	require.Equal(t, http.StatusNotFound, status)
	require.Len(t, d.call("GET", "/v1/subscriptions", "")["data"], 1)
}

func TestPeopleCancelInABillersPortal(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	customer, id := d.subscribe("")
	_, other := d.subscribe("")
	page := d.call("POST", "/v1/billing_portal/sessions", "customer="+customer+"&return_url="+escape("http://127.0.0.1/back"))["url"].(string)
	_, _, body := d.visit(page, nil)
	require.Contains(t, body, "The present card pays.")
	require.Contains(t, body, "http://127.0.0.1/back")

	d.visit(page, url.Values{"do": {"cancel"}, "subscription": {id}})
	require.Equal(t, true, d.subscription(id)["cancel_at_period_end"])
	d.visit(page, url.Values{"do": {"keep"}, "subscription": {id}})
	require.Equal(t, false, d.subscription(id)["cancel_at_period_end"])
	d.visit(page, url.Values{"do": {"cancel"}, "subscription": {other}})
	require.Equal(t, false, d.subscription(other)["cancel_at_period_end"], "somebody else's")
	d.visit(page, url.Values{"do": {"bad_card"}})
	_, _, body = d.visit(page, nil)
	require.Contains(t, body, "The present card is declined.")
}
