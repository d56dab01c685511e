package entitlementspg_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
)

// stage is a tenant on the plan basic, at a time that is the same for all stages of a test.
type stage struct {
	t      *testing.T
	store  *entitlementspg.Store // sound
	tenant string
	at     time.Time
	minted int
	hold   string          // of prepare, for act
	kept   entitlements.Op // of prepare, for an act that sends the very same again
}

func newStage(t *testing.T, store *entitlementspg.Store, at time.Time) *stage {
	t.Helper()
	s := &stage{t: t, store: store, tenant: tenon.NewID(time.Now()), at: at}
	s.change(subscribed("basic", at))
	return s
}

func (s *stage) change(edit entitlements.Edit) {
	s.t.Helper()
	_, err := s.store.Change(s.t.Context(), s.tenant, s.at, edit)
	require.NoError(s.t, err)
}

// op makes an operation whose id is later than all before.
func (s *stage) op(kind entitlements.OpKind, feature string, quantity int64, key string) entitlements.Op {
	o := op(kind, use(s.tenant, feature, quantity, key), s.at)
	o.ID = s.id()
	return o
}

func (s *stage) id() string {
	s.minted++
	return tenon.NewID(s.at.Add(time.Duration(s.minted) * time.Millisecond))
}

func (s *stage) reserve(feature string, quantity int64, key string) entitlements.Op {
	o := s.op(entitlements.OpReserve, feature, quantity, key)
	o.Until = s.at.Add(time.Minute)
	return o
}

func (s *stage) closing(kind entitlements.OpKind, actual int64, after time.Duration) entitlements.Op {
	o := holdOp(kind, s.tenant, s.hold, actual, s.at.Add(after))
	o.ID = s.id()
	return o
}

// held prepares a hold.
func (s *stage) held(feature string, quantity int64) {
	s.hold = settle(s.t, s.store, s.reserve(feature, quantity, "hold"))[0].Hold.ID
}

func (s *stage) used(feature string, quantity int64) {
	settle(s.t, s.store, s.op(entitlements.OpConsume, feature, quantity, "before"))
}

// granted is an edit that may be made twice.
func (s *stage) granted(feature string, amount int64) entitlements.Edit {
	id := s.id()
	return func(r *entitlements.Rights, _ *entitlements.Versions) ([]tenon.Change, error) {
		if !slices.ContainsFunc(r.Grants, func(g entitlements.Grant) bool { return g.ID == id }) {
			r.Grants = append(r.Grants, entitlements.Grant{ID: id, Feature: feature, Amount: amount, EffectiveAt: s.at, CreatedAt: s.at})
		}
		return []tenon.Change{{Tenant: r.Tenant, Action: "granted"}}, nil
	}
}

// work is done on a stage once and again, until it succeeds; each time its operations have new ids and the same keys.
type work struct {
	name    string
	prepare func(s *stage)
	act     func(s *stage) []entitlements.Op
	edit    func(s *stage) entitlements.Edit // instead of act
	erase   bool                             // instead of act
}

// try does the work once by a store that may fail.
func (w work) try(ctx context.Context, s *stage, by *entitlementspg.Store, edit entitlements.Edit) error {
	switch {
	case w.erase:
		_, err := by.Erase(ctx, tenon.Subject{Tenant: s.tenant})
		return err
	case edit != nil:
		_, err := by.Change(ctx, s.tenant, s.at, edit)
		return err
	}
	outcomes, err := by.Settle(ctx, w.act(s))
	for _, o := range outcomes {
		err = errors.Join(err, o.Err)
		if o.Err == nil && !o.Decision.Allowed {
			err = errors.Join(err, errors.New(o.Decision.Reason.String()))
		}
	}
	return err
}

var allWork = []work{
	{
		name:    "consume_by_the_counter",
		prepare: func(s *stage) { s.used(calls, 1) },
		act: func(s *stage) []entitlements.Op {
			return []entitlements.Op{s.op(entitlements.OpConsume, calls, 2, "k")}
		},
	},
	{
		name: "consume_of_the_last_unit_without_a_key",
		prepare: func(s *stage) {
			s.used(calls, 999)
			s.kept = s.op(entitlements.OpConsume, calls, 1, "")
			s.kept.Use.Key = s.kept.ID
		},
		act: func(s *stage) []entitlements.Op { return []entitlements.Op{s.kept} },
	},
	{
		name: "consume_in_a_new_period",
		act: func(s *stage) []entitlements.Op {
			return []entitlements.Op{s.op(entitlements.OpConsume, calls, 2, "k")}
		},
	},
	{
		name:    "consume_in_several_windows",
		prepare: func(s *stage) { s.used(tasks, 1) },
		act: func(s *stage) []entitlements.Op {
			return []entitlements.Op{s.op(entitlements.OpConsume, tasks, 2, "k")}
		},
	},
	{
		name:    "consume_across_a_threshold",
		prepare: func(s *stage) { s.used(alarms, 4) },
		act: func(s *stage) []entitlements.Op {
			return []entitlements.Op{s.op(entitlements.OpConsume, alarms, 4, "k")}
		},
	},
	{
		name: "consume_from_a_grant_and_overage",
		prepare: func(s *stage) {
			s.used(mixed, 199)
			s.change(s.granted(mixed, 3))
			s.change(s.granted(mixed, 3))
		},
		act: func(s *stage) []entitlements.Op {
			return []entitlements.Op{s.op(entitlements.OpConsume, mixed, 9, "k")}
		},
	},
	{
		name:    "reserve",
		prepare: func(s *stage) { s.used(calls, 1) },
		act:     func(s *stage) []entitlements.Op { return []entitlements.Op{s.reserve(calls, 2, "k")} },
	},
	{
		name:    "commit_below_the_hold",
		prepare: func(s *stage) { s.held(calls, 5) },
		act: func(s *stage) []entitlements.Op {
			return []entitlements.Op{s.closing(entitlements.OpCommit, 3, time.Second)}
		},
	},
	{
		name: "commit_above_the_hold_and_its_grant",
		prepare: func(s *stage) {
			s.used(mixed, 200)
			s.change(s.granted(mixed, 4))
			s.held(mixed, 3)
		},
		act: func(s *stage) []entitlements.Op {
			return []entitlements.Op{s.closing(entitlements.OpCommit, 7, time.Second)}
		},
	},
	{
		name:    "commit_after_the_expiry",
		prepare: func(s *stage) { s.held(calls, 5) },
		act: func(s *stage) []entitlements.Op {
			return []entitlements.Op{s.closing(entitlements.OpCommit, 5, time.Hour)}
		},
	},
	{
		name:    "release",
		prepare: func(s *stage) { s.held(calls, 5) },
		act: func(s *stage) []entitlements.Op {
			return []entitlements.Op{s.closing(entitlements.OpRelease, 0, time.Second)}
		},
	},
	{
		name:    "record_in_bulk",
		prepare: func(s *stage) { s.used(open, 1) },
		act: func(s *stage) (ops []entitlements.Op) {
			for i := range 6 {
				feature := []string{open, tasks}[i%2]
				ops = append(ops, s.op(entitlements.OpRecord, feature, 2, fmt.Sprint("k", i)))
			}
			ops[2].At = s.at.Add(-40 * 24 * time.Hour) // late
			return ops
		},
	},
	{
		name:    "return",
		prepare: func(s *stage) { s.used(seats, 4) },
		act:     func(s *stage) []entitlements.Op { return []entitlements.Op{s.op(entitlements.OpReturn, seats, 2, "k")} },
	},
	{
		name: "correct",
		prepare: func(s *stage) {
			s.change(s.granted(mixed, 4))
			s.used(mixed, 203)
		},
		act: func(s *stage) []entitlements.Op {
			return []entitlements.Op{s.op(entitlements.OpCorrect, "", 0, "before")}
		},
	},
	{
		name: "correct_a_committed_hold",
		prepare: func(s *stage) {
			s.held(calls, 3)
			settle(s.t, s.store, s.closing(entitlements.OpCommit, 5, time.Second))
		},
		act: func(s *stage) []entitlements.Op {
			return []entitlements.Op{s.op(entitlements.OpCorrect, "", 0, "hold")}
		},
	},
	{
		name: "subscribe",
		edit: func(s *stage) entitlements.Edit { return subscribed("top", s.at) },
	},
	{
		name:    "change_plan",
		prepare: func(s *stage) { s.used(calls, 2) },
		edit: func(s *stage) entitlements.Edit {
			return func(r *entitlements.Rights, _ *entitlements.Versions) ([]tenon.Change, error) {
				r.Entitlement.Plan = "top"
				r.Entitlement.Next = &entitlements.Next{At: s.at.Add(time.Hour), Plan: "free", Version: 1}
				return []tenon.Change{{Tenant: r.Tenant, Action: "moved"}}, nil
			}
		},
	},
	{
		name:    "grant",
		prepare: func(s *stage) { s.used(mixed, 200) },
		edit:    func(s *stage) entitlements.Edit { return s.granted(mixed, 7) },
	},
	{
		name:    "override_and_add_on",
		prepare: func(s *stage) { s.used(calls, 3) },
		edit: func(s *stage) entitlements.Edit {
			hard := int64(7)
			return func(r *entitlements.Rights, _ *entitlements.Versions) ([]tenon.Change, error) {
				r.Overrides = []entitlements.Override{{Feature: calls, Period: entitlements.Monthly, Hard: &hard, CreatedAt: s.at}}
				r.AddOns = []entitlements.Attachment{{AddOn: "pack", Version: 1, Quantity: 2, AttachedAt: s.at}}
				return []tenon.Change{{Tenant: r.Tenant, Action: "patched"}}, nil
			}
		},
	},
	{
		name: "erase",
		prepare: func(s *stage) {
			s.used(alarms, 8)
			s.change(s.granted(calls, 7))
			s.held(calls, 1)
		},
		erase: true,
	},
}
