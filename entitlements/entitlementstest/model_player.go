package entitlementstest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// player plays steps to a store and to the reference, and compares.
type player struct {
	*rig
	way      way
	m        *reference
	reserved []string // ids of the holds that were asked for
	pending  []entitlements.Op
	since    int // operations since the standing was last compared
}

func newPlayer(t *testing.T, store entitlements.Store, w way) (*player, error) {
	p := &player{rig: &rig{t: t, store: store, tenant: newTenant(), now: noon}, way: w}
	p.m = &reference{catalog: Catalog(), now: noon, plan: basic, status: entitlements.Active, anchor: started, keys: map[string]*refKey{}}
	return p, p.edit(func(r *entitlements.Rights, v *entitlements.Versions) {
		plan, _ := v.Plan(basic, 0)
		r.Entitlement = &entitlements.Entitlement{
			Plan: basic, Version: plan.Version, Status: entitlements.Active, StartedAt: started, Anchor: started,
		}
	})
}

func (p *player) edit(edit func(r *entitlements.Rights, v *entitlements.Versions)) error {
	_, err := p.store.Change(p.ctx(), p.tenant, p.now, func(r *entitlements.Rights, v *entitlements.Versions) ([]tenon.Change, error) {
		edit(r, v)
		return nil, nil
	})
	return err
}

// play carries out one step. Operations that are sent in pieces are compared when their piece is sent.
func (p *player) play(s step) error {
	if s.cut {
		if err := p.flush(); err != nil {
			return err
		}
	}
	switch s.act {
	case consume, record, giveBack, reserve, commit, release, correct:
		return p.send(p.translate(s))
	}
	if err := p.flush(); err != nil {
		return err
	}
	if s.act == wait {
		p.pass(s.length)
		return nil
	}
	if err := p.change(s); err != nil {
		return err
	}
	return p.compareStanding()
}

func (p *player) pass(d time.Duration) {
	p.later(d)
	p.m.pass(d)
}

func (p *player) translate(s step) entitlements.Op {
	u := entitlements.Use{Feature: s.feature, Quantity: s.quantity, Key: s.key}
	if s.late > 0 {
		u.At = p.now.Add(-s.late)
	}
	switch s.act {
	case consume:
		return p.op(entitlements.OpConsume, u)
	case record:
		return p.op(entitlements.OpRecord, u)
	case giveBack:
		return p.op(entitlements.OpReturn, u)
	case reserve:
		op := p.reserveOp(u, s.length)
		p.reserved = append(p.reserved, op.ID)
		return op
	case commit:
		return p.holdOp(entitlements.OpCommit, p.pick(s.pick), s.quantity)
	case release:
		return p.holdOp(entitlements.OpRelease, p.pick(s.pick), 0)
	default:
		return p.correctOp(s.key)
	}
}

// pick returns the n-th latest hold that was asked for, or one that nobody knows.
func (p *player) pick(n int) string {
	if n >= len(p.reserved) {
		return newID()
	}
	return p.reserved[len(p.reserved)-1-n]
}

func (p *player) send(op entitlements.Op) error {
	switch p.way {
	case inPieces:
		if slices.ContainsFunc(p.pending, func(o entitlements.Op) bool { return contends(o, op) }) {
			if err := p.flush(); err != nil {
				return err
			}
		}
		p.pending = append(p.pending, op)
		return nil
	case eachTwice:
		if err := p.settleAll(op); err != nil {
			return err
		}
		before := p.m.balances()
		if err := p.settleAll(op); err != nil {
			return fmt.Errorf("sent again: %w", err)
		}
		if after := p.m.balances(); after != before {
			return fmt.Errorf("sent again, it changed the reference's balances:\n%s\n%s", before, after)
		}
		return nil
	default:
		return p.settleAll(op)
	}
}

// contends says whether a and b use one key for two features, of which a call may decide either first.
func contends(a, b entitlements.Op) bool {
	return a.Use.Key != "" && a.Use.Key == b.Use.Key && a.Use.Feature != b.Use.Feature
}

func (p *player) flush() error {
	ops := p.pending
	p.pending = nil
	if len(ops) == 0 {
		return nil
	}
	return p.settleAll(ops...)
}

// settleAll sends operations in one call and compares the answers.
func (p *player) settleAll(ops ...entitlements.Op) error {
	outcomes, err := p.store.Settle(p.ctx(), ops)
	if err != nil {
		return err
	}
	for i, op := range ops {
		want := p.m.decide(op)
		if err := p.compare(outcomes[i], want); err != nil {
			return fmt.Errorf("operation %d of %d: %w", i+1, len(ops), err)
		}
	}
	if p.since += len(ops); p.since > 8 {
		return p.compareStanding()
	}
	return nil
}

func (p *player) compare(got entitlements.Outcome, want verdict) error {
	if want.err != nil || got.Err != nil {
		if !errors.Is(got.Err, want.err) {
			return errors.New("the error is " + fmt.Sprint(got.Err) + ", want " + fmt.Sprint(want.err))
		}
		return nil
	}
	d := got.Decision
	switch {
	case d.Allowed != want.allowed, d.Replayed != want.replayed, got.Ungated != want.ungated:
		return fmt.Errorf("allowed %t, replayed %t, ungated %d; want %t, %t, %d",
			d.Allowed, d.Replayed, got.Ungated, want.allowed, want.replayed, want.ungated)
	case want.hold != "" && got.Hold.ID != want.hold:
		return fmt.Errorf("the hold is %q, want %q", got.Hold.ID, want.hold)
	}
	if err := compareDecision("the answer", d, want); err != nil {
		return err
	}
	return compareDecision("the next check", got.After, p.m.check(want.feature))
}

func compareDecision(what string, d entitlements.Decision, want verdict) error {
	if want.reason != entitlements.ReasonNone && (d.Reason != want.reason || d.Allowed != want.allowed) {
		return fmt.Errorf("%s is %t for %s, want %t for %s", what, d.Allowed, d.Reason, want.allowed, want.reason)
	}
	got := numbers{d.Used, d.Held, d.Remaining}
	if len(want.numbers) > 0 && !slices.Contains(want.numbers, got) {
		return fmt.Errorf("%s has used, held, remaining %v, want %v", what, got, want.numbers)
	}
	return nil
}
