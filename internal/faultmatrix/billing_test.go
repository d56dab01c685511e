package faultmatrix_test

import (
	"errors"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// window is what a biller is told about.
var window = entitlements.UsageWindow{Tenant: "acme", Meter: "calls", Start: now}

func line(s *stage) entitlements.UsageLine {
	return entitlements.UsageLine{
		UsageWindow: window, Revision: 1, Quantity: 4, At: s.now, State: entitlements.UsagePending,
		CreatedAt: s.now, NextAt: s.now,
	}
}

func link(s *stage, db pgtest.Handle) error {
	customer := entitlements.BillingCustomer{Tenant: "acme", Customer: "cus", LinkedAt: s.now}
	_, err := openRights(db).LinkCustomer(s.ctx(), customer)
	return err
}

func lease(s *stage, db pgtest.Handle) error {
	request := entitlements.LeaseRequest{Customer: "cus", Holder: id(30), TTL: time.Hour, Event: "evt"}
	_, err := openRights(db).LeaseCustomer(s.ctx(), request)
	return err
}

// conclude ends the work on an event. Whose lease is gone asks for it again, and learns that the event is done.
func conclude(s *stage, db pgtest.Handle) error {
	_, err := openRights(db).Conclude(s.ctx(), entitlements.Conclusion{
		Customer: "cus", Holder: id(30), Tenant: "acme", Now: s.now, Paid: true, Edit: editing(s, onPlan("top")),
		Event: entitlements.BillingEvent{
			ID: "evt", Type: "invoice.paid", Customer: "cus", State: entitlements.EventDone, ReceivedAt: s.now,
		},
		Notices: []tenon.Notification{{Kind: "billing.paid", Key: "evt", Severity: tenon.SeverityInfo}},
	})
	if s.tries > 0 && errors.Is(err, entitlements.ErrLeaseLost) {
		return nil
	}
	return err
}

func plan(s *stage, db pgtest.Handle) error {
	once := func(there []entitlements.UsageLine) ([]entitlements.UsageLine, error) {
		if len(there) > 0 {
			return nil, nil
		}
		return []entitlements.UsageLine{line(s)}, nil
	}
	return openRights(db).PlanUsage(s.ctx(), window, once)
}

func settleUsage(s *stage, db pgtest.Handle) error {
	l := line(s)
	l.State, l.SettledAt = entitlements.UsageDead, s.now
	notice := tenon.Notification{Kind: "billing.usage_dead", Key: "line", Severity: tenon.SeverityCritical}
	return openRights(db).SettleUsage(s.ctx(), l, []tenon.Notification{notice})
}

var billing = feature{set: migrations.Entitlements, writes: []write{
	{"entitlementspg.Store.LinkCustomer", "", subscribedAnd(), link},
	{"entitlementspg.Store.LeaseCustomer", "", subscribedAnd(link), lease},
	{"entitlementspg.Store.Conclude", "", subscribedAnd(link, lease), conclude},
	{"entitlementspg.Store.PlanUsage", "", subscribedAnd(), plan},
	{"entitlementspg.Store.TakeUsage", "", subscribedAnd(plan), func(s *stage, db pgtest.Handle) error {
		_, err := openRights(db).TakeUsage(s.ctx(), s.now, s.now.Add(time.Hour), 10)
		return err
	}},
	{"entitlementspg.Store.SettleUsage", "", subscribedAnd(plan), settleUsage},
}}
