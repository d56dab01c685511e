package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

// shopper is a company's person and somebody of the staff, at a platform that sells by a fake Stripe.
type shopper struct {
	*site
	person, staff browser
}

func newShopper(t *testing.T) *shopper {
	t.Helper()
	s := beginFake(t, newDatabase(t))
	return &shopper{site: s, person: s.signIn(s.company("acme", "")), staff: s.signIn(adminKey)}
}

// beginFake starts the platform on a database, with a fake Stripe and without the demo's data.
func beginFake(t *testing.T, database string) *site {
	t.Helper()
	env := map[string]string{"DATABASE_URL": database, "TRANSBOT_ADMIN_KEY": adminKey, "STRIPE_API_BASE": "fake"}
	s := begin(t, func(name string) string { return env[name] })
	var err error
	s.pool, err = pgxpool.New(t.Context(), database)
	require.NoError(t, err)
	t.Cleanup(s.pool.Close)
	s.gate = entitlements.NewGate(entitlementspg.New(s.pool, nil), nil)
	return s
}

const billingPage = "/companies/acme/billing"

// shows waits for the company's page to say something: webhooks arrive when they do.
func (s *shopper) shows(says ...string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		page := s.person.get(billingPage).body
		for _, want := range says {
			if !strings.Contains(page, want) {
				return false
			}
		}
		return true
	}, 30*time.Second, 50*time.Millisecond, "%v", says)
}

// told waits until the platform has carried out a webhook of the type.
func (s *shopper) told(kind string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		return scan[int](s.site, "select count(*) from tenon.billing_events where type = $1 and state = 'done'", kind) > 0
	}, 30*time.Second, 20*time.Millisecond)
}

var stripesPage = regexp.MustCompile(`<a class="button" href="(http://127\.0\.0\.1:\d+/[^"]+)">`)

// order chooses on our page and returns the address of Stripe's.
func (s *shopper) order(form string, fields ...string) string {
	s.t.Helper()
	r := s.person.send("acme", "billing/"+form, fields...)
	require.Equal(s.t, http.StatusOK, r.status, r.body)
	m := stripesPage.FindStringSubmatch(r.body)
	require.NotNil(s.t, m, r.body)
	return m[1]
}

// atStripe sends a form of a page of Stripe's.
func (s *shopper) atStripe(page string, form url.Values) (status int, location string) {
	s.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w, err := client.PostForm(page, form)
	require.NoError(s.t, err)
	require.NoError(s.t, w.Body.Close())
	return w.StatusCode, w.Header.Get("Location")
}

// clicks sends a form of the staff's.
func (s *shopper) clicks(form string, fields ...string) string {
	s.t.Helper()
	r := s.staff.send("acme", "billing/"+form, fields...)
	if r.status == http.StatusSeeOther {
		r = s.staff.get(r.header.Get("Location"))
	}
	require.Equal(s.t, http.StatusOK, r.status, r.body)
	return r.body
}

func (s *shopper) days(n int) {
	s.t.Helper()
	for range n {
		s.clicks("clock", "by", "day")
	}
}

func TestAccessFollowsWhatIsPaid(t *testing.T) {
	t.Parallel()
	s := newShopper(t)
	require.Contains(t, s.person.get(billingPage).body, "No plan")
	require.Equal(t, http.StatusNotFound, s.staff.send("acme", "billing/card", "card", "good").status, "it is no customer yet")

	page := s.order("subscribe", "plan", "starter", "interval", "month")
	status, _ := s.atStripe(page, url.Values{"card": {"declined"}})
	require.Equal(t, http.StatusPaymentRequired, status)
	require.Contains(t, s.person.get(billingPage).body, "No plan", "nothing was paid")
	status, location := s.atStripe(page, url.Values{"card": {"good"}})
	require.Equal(t, http.StatusSeeOther, status)
	back := s.browser().get(strings.TrimPrefix(location, s.url))
	require.Equal(t, http.StatusOK, back.status, "without a session")
	require.Contains(t, back.header.Get("Refresh"), billingPage)
	s.shows("Starter", "active", "0 of 100", "$99.00")
	for says, r := range map[string]reply{
		"proration is not a choice": s.person.send("acme", "billing/move", "plan", "pro", "proration", "later"),
		"by is not a choice":        s.staff.send("acme", "billing/clock", "by", "year"),
		"card is not a choice":      s.staff.send("acme", "billing/card", "card", "golden"),
	} {
		require.Equal(t, http.StatusBadRequest, r.status, says)
		require.Contains(t, r.body, says)
	}

	require.Equal(t, http.StatusSeeOther, s.person.send("acme", "billing/move", "plan", "pro", "proration", "now").status)
	s.shows("Professional", "0 of 1,000", "a change")
	require.Equal(t, http.StatusSeeOther, s.person.send("acme", "billing/move", "plan", "starter").status)
	s.shows("Professional", "Moves to Starter")
	require.Equal(t, http.StatusSeeOther, s.person.send("acme", "billing/move", "plan", "pro").status)
	require.NotContains(t, s.person.get(billingPage).body, "Moves to Starter")

	s.clicks("card", "card", "declined")
	s.clicks("clock", "by", "month")
	s.clicks("clock", "by", "hour")
	s.shows("past due", "Payment overdue, access until", "0 of 1,000")
	s.days(4)
	s.shows("past due", "A payment is overdue")
	s.clicks("card", "card", "good")
	s.clicks("card", "card", "pay")
	s.shows("active", "0 of 1,000")

	require.Equal(t, http.StatusSeeOther, s.person.send("acme", "billing/cancel").status)
	s.shows("and the subscription")
	s.clicks("clock", "by", "month")
	s.shows("canceled")
	require.NotContains(t, s.person.get(billingPage).body, "Included")
}

func TestWebhooksThatWereLostAreRepairedByComparing(t *testing.T) {
	t.Parallel()
	s := newShopper(t)
	s.atStripe(s.order("subscribe", "plan", "pro", "trial", "yes"), url.Values{"card": {"good"}})
	s.shows("Professional", "trial")
	s.told("checkout.session.completed") // the last one: any that came later would tell of what is lost below

	s.clicks("webhooks", "lose", "yes")
	held := regexp.MustCompile(`<code>(sub_[^<]+)</code>`).FindStringSubmatch(s.staff.get(billingPage).body)
	require.NotNil(t, held)
	s.atStripe(s.order("portal"), url.Values{"do": {"cancel"}, "subscription": {held[1]}})
	s.clicks("webhooks", "lose", "")
	require.NotContains(t, s.person.get(billingPage).body, "Access until")
	require.Contains(t, s.clicks("reconcile", "dry", "yes"), "<li>acme: ")
	require.Contains(t, s.clicks("reconcile", "dry", ""), "<li>acme: ")
	require.Contains(t, s.clicks("reconcile", "dry", ""), "Everything is as Stripe holds it.")
	s.shows("Access until")
}

func TestAFakeThatIsGoneIsForgotten(t *testing.T) {
	t.Parallel()
	first := newShopper(t)
	first.atStripe(first.order("subscribe", "plan", "pro"), url.Values{"card": {"good"}})
	first.shows("Change the subscription")
	require.NoError(t, first.end())

	s := beginFake(t, first.pool.Config().ConnString())
	again := &shopper{site: s, person: s.signIn(s.key(freight.APIKey{CompanyID: "acme"})), staff: s.signIn(adminKey)}
	again.shows("Professional", "Go to the payment", "No subscription.")
	again.atStripe(again.order("subscribe", "plan", "starter"), url.Values{"card": {"good"}})
	again.shows("Change the subscription", "Starter")
}

func TestBillingIsForTheCompanyAndItsClockForStaff(t *testing.T) {
	t.Parallel()
	s := newShopper(t)
	other := s.signIn(s.company("other", "starter"))
	require.Equal(t, http.StatusNotFound, other.get(billingPage).status)
	csrf := other.csrf("/companies/other")
	for _, form := range []string{"subscribe", "move", "cancel", "portal", "clock", "card", "webhooks", "reconcile"} {
		require.Equal(t, http.StatusNotFound, other.post(billingPage+"/"+form, "csrf", csrf, "plan", "pro").status, form)
	}
	for _, form := range []string{"clock", "card", "webhooks", "reconcile"} {
		require.Equal(t, http.StatusNotFound, s.person.send("acme", "billing/"+form, "by", "day").status, form)
	}
	require.NotContains(t, s.person.get(billingPage).body, "Move the clock on")
	page := s.staff.get(billingPage).body
	require.Contains(t, page, "Move the clock on")
	for _, id := range inputIDs(page) {
		require.Contains(t, page, `<label for="`+id+`"`)
	}
	for name, r := range map[string]reply{
		"an unknown plan":  s.person.send("acme", "billing/subscribe", "plan", "gold"),
		"no subscription":  s.person.send("acme", "billing/cancel"),
		"another plan":     s.person.send("acme", "billing/move", "plan", "pro"),
		"a strange choice": s.staff.send("acme", "billing/clock", "by", "century"),
	} {
		require.GreaterOrEqual(t, r.status, 400, name)
		require.Less(t, r.status, 500, name)
		require.Contains(t, r.body, `role="alert"`, name)
	}
}

func TestAWebhookThatNobodySignedIsRefused(t *testing.T) {
	t.Parallel()
	s := newShopper(t)
	w, err := http.Post(s.url+"/api/stripe/webhook", "application/json", strings.NewReader(`{"id":"evt_1","type":"customer.deleted"}`))
	require.NoError(t, err)
	require.NoError(t, w.Body.Close())
	require.Equal(t, http.StatusBadRequest, w.StatusCode)
	require.Zero(t, scan[int](s.site, "select count(*) from tenon.billing_events"))
}

func TestWithoutAnAccountNothingIsSold(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signIn(s.company("acme", "pro"))
	require.Equal(t, http.StatusNotFound, b.get(billingPage).status)
	require.NotContains(t, b.get("/companies/acme").body, billingPage)
}

func TestAnAccountNeedsItsSecretAndItsPrices(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stripe := httptest.NewServer(entitlementstest.NewBiller(nil))
	t.Cleanup(stripe.Close)
	env := map[string]string{
		"DATABASE_URL": s.pool.Config().ConnString(), "STRIPE_SECRET_KEY": entitlementstest.TestKey, "STRIPE_API_BASE": stripe.URL,
	}
	lookup := func(name string) string { return env[name] }
	require.ErrorIs(t, run(t.Context(), nil, lookup, io.Discard, io.Discard), errUsage)
	env["STRIPE_WEBHOOK_SECRET"] = entitlementstest.TestSecret
	err := run(t.Context(), nil, lookup, io.Discard, io.Discard)
	require.ErrorContains(t, err, "no price with the lookup key transbot_")
	require.NotContains(t, err.Error(), entitlementstest.TestKey)
}
