package entitlementstest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

const (
	hour = time.Hour
	day  = 24 * hour
)

func TestABillerRenews(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	customer, id := d.subscribe("")
	s := d.subscription(id)
	require.Equal(t, "active", s["status"])
	require.Equal(t, time.Date(2026, 2, 28, 9, 0, 0, 0, time.UTC), when(t, s["current_period_end"]), "February has no 31st")

	d.biller.Advance(28*day + 2*hour)
	s = d.subscription(id)
	require.Equal(t, time.Date(2026, 3, 31, 9, 0, 0, 0, time.UTC), when(t, s["current_period_end"]), "and March has one again")
	invoices := d.biller.Invoices(customer)
	require.Len(t, invoices, 2)
	require.Equal(t, "subscription_cycle", invoices[1]["billing_reason"])
	require.Equal(t, "paid", invoices[1]["status"])
	require.EqualValues(t, 9900, invoices[1]["amount_paid"])
}

func TestABillerTellsOfASubscriptionInStripesOrder(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	d.subscribe("")
	require.Equal(t, []string{
		"customer.subscription.created", "invoice.created", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded",
		"customer.subscription.updated",
	}, d.types(0))
}

func TestABillersTrialsWarnAndConvert(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	customer, id := d.subscribe("trial_period_days=14")
	require.Equal(t, "trialing", d.subscription(id)["status"])
	require.EqualValues(t, 0, d.biller.Invoices(customer)[0]["amount_due"])

	seen := len(d.biller.Events())
	d.biller.Advance(11*day - time.Second)
	require.Empty(t, d.types(seen))
	d.biller.Advance(time.Second)
	require.Equal(t, []string{"customer.subscription.trial_will_end"}, d.types(seen))
	d.biller.Advance(3*day + 2*hour)
	s := d.subscription(id)
	require.Equal(t, "active", s["status"])
	require.EqualValues(t, 9900, d.biller.Invoices(customer)[1]["amount_paid"])
}

func TestABillersTrialsWithoutACard(t *testing.T) {
	t.Parallel()
	for behaviour, want := range map[string]string{"cancel": "canceled", "pause": "paused", "create_invoice": "past_due"} {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, nil)
			customer := d.id("POST", "/v1/customers", "email=a@example.com")
			id := d.id("POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+d.basic+
				"&trial_period_days=7&trial_settings[end_behavior][missing_payment_method]="+behaviour)
			d.biller.Advance(7*day + 2*hour)
			require.Equal(t, want, d.subscription(id)["status"])
			if behaviour != "pause" {
				return
			}
			d.biller.SetCard(customer, true)
			d.call("POST", "/v1/subscriptions/"+id+"/resume", "")
			require.Equal(t, "active", d.subscription(id)["status"])
		})
	}
}

func TestABillerDuns(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{"": "canceled", "unpaid": "unpaid", "past_due": "past_due"} {
		t.Run("until_"+want, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, &entitlementstest.BillerOptions{AfterRetries: setting})
			customer, id := d.subscribe("")
			d.biller.SetCard(customer, false)
			d.biller.Advance(28*day + hour)
			require.Equal(t, "past_due", d.subscription(id)["status"])
			d.biller.Advance(14 * day)
			require.Equal(t, "past_due", d.subscription(id)["status"])
			d.biller.Advance(1 * day)
			require.Equal(t, want, d.subscription(id)["status"])
			require.EqualValues(t, 4, d.biller.Invoices(customer)[1]["attempt_count"])
		})
	}
}

func TestABillerIsPaidByARetry(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	customer, id := d.subscribe("")
	d.biller.SetCard(customer, false)
	d.biller.Advance(28*day + hour)
	require.False(t, d.biller.PayInvoice(customer))
	require.Equal(t, "past_due", d.subscription(id)["status"])
	d.biller.SetCard(customer, true)
	require.True(t, d.biller.PayInvoice(customer))
	require.Equal(t, "active", d.subscription(id)["status"])
}

func TestABillersFirstPayment(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	customer := d.id("POST", "/v1/customers", "payment_method=pm_card_chargeCustomerFail")
	form := "customer=" + customer + "&items[0][price]=" + d.basic
	refusal := d.refused(402, "POST", "/v1/subscriptions", form+"&payment_behavior=error_if_incomplete")
	require.Equal(t, "card_declined", refusal["code"])

	id := d.id("POST", "/v1/subscriptions", form)
	require.Equal(t, "incomplete", d.subscription(id)["status"])
	d.biller.Advance(22 * hour)
	require.Equal(t, "incomplete", d.subscription(id)["status"])
	d.biller.Advance(2 * hour)
	require.Equal(t, "incomplete_expired", d.subscription(id)["status"])
	require.Equal(t, "void", d.biller.Invoices(customer)[0]["status"])
}

func TestABillerProrates(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	customer, id := d.subscribe("")
	d.biller.Advance(14 * day) // half of the 28 days
	item := firstItem(d.subscription(id))["id"].(string)
	d.call("POST", "/v1/subscriptions/"+id, "items[0][id]="+item+"&items[0][price]="+d.pro+"&proration_behavior=always_invoice")
	invoices := d.biller.Invoices(customer)
	require.Equal(t, "subscription_update", invoices[1]["billing_reason"])
	require.EqualValues(t, (29900-9900)/2, invoices[1]["amount_paid"])
	require.Equal(t, item, firstItem(d.subscription(id))["id"], "the item stays the same")
}

func TestABillersSeatsAndAddOns(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	customer, id := d.subscribe("items[0][quantity]=3")
	require.EqualValues(t, 3*9900, d.biller.Invoices(customer)[0]["amount_paid"])
	added := d.id("POST", "/v1/subscription_items", "subscription="+id+"&price="+d.metered+"&proration_behavior=none")
	require.Len(t, d.call("GET", "/v1/subscription_items", "subscription="+id)["data"], 2)
	d.call("DELETE", "/v1/subscription_items/"+added, "")
	require.Len(t, d.call("GET", "/v1/subscription_items", "subscription="+id)["data"], 1)
}

func TestABillerCancels(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	_, id := d.subscribe("")
	d.call("POST", "/v1/subscriptions/"+id, "cancel_at_period_end=true")
	require.Equal(t, "active", d.subscription(id)["status"])
	d.call("POST", "/v1/subscriptions/"+id, "cancel_at_period_end=false")
	d.biller.Advance(29 * day)
	require.Equal(t, "active", d.subscription(id)["status"], "taken back")
	d.call("POST", "/v1/subscriptions/"+id, "cancel_at_period_end=true")
	d.biller.Advance(31 * day)
	s := d.subscription(id)
	require.Equal(t, "canceled", s["status"])
	require.Equal(t, when(t, s["current_period_end"]), when(t, s["ended_at"]))

	_, other := d.subscribe("")
	d.call("DELETE", "/v1/subscriptions/"+other, "")
	require.Equal(t, "canceled", d.subscription(other)["status"])
	require.Empty(t, d.call("GET", "/v1/subscriptions", "")["data"], "the canceled are not listed")
	require.Len(t, d.call("GET", "/v1/subscriptions", "status=all")["data"], 2)
}

func TestABillersPausedCollection(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	customer, id := d.subscribe("")
	resumes := began.Add(40 * day)
	d.call("POST", "/v1/subscriptions/"+id, "pause_collection[behavior]=void&pause_collection[resumes_at]="+unix(resumes))
	d.biller.Advance(30 * day)
	s := d.subscription(id)
	require.Equal(t, "active", s["status"], "paused collection is a field, not a status")
	require.Equal(t, "void", s["pause_collection"].(map[string]any)["behavior"])
	require.Equal(t, "void", d.biller.Invoices(customer)[1]["status"])
	d.biller.Advance(11 * day)
	require.Nil(t, d.subscription(id)["pause_collection"])
}

func TestABillersSchedules(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	customer := d.customer()
	id := d.id("POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+d.pro)
	end := when(t, d.subscription(id)["current_period_end"])
	schedule := d.id("POST", "/v1/subscription_schedules", "from_subscription="+id)
	d.call("POST", "/v1/subscription_schedules/"+schedule, "end_behavior=release"+
		"&phases[0][items][0][price]="+d.pro+"&phases[0][start_date]="+unix(began)+"&phases[0][end_date]="+unix(end)+
		"&phases[1][items][0][price]="+d.basic+"&phases[1][iterations]=1")
	require.Equal(t, schedule, d.subscription(id)["schedule"])
	refusal := d.refused(400, "POST", "/v1/subscriptions/"+id, "cancel_at_period_end=true")
	require.Contains(t, refusal["message"], "managed by the subscription schedule")

	d.biller.Advance(end.Sub(began) + 2*hour)
	require.Equal(t, d.basic, firstItem(d.subscription(id))["price"].(map[string]any)["id"])
	invoices := d.biller.Invoices(customer)
	require.EqualValues(t, 9900, invoices[len(invoices)-1]["amount_paid"], "a change with the period costs nothing more")
	d.biller.Advance(31 * day)
	require.Nil(t, d.subscription(id)["schedule"], "after the last phase the subscription goes on by itself")
	require.Equal(t, "released", d.call("GET", "/v1/subscription_schedules/"+schedule, "")["status"])
	require.Equal(t, "active", d.subscription(id)["status"])
}

func TestABillersCheckouts(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	customer := d.id("POST", "/v1/customers", "email=a@example.com")
	cs := d.call("POST", "/v1/checkout/sessions", "mode=subscription&customer="+customer+"&line_items[0][price]="+d.basic+
		"&line_items[0][quantity]=2&success_url="+escape("http://127.0.0.1/ok")+"&subscription_data[metadata][tenant_id]=acme")
	id := cs["id"].(string)
	require.Equal(t, d.url+"/pay/"+id, cs["url"])
	require.True(t, d.biller.PayCheckout(id, false))
	require.Equal(t, "open", d.call("GET", "/v1/checkout/sessions/"+id, "")["status"])
	require.True(t, d.biller.PayCheckout(id, true))
	require.False(t, d.biller.PayCheckout(id, true), "a checkout is paid once")
	cs = d.call("GET", "/v1/checkout/sessions/"+id, "expand[]=subscription")
	require.Equal(t, "complete", cs["status"])
	s := cs["subscription"].(map[string]any)
	require.Equal(t, "active", s["status"])
	require.Equal(t, "acme", s["metadata"].(map[string]any)["tenant_id"])

	late := d.id("POST", "/v1/checkout/sessions", "mode=subscription&line_items[0][price]="+d.basic+"&success_url=x")
	d.biller.Advance(25 * hour)
	require.Equal(t, "expired", d.call("GET", "/v1/checkout/sessions/"+late, "")["status"])
}
