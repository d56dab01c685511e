package entitlementstest

import (
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// verdict is what the reference says of an operation.
type verdict struct {
	err      error               // or its class
	allowed  bool                //
	reason   entitlements.Reason // ReasonNone: not compared
	numbers  []numbers           // of the windows that may be the one described; none: not compared
	replayed bool
	ungated  int64
	hold     string // its id; empty: not compared
	feature  string
}

type numbers struct{ used, held, remaining int64 }

// describe returns the numbers of the windows with the least of what measure gives.
func (m *reference) describe(feature string, ws []refWindow, measure func(refWindow) int64) []numbers {
	least, found := plenty+1, []numbers(nil)
	for _, w := range ws {
		n := numbers{m.used(feature, w), m.held(feature, w), m.remaining(feature)}
		switch value := measure(w); {
		case value < least:
			least, found = value, []numbers{n}
		case value == least:
			found = append(found, n)
		}
	}
	return found
}

func (m *reference) allowance(feature string) func(refWindow) int64 {
	return func(w refWindow) int64 {
		if w.Hard == entitlements.Unlimited {
			return plenty
		}
		return max(0, w.Hard-m.level(feature, w))
	}
}

func (m *reference) room(feature string) func(refWindow) int64 {
	return func(w refWindow) int64 {
		if w.Hard == entitlements.Unlimited || w.Overage == entitlements.Unlimited {
			return plenty
		}
		return max(0, w.Hard+w.Overage-m.level(feature, w))
	}
}

// check says what one more unit would meet.
func (m *reference) check(feature string) verdict {
	v := verdict{feature: feature}
	if v.reason, _ = m.limits(feature); v.reason != entitlements.ReasonAllowed {
		v.numbers = []numbers{{}}
		return v
	}
	ws, one := m.windows(feature, m.now), m.cover(feature, 1, m.now)
	if one.missing > 0 {
		v.reason, v.numbers = entitlements.ReasonLimitReached, m.describe(feature, ws, m.room(feature))
		return v
	}
	v.allowed, v.reason = true, m.allowedBecause(feature, m.now, one)
	v.numbers = m.describe(feature, ws, m.allowance(feature))
	return v
}

// allowedBecause tells the ways to be allowed apart.
func (m *reference) allowedBecause(feature string, at time.Time, c covered) entitlements.Reason {
	if c.overage > 0 {
		return entitlements.ReasonOverage
	}
	for _, w := range m.windows(feature, at) {
		if w.Soft > 0 && m.used(feature, w) >= w.Soft {
			return entitlements.ReasonOverSoft
		}
	}
	return entitlements.ReasonAllowed
}

// noted is the answer to what asks for no right.
func (m *reference) noted(feature string) verdict { return verdict{allowed: true, feature: feature} }

// decide carries out an operation.
func (m *reference) decide(op entitlements.Op) verdict {
	if v, done := m.replay(op); done {
		return v
	}
	switch op.Kind {
	case entitlements.OpConsume, entitlements.OpReserve:
		return m.gated(op)
	case entitlements.OpRecord:
		m.happen(op, op.ID, op.Use.Feature, op.Use.Quantity, op.At, nil)
		return m.noted(op.Use.Feature)
	case entitlements.OpReturn:
		return m.giveBack(op)
	case entitlements.OpCommit, entitlements.OpRelease:
		return m.close(op)
	default:
		return m.correct(op)
	}
}

func (m *reference) replay(op entitlements.Op) (verdict, bool) {
	k := m.keys[op.Use.Key]
	if k == nil || op.Kind == entitlements.OpCorrect || op.Hold != "" {
		return verdict{}, false
	}
	a, b := k.use, op.Use
	if k.kind != op.Kind || a.Feature != b.Feature || a.Quantity != b.Quantity || !a.At.Equal(b.At) {
		return verdict{err: entitlements.ErrKeyReused}, true
	}
	if h := m.hold(k.id); h != nil && (h.state == entitlements.HoldReleased || h.state == entitlements.HoldExpired) {
		return verdict{}, false // the hold was given back: like a refusal it is decided afresh
	}
	v := m.noted(op.Use.Feature)
	v.replayed = true
	if op.Kind == entitlements.OpReserve {
		v.hold = k.id
	}
	return v, true
}

// happen writes down what happened; nothing is not written down.
func (m *reference) happen(op entitlements.Op, origin, feature string, quantity int64, at time.Time, draws []refDraw) {
	if quantity == 0 {
		return
	}
	m.events = append(m.events, refEvent{origin: origin, feature: feature, at: at, quantity: quantity, draws: draws})
	m.remember(op)
}

func (m *reference) remember(op entitlements.Op) {
	if op.Hold == "" {
		m.keys[op.Use.Key] = &refKey{id: op.ID, kind: op.Kind, use: op.Use}
	}
}

func (m *reference) gated(op entitlements.Op) verdict {
	f := op.Use.Feature
	if op.Use.Quantity == 0 {
		return m.check(f)
	}
	v := verdict{feature: f}
	if v.reason, _ = m.limits(f); v.reason != entitlements.ReasonAllowed {
		v.numbers = []numbers{{}}
		return v
	}
	c := m.cover(f, op.Use.Quantity, op.At)
	if c.missing > 0 {
		v.reason, v.numbers = entitlements.ReasonLimitReached, m.describe(f, m.windows(f, op.At), m.room(f))
		return v
	}
	if op.Kind == entitlements.OpReserve {
		m.holds = append(m.holds, &refHold{
			id: op.ID, feature: f, at: op.At, expires: op.Until, quantity: op.Use.Quantity, included: c.included, draws: c.draws,
			state: entitlements.HoldOpen,
		})
		m.remember(op)
		v.hold = op.ID
	} else {
		m.happen(op, op.ID, f, op.Use.Quantity, op.At, c.draws)
	}
	v.allowed, v.reason = true, m.allowedBecause(f, op.At, c)
	v.numbers = m.describe(f, m.windows(f, op.At), m.allowance(f))
	return v
}

func (m *reference) giveBack(op entitlements.Op) verdict {
	f := op.Use.Feature
	if m.kind(f) != entitlements.Gauge {
		return verdict{err: tenon.ErrInvalid}
	}
	if op.Use.Quantity > m.inUse(f, "") {
		return verdict{err: tenon.ErrInvalid}
	}
	m.happen(op, op.ID, f, -op.Use.Quantity, op.At, nil)
	return m.noted(f)
}

// inUse adds up a feature's events, or those of one origin.
func (m *reference) inUse(feature, origin string) (n int64) {
	for _, e := range m.events {
		if e.feature == feature && (origin == "" || e.origin == origin) {
			n += e.quantity
		}
	}
	return n
}

func (m *reference) hold(id string) *refHold {
	for _, h := range m.holds {
		if h.id == id {
			return h
		}
	}
	return nil
}

func (m *reference) close(op entitlements.Op) verdict {
	h, actual := m.hold(op.Hold), op.Use.Quantity
	switch {
	case h == nil:
		return verdict{err: entitlements.ErrUnknownHold}
	case op.Kind == entitlements.OpRelease && h.state == entitlements.HoldCommitted,
		op.Kind == entitlements.OpCommit && h.state == entitlements.HoldReleased,
		op.Kind == entitlements.OpCommit && h.state == entitlements.HoldCommitted && h.actual != actual:
		return verdict{err: entitlements.ErrHoldClosed}
	case op.Kind == entitlements.OpRelease:
		if h.state == entitlements.HoldOpen {
			h.state = entitlements.HoldReleased
		}
		return m.noted(h.feature)
	case h.state == entitlements.HoldCommitted:
		v := m.noted(h.feature)
		v.replayed, v.ungated = true, h.ungated
		return v
	}
	return m.commit(op, h)
}

// commit writes down the held part at the hold's own time, and the rest now.
func (m *reference) commit(op entitlements.Op, h *refHold) verdict {
	var inside int64
	if h.state == entitlements.HoldOpen {
		inside = min(op.Use.Quantity, h.quantity)
	}
	h.state, h.actual = entitlements.HoldCommitted, op.Use.Quantity
	m.happen(op, h.id, h.feature, inside, h.at, firstOf(h.draws, inside-h.included))
	if beyond := op.Use.Quantity - inside; beyond > 0 {
		c := covered{missing: beyond}
		if reason, _ := m.limits(h.feature); reason == entitlements.ReasonAllowed {
			c = m.cover(h.feature, beyond, m.now)
		}
		h.ungated = c.missing
		m.happen(op, h.id, h.feature, beyond, m.now, c.draws)
	}
	v := m.noted(h.feature)
	v.ungated = h.ungated
	return v
}

// firstOf returns the first n units of draws.
func firstOf(draws []refDraw, n int64) []refDraw {
	var kept []refDraw
	for _, d := range draws {
		if take := min(n, d.quantity); take > 0 {
			kept = append(kept, refDraw{grant: d.grant, quantity: take})
			n -= take
		}
	}
	return kept
}

// correct forgets what happened under a key, once.
func (m *reference) correct(op entitlements.Op) verdict {
	k := m.keys[op.Use.Key]
	if k == nil {
		return verdict{err: entitlements.ErrUnknownKey}
	}
	f := k.use.Feature
	if m.kind(f) == entitlements.Gauge && !k.corrected && m.inUse(f, k.id) > m.inUse(f, "") {
		return verdict{err: tenon.ErrInvalid}
	}
	if h := m.hold(k.id); h != nil && h.state == entitlements.HoldOpen {
		h.state = entitlements.HoldReleased
	}
	if !k.corrected {
		k.corrected = true
		var kept []refEvent
		for _, e := range m.events {
			if e.origin != k.id {
				kept = append(kept, e)
			}
		}
		m.events = kept
	}
	return m.noted(f)
}
