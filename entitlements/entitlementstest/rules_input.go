package entitlementstest

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// gate returns a Gate over the rig's store. It works at the present time, and so must the rules that use it. It waits long:
// the machine may be busy.
func (r *rig) gate() *entitlements.Gate {
	return entitlements.NewGate(r.store, &entitlements.Options{Timeout: time.Minute})
}

// subscribed returns a Gate whose store has the rig's tenant on a plan, from now on.
func (r *rig) subscribed(plan string) *entitlements.Gate {
	r.t.Helper()
	g := r.gate()
	if _, err := g.Subscribe(r.ctx(), entitlements.Subscription{Tenant: r.tenant, Plan: plan}); err != nil {
		r.t.Fatalf("Subscribe: %v", err)
	}
	e, err := g.Entitlement(r.ctx(), r.tenant)
	if err != nil {
		r.t.Fatalf("Entitlement: %v", err)
	}
	r.now = e.StartedAt
	return g
}

// wrong is a use that cannot be right.
type wrong struct {
	field string
	use   entitlements.Use
}

func (r *rig) wrongs() []wrong {
	return []wrong{
		{"tenant", entitlements.Use{Feature: calls, Quantity: 1}},
		{"tenant", entitlements.Use{Tenant: strings.Repeat("a", 256), Feature: calls, Quantity: 1}},
		{"tenant", entitlements.Use{Tenant: "a\x00b", Feature: calls, Quantity: 1}},
		{"feature", entitlements.Use{Tenant: r.tenant, Quantity: 1}},
		{"quantity", entitlements.Use{Tenant: r.tenant, Feature: calls, Quantity: -1}},
		{"quantity", entitlements.Use{Tenant: r.tenant, Feature: calls, Quantity: entitlements.MaxQuantity + 1}},
		{"quantity", entitlements.Use{Tenant: r.tenant, Feature: calls, Quantity: math.MaxInt64}},
		{"key", entitlements.Use{Tenant: r.tenant, Feature: calls, Quantity: 1, Key: strings.Repeat("k", 256)}},
		{"key", entitlements.Use{Tenant: r.tenant, Feature: calls, Quantity: 1, Key: "\xff"}},
		{"at", entitlements.Use{Tenant: r.tenant, Feature: calls, Quantity: 1, At: time.Unix(0, 0)}},
		{"at", entitlements.Use{Tenant: r.tenant, Feature: calls, Quantity: 1, At: time.Now().Add(time.Hour)}},
		{"metadata", entitlements.Use{Tenant: r.tenant, Feature: calls, Quantity: 1, Metadata: map[string]any{"f": func() {}}}},
		{"metadata", entitlements.Use{Tenant: r.tenant, Feature: calls, Quantity: 1, Metadata: map[string]any{"a": strings.Repeat("x", 9000)}}},
		{"metadata", entitlements.Use{Tenant: r.tenant, Feature: calls, Quantity: 1, Metadata: map[string]any{"a": "\x00"}}},
		{"metadata", entitlements.Use{Tenant: r.tenant, Feature: calls, Quantity: 1, Metadata: map[string]any{"a": json.Number("1e999")}}},
	}
}

var inputRules = group{"input", []rule{
	{
		"bad_input_is_named_and_writes_nothing",
		"A use that cannot be right is invalid, names the field, and leaves nothing behind.",
		func(r *rig) {
			g := r.subscribed(basic)
			for _, w := range r.wrongs() {
				_, consumed := g.Consume(r.ctx(), w.use)
				_, reserved := g.Reserve(r.ctx(), w.use, time.Hour)
				recorded := g.Record(r.ctx(), entitlements.Use{Tenant: r.tenant, Feature: calls, Quantity: 1}, w.use)
				r.names(consumed, w.field)
				r.names(reserved, w.field)
				r.names(recorded, "uses[1]."+w.field)
			}
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 10})
		},
	},
	{
		"an_override_of_a_period_that_is_none_is_not_stored",
		"A period that cannot be read again is refused, of every kind of feature, and the tenant stays readable.",
		func(r *rig) {
			g := r.subscribed(basic)
			for _, p := range []entitlements.Period{{Unit: 9}, entitlements.Every(1001, entitlements.Month), entitlements.Monthly} {
				r.names(g.Override(r.ctx(), r.tenant, entitlements.Override{Feature: retention, Period: p, Value: text("60"), Reason: "agreed"}), "period")
			}
			equal(r.t, "overrides", len(r.standing().Rights.Overrides), 0)
			equal(r.t, "the value", r.check(retention).Value, "30")
		},
	},
	{
		"a_counter_passes_no_bound",
		"What would bring a counter past 2^61 is a fault of the quantity, of every operation, and counts nothing: no sum wraps.",
		func(r *rig) {
			r.on(basic)
			lives, ends := r.reserve(storage, 1, time.Hour), r.reserve(storage, 1, time.Minute)
			var ops []entitlements.Op
			for range 255 {
				ops = append(ops, r.op(entitlements.OpRecord, use(storage, entitlements.MaxQuantity)))
			}
			for _, o := range r.settle(ops...) {
				equal(r.t, "the error of a record", o.Err, nil)
			}
			r.later(time.Minute)
			most := use(storage, entitlements.MaxQuantity)
			for _, op := range []entitlements.Op{
				r.op(entitlements.OpConsume, most), r.op(entitlements.OpRecord, most), r.reserveOp(most, time.Hour),
				r.holdOp(entitlements.OpCommit, lives.ID, entitlements.MaxQuantity), r.holdOp(entitlements.OpCommit, ends.ID, entitlements.MaxQuantity),
			} {
				r.faults(op, "quantity")
			}
			equal(r.t, "Used", r.counter(storage, entitlements.Monthly).Used, 255*entitlements.MaxQuantity)
		},
	},
	{
		"what_is_unknown_is_not_found",
		"An unknown feature, plan, add-on, hold, key or grant is of the class ErrNotFound.",
		func(r *rig) {
			g, ctx := r.subscribed(basic), r.ctx()
			_, consumed := g.Consume(ctx, entitlements.Use{Tenant: r.tenant, Feature: "no-such", Quantity: 1})
			_, moved := g.ChangePlan(ctx, entitlements.PlanChange{Tenant: r.tenant, Plan: "no-such"})
			_, committed := g.Commit(ctx, entitlements.Hold{Tenant: r.tenant, ID: newID()}, 1)
			_, corrected := g.Correct(ctx, entitlements.Correction{Tenant: r.tenant, Key: "no-such"})
			for name, err := range map[string]error{
				"Consume": consumed, "ChangePlan": moved, "Commit": committed, "Correct": corrected,
				"Record": g.Record(ctx, entitlements.Use{Tenant: r.tenant, Feature: "no-such", Quantity: 1}),
				"Attach": g.Attach(ctx, r.tenant, "no-such", 1),
				"Void":   g.Void(ctx, r.tenant, newID(), ""),
			} {
				equal(r.t, name+" finds nothing", errors.Is(err, tenon.ErrNotFound), true)
			}
		},
	},
	{
		"a_key_of_255_bytes_and_any_letters_is_kept",
		"Tenants and keys are text of at most 255 bytes, kept as they are.",
		func(r *rig) {
			r.on(basic)
			for _, key := range []string{strings.Repeat("ü", 127), "a b", `quote" \ slash`, "漢字", "%_", "K", "k"} {
				r.do(r.op(entitlements.OpConsume, keyed(messages, 1, key)))
				d := r.do(r.op(entitlements.OpConsume, keyed(messages, 1, key))).Decision
				equal(r.t, "Replayed "+key, d.Replayed, true)
			}
			equal(r.t, "Used", r.counter(messages, entitlements.Monthly).Used, 7)
		},
	},
}}

// names fails unless err is invalid by the field.
func (r *rig) names(err error, field string) {
	r.t.Helper()
	var bad *tenon.FieldError
	if !errors.As(err, &bad) || bad.Field != field || !errors.Is(err, tenon.ErrInvalid) {
		r.t.Fatalf("error %v, want a fault of the field %q", err, field)
	}
}

var tenantRules = group{"tenants", []rule{
	{
		"tenants_are_apart",
		"Nothing that one tenant does shows in another's standing, holds, use or history.",
		func(r *rig) {
			r.on(basic)
			second := r.other().on(basic)
			r.do(r.op(entitlements.OpConsume, keyed(calls, 9, "k")))
			r.reserve(calls, 1, time.Hour)
			r.grant(entitlements.Grant{Feature: calls, Amount: 5})
			r.override(entitlements.Override{Feature: exports, Period: entitlements.Monthly, Hard: number(99)})
			second.says(second.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 10})
			second.says(second.check(exports), answer{entitlements.ReasonAllowed, 0, 0, 10})
			second.reports(second.query(calls, entitlements.Daily, entitlements.Sum))
			if reporter, ok := r.reporter(); ok {
				held, err := reporter.Holds(r.ctx(), second.tenant, calls, r.now)
				if err != nil || len(held) != 0 {
					r.t.Fatalf("Holds of the other tenant: %v, %v", held, err)
				}
			}
			second.fails(second.correctOp("k"), entitlements.ErrUnknownKey)
			second.reconciled()
		},
	},
}}
