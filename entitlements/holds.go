package entitlements

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/transbotai/tenon"
)

func (a *Account) hold(id string) *StoredHold {
	i := slices.IndexFunc(a.Holds, func(h *StoredHold) bool { return h.ID == id })
	if i < 0 {
		return nil
	}
	return a.Holds[i]
}

// expire gives back every open hold whose time is over.
func (a *Account) expire(now time.Time) {
	for _, h := range a.Holds {
		if h.State == HoldOpen && !now.Before(h.ExpiresAt) {
			a.undo(h, HoldExpired)
		}
	}
}

// Lapse takes off the counters and grants what is held by those of holds whose time is over at now. A store's Load does
// it, so that an expired hold is not counted though nothing was settled since.
func (s *Standing) Lapse(holds []StoredHold, now time.Time) {
	for _, h := range holds {
		if h.Tenant != s.Rights.Tenant || h.State != HoldOpen || now.Before(h.ExpiresAt) {
			continue
		}
		for i := range s.Counters[h.Feature] {
			if c := &s.Counters[h.Feature][i]; c.covers(h.CreatedAt) {
				c.Held, c.Granted, c.Seal = c.Held-h.Quantity, c.Granted-drawn(h.Draws), Seal{}
			}
		}
		s.lapse(h.Draws)
	}
}

func (s *Standing) lapse(draws []Draw) {
	for _, d := range draws {
		if i := slices.IndexFunc(s.Rights.Grants, func(g Grant) bool { return g.ID == d.Grant }); i >= 0 {
			s.Rights.Grants[i].Held -= d.Quantity
		}
	}
}

// undo gives a hold back, to the period and the grants that it was taken from.
func (a *Account) undo(h *StoredHold, to HoldState) {
	var granted int64
	for _, d := range h.Draws {
		a.grant(d.Grant).Held -= d.Quantity
		granted += d.Quantity
	}
	a.count(h.CreatedAt, 0, -h.Quantity, -granted)
	h.State, h.Draws = to, nil
}

func (a *Account) release(op Op) Outcome {
	h := a.hold(op.Hold)
	switch {
	case h == nil:
		return Outcome{Err: ErrUnknownHold}
	case h.State == HoldCommitted:
		return Outcome{Err: ErrHoldClosed}
	case h.State == HoldOpen:
		a.undo(h, HoldReleased)
	}
	return a.finish(Outcome{Hold: h.Hold, Decision: a.counted(op.Now)}, op.Now)
}

func (a *Account) commit(op Op) Outcome {
	h := a.hold(op.Hold)
	switch {
	case h == nil:
		return Outcome{Err: ErrUnknownHold}
	case h.State == HoldReleased, h.State == HoldCommitted && h.Actual != op.Use.Quantity:
		return Outcome{Err: ErrHoldClosed}
	case h.State == HoldCommitted:
		o := Outcome{Hold: h.Hold, Ungated: h.Ungated, Decision: a.counted(op.Now)}
		o.Decision.Replayed = true
		return a.finish(o, op.Now)
	}
	if bad := a.overflows(op); bad != nil {
		return *bad
	}
	covered := int64(0)
	if h.State == HoldOpen {
		covered = min(op.Use.Quantity, h.Quantity)
		a.settleHeld(op, h, covered)
	}
	o := a.beyond(op, h, op.Use.Quantity-covered)
	h.State, h.Actual, h.Ungated = HoldCommitted, op.Use.Quantity, o.Ungated
	o.Hold = h.Hold
	return a.finish(o, op.Now)
}

// settleHeld turns the covered part of a hold into use, at the hold's own time and from its own grants: what the plan
// included first, then what came from grants, then overage. The rest goes back, to the grants drawn last first: a store
// need not keep the order of draws, since it is that in which grants burn.
func (a *Account) settleHeld(op Op, h *StoredHold, covered int64) {
	var drawn int64
	for _, d := range h.Draws {
		drawn += d.Quantity
	}
	keep := min(max(0, covered-h.Included), drawn)
	slices.SortStableFunc(h.Draws, func(x, y Draw) int { return compareGrants(a.grant(x.Grant), a.grant(y.Grant)) })
	kept := a.keep(h.Draws, keep)
	h.Draws = nil // they are the event's now
	a.count(h.CreatedAt, covered, -h.Quantity, keep-drawn)
	if covered > 0 {
		a.event(op, h.ID, covered, h.CreatedAt, kept)
	}
}

// keep turns the first n drawn units from held into used, gives back the others, and returns what stays drawn.
func (a *Account) keep(draws []Draw, n int64) []Draw {
	var kept []Draw
	for _, d := range draws {
		take := min(n, d.Quantity)
		g := a.grant(d.Grant)
		g.Held -= d.Quantity
		g.Used += take
		if take > 0 {
			kept = append(kept, Draw{Grant: d.Grant, Quantity: take})
		}
		n -= take
	}
	return kept
}

// beyond records what a commit needs past its hold, now: gated as far as it fits, ungated past that.
func (a *Account) beyond(op Op, h *StoredHold, quantity int64) Outcome {
	if quantity == 0 {
		return Outcome{Decision: a.counted(op.Now)}
	}
	var s split
	if a.Terms.Reason == ReasonAllowed {
		s, _ = a.capacity(a.windows(op.Now), op.Now).cut(quantity)
	}
	a.count(op.Now, quantity, 0, s.granted)
	a.event(op, op.ID, quantity, op.Now, a.draw(s.granted, op.Now, false))
	h.Extra = op.ID
	o := Outcome{Ungated: quantity - s.total()}
	if a.Terms.Reason == ReasonAllowed {
		o.Decision = a.accept(op, s).Decision
	} else {
		o.Decision = a.counted(op.Now)
	}
	return o
}

// correct takes back everything that was counted under a key, in the periods in which it was counted.
func (a *Account) correct(op Op) Outcome {
	k := a.Keys[op.Use.Key]
	if k == nil {
		return Outcome{Err: ErrUnknownKey}
	}
	if left := a.inUse(op.Now); a.Terms.Kind == Gauge && !k.Corrected && left < quantity(a.Originals[op.Use.Key]) {
		return Outcome{Err: tenon.Invalid("key", "it counted more than the %d still in use: Return took the rest away", left)}
	}
	if h := a.hold(k.ID); h != nil && h.State == HoldOpen {
		a.undo(h, HoldReleased)
	}
	if !k.Corrected {
		for i, original := range a.Originals[op.Use.Key] {
			a.takeBack(op, i, original)
		}
		k.Corrected = true
	}
	return a.finish(Outcome{Decision: a.counted(op.Now)}, op.Now)
}

func quantity(events []*Event) (n int64) {
	for _, e := range events {
		n += e.Quantity
	}
	return n
}

func (a *Account) takeBack(op Op, i int, original *Event) {
	var granted int64
	for _, d := range original.Draws {
		a.grant(d.Grant).Used -= d.Quantity
		granted += d.Quantity
	}
	original.Draws = nil
	a.count(original.OccurredAt, -original.Quantity, 0, -granted)
	a.event(op, sibling(op.ID, i), -original.Quantity, original.OccurredAt, nil)
	a.Effects.Events[len(a.Effects.Events)-1].Corrects = original.ID
}

// sibling returns the id of the i-th event of one operation: the i-th UUID after its id.
func sibling(id string, i int) string {
	tail := id[len(id)-8:]
	n, _ := strconv.ParseUint(tail, 16, 32) // hexadecimal: the id was minted
	return id[:len(id)-8] + fmt.Sprintf("%08x", uint32(n)+uint32(i))
}

// nextExpiry returns when the first open hold that c counts expires; zero for none.
func (a *Account) nextExpiry() time.Time {
	var first time.Time
	for _, h := range a.Holds {
		if h.State == HoldOpen {
			first = earliest(first, h.ExpiresAt)
		}
	}
	return first
}
