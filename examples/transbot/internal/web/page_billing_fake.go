package web

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/billing"
)

// fakeView is what the fake Stripe holds of a company, and what can be done to it.
type fakeView struct {
	Now           time.Time
	Ahead         string // how far the clock was moved on; empty: not at all
	Losing        bool   // webhooks
	Subscriptions []heldSubscription
	Invoices      []heldInvoice
}

type heldSubscription struct {
	ID, Status string
	PeriodEnd  time.Time
	Ends       bool // with the period
}

type heldInvoice struct {
	Date   time.Time
	Amount int64 // in minor units of the plans' currency
	Why    string
	Status string
}

// fakeView returns nil where Stripe itself sells.
func (s *Server) fakeView(company string) *fakeView {
	f := s.Billing.Fake
	if f == nil {
		return nil
	}
	v := &fakeView{Now: f.Now(), Losing: f.Losing()}
	if d := f.Ahead(); d > 0 {
		v.Ahead = span(d)
	}
	for _, held := range f.Held(company) {
		v.Subscriptions = append(v.Subscriptions, heldSubscription{
			ID: held["id"].(string), Status: held["status"].(string), PeriodEnd: seconds(held["current_period_end"]),
			Ends: held["cancel_at"] != nil,
		})
	}
	for _, inv := range slices.Backward(f.Bills(company)) {
		v.Invoices = append(v.Invoices, heldInvoice{
			Date: seconds(inv["created"]), Amount: inv["amount_due"].(int64), Status: inv["status"].(string),
			Why: whyBilled[inv["billing_reason"].(string)],
		})
	}
	return v
}

var whyBilled = map[string]string{
	"subscription_create": "the start", "subscription_cycle": "a new period", "subscription_update": "a change",
}

func seconds(v any) time.Time {
	n, _ := v.(int64)
	return time.Unix(n, 0).UTC()
}

// onFake lets a form through where a fake sells.
func onFake(next func(s *Server, ctx context.Context, f *billing.Fake, r *http.Request) (done string, err error)) method {
	return func(s *Server, w http.ResponseWriter, r *http.Request, v visitor) {
		if s.Billing.Fake == nil {
			s.failPage(w, r, tenon.ErrNotFound)
			return
		}
		done, err := next(s, r.Context(), s.Billing.Fake, r)
		s.finishBilling(w, r, v, done, err)
	}
}

// moves are how far the clock can be moved on at once.
var moves = map[string]time.Duration{"hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "month": 31 * 24 * time.Hour}

func (s *Server) moveClock(ctx context.Context, f *billing.Fake, r *http.Request) (string, error) {
	d, ok := moves[r.PostFormValue("by")]
	if !ok {
		return "", tenon.Invalid("by", "is not a choice")
	}
	return "clock", f.Move(ctx, d)
}

// setCard gives the company another card, or tries its open invoice again.
func (s *Server) setCard(ctx context.Context, f *billing.Fake, r *http.Request) (string, error) {
	customer := f.CustomerOf(r.PathValue("company"))
	if customer == "" {
		return "", tenon.ErrNotFound
	}
	switch r.PostFormValue("card") {
	case "good":
		f.SetCard(customer, true)
	case "declined":
		f.SetCard(customer, false)
	case "pay":
		paid := f.PayInvoice(customer)
		if _, err := f.Deliver(ctx); err != nil || paid {
			return "paid", err
		}
		return "unpaid", nil
	default:
		return "", tenon.Invalid("card", "is not a choice")
	}
	_, err := f.Deliver(ctx)
	return "card", err
}

func (s *Server) loseWebhooks(_ context.Context, f *billing.Fake, r *http.Request) (string, error) {
	f.Lose(r.PostFormValue("lose") != "")
	return "webhooks", nil
}
