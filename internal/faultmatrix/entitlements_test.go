package faultmatrix_test

import (
	"errors"
	"reflect"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func openRights(db pgtest.Handle) *entitlementspg.Store {
	return entitlementspg.New(db, &entitlementspg.Options{
		Notifier: notifier, Recorder: recorder, Timeout: time.Minute, Every: 100 * time.Millisecond,
	})
}

func monthly(hard int64, alerts ...int) entitlements.Allowance {
	return entitlements.Allowance{Limits: []entitlements.Limit{{Hard: hard, Period: entitlements.Monthly, Alerts: alerts}}}
}

func catalog(callsOfBasic int64) entitlements.Catalog {
	return entitlements.Catalog{
		Features: []entitlements.Feature{
			{Key: "calls", Kind: entitlements.Metered}, {Key: "seats", Kind: entitlements.Gauge},
		},
		Plans: []entitlements.Plan{
			{ID: "basic", Features: map[string]entitlements.Allowance{
				"calls": monthly(callsOfBasic, 50), "seats": {Limits: []entitlements.Limit{{Hard: 5}}},
			}},
			{ID: "top", Tier: 1, Features: map[string]entitlements.Allowance{"calls": monthly(entitlements.Unlimited)}},
		},
	}
}

func declare(calls int64) work {
	return func(s *stage, db pgtest.Handle) error {
		_, err := openRights(db).Declare(s.ctx(), catalog(calls), s.now)
		return err
	}
}

func edit(f func(s *stage, r *entitlements.Rights)) work {
	return func(s *stage, db pgtest.Handle) error {
		_, err := openRights(db).Change(s.ctx(), "acme", s.now, editing(s, f))
		return err
	}
}

// editing changes nothing, and tells of nothing, when it was done the first time.
func editing(s *stage, f func(s *stage, r *entitlements.Rights)) entitlements.Edit {
	return func(r *entitlements.Rights, _ *entitlements.Versions) ([]tenon.Change, error) {
		before := r.Clone()
		if f(s, r); reflect.DeepEqual(before, r) {
			return nil, nil
		}
		return []tenon.Change{{Tenant: r.Tenant, Action: "changed"}}, nil
	}
}

func onPlan(plan string) func(*stage, *entitlements.Rights) {
	return func(s *stage, r *entitlements.Rights) {
		r.Entitlement = &entitlements.Entitlement{Plan: plan, Version: 1, Status: entitlements.Active, StartedAt: s.now}
	}
}

func onTrial(s *stage, r *entitlements.Rights) {
	onPlan("basic")(s, r)
	r.Entitlement.Status, r.Entitlement.TrialEndsAt = entitlements.Trialing, s.now.Add(48*time.Hour)
}

func granted(s *stage, r *entitlements.Rights) {
	if len(r.Grants) == 0 {
		r.Grants = append(r.Grants, entitlements.Grant{
			ID: id(20), Feature: "calls", Amount: 7, EffectiveAt: s.now, CreatedAt: s.now,
		})
	}
}

// settlesOne returns a line's work: one operation by the caller's key.
func settlesOne(kind entitlements.OpKind, feature string, quantity int64, key string) work {
	return func(s *stage, db pgtest.Handle) error {
		op := entitlements.Op{
			Kind: kind, ID: tenon.NewID(s.now), Now: s.now, At: s.now, Digest: quantity, Hold: s.kept["hold"],
			Use: entitlements.Use{Tenant: "acme", Feature: feature, Quantity: quantity, Key: key},
		}
		if kind == entitlements.OpReserve {
			op.Until = s.now.Add(2 * time.Hour)
		}
		outcomes, err := openRights(db).Settle(s.ctx(), []entitlements.Op{op})
		if err != nil {
			return err
		}
		if kind == entitlements.OpReserve && outcomes[0].Err == nil {
			s.keep("hold", outcomes[0].Hold.ID)
		}
		if outcomes[0].Err == nil && !outcomes[0].Decision.Allowed {
			return errors.New(outcomes[0].Decision.Reason.String())
		}
		return outcomes[0].Err
	}
}

// settlesEach is two uses in one call, of which the second is the first of its feature.
func settlesEach(s *stage, db pgtest.Handle) error {
	ops := make([]entitlements.Op, 2)
	for i, feature := range []string{"calls", "seats"} {
		ops[i] = entitlements.Op{
			Kind: entitlements.OpConsume, ID: tenon.NewID(s.now), Now: s.now, At: s.now, Digest: 2,
			Use: entitlements.Use{Tenant: "acme", Feature: feature, Quantity: 2, Key: feature},
		}
	}
	outcomes, err := openRights(db).Settle(s.ctx(), ops)
	for _, o := range outcomes {
		err = errors.Join(err, o.Err)
	}
	return err
}

var (
	subscribed = []work{declare(10), edit(onPlan("basic"))}
	reserve    = settlesOne(entitlements.OpReserve, "calls", 3, "hold")
	remind     = func(s *stage, db pgtest.Handle) error {
		_, err := openRights(db).RemindOfTrials(s.ctx(), s.now, []time.Duration{72 * time.Hour})
		return err
	}
	used = settlesOne(entitlements.OpConsume, "calls", 1, "before")
)

func subscribedAnd(works ...work) func(*stage) {
	return after(append(subscribed[:2:2], works...)...)
}

var entitling = feature{set: migrations.Entitlements, writes: []write{
	{"entitlementspg.Store.Declare", "new", nil, declare(10)},
	{"entitlementspg.Store.Declare", "another version", after(declare(10)), declare(20)},
	{"entitlementspg.Store.Change", "subscribe", after(declare(10)), edit(onPlan("basic"))},
	{"entitlementspg.Store.Change", "upgrade", subscribedAnd(used), edit(onPlan("top"))},
	{"entitlementspg.Store.Change", "grant", subscribedAnd(used), edit(granted)},
	{"entitlementspg.Store.Settle", "consume", subscribedAnd(used), settlesOne(entitlements.OpConsume, "calls", 2, "k")},
	{"entitlementspg.Store.Settle", "consume first", subscribedAnd(), settlesOne(entitlements.OpConsume, "calls", 2, "k")},
	{"entitlementspg.Store.Settle", "consume of two features", subscribedAnd(used), settlesEach},
	{
		"entitlementspg.Store.Settle", "cross a threshold", subscribedAnd(used),
		settlesOne(entitlements.OpConsume, "calls", 5, "k"),
	},
	{"entitlementspg.Store.Settle", "record", subscribedAnd(used), settlesOne(entitlements.OpRecord, "calls", 50, "k")},
	{"entitlementspg.Store.Settle", "reserve", subscribedAnd(used), reserve},
	{"entitlementspg.Store.Settle", "commit", subscribedAnd(reserve), settlesOne(entitlements.OpCommit, "", 2, "")},
	{"entitlementspg.Store.Settle", "release", subscribedAnd(reserve), settlesOne(entitlements.OpRelease, "", 0, "")},
	{
		"entitlementspg.Store.Settle", "return", subscribedAnd(settlesOne(entitlements.OpConsume, "seats", 4, "before")),
		settlesOne(entitlements.OpReturn, "seats", 2, "k"),
	},
	{"entitlementspg.Store.Settle", "correct", subscribedAnd(used), settlesOne(entitlements.OpCorrect, "", 0, "before")},
	{"entitlementspg.Store.Reconcile", "", func(s *stage) {
		subscribedAnd(used)(s)
		s.execute("update tenon.usage_counters set used = used + 3")
	}, func(s *stage, db pgtest.Handle) error {
		_, err := openRights(db).Reconcile(s.ctx(), "acme", true)
		return err
	}},
	{"entitlementspg.Store.RemindOfTrials", "", after(declare(10), edit(onTrial)), remind},
	{"entitlementspg.Store.Run", "", func(s *stage) {
		after(declare(10), edit(onTrial))(s)
		s.execute(`
insert into tenon.usage_keys (tenant_id, key, id, digest)
values ('acme', 'old', tenon.id_floor('2020-01-01'), 1)`)
	}, runs(`
select (select count(*) from public.told where what like 'news entitlements.trial%') = 1
  and (select count(*) from tenon.usage_keys) = 0`, func(db pgtest.Handle) runner { return openRights(db) })},
	{
		"entitlementspg.Store.Erase", "a company", subscribedAnd(used, reserve, edit(granted), link, lease, conclude, plan),
		erases(func(db pgtest.Handle) tenon.Eraser { return openRights(db) }, company),
	},
}}
