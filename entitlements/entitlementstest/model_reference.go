package entitlementstest

import (
	"time"

	"github.com/transbotai/tenon/entitlements"
)

// reference is one tenant as the design says it, in the plainest way: lists of all that happened, from which every
// balance is added up each time that it is asked for.
type reference struct {
	catalog entitlements.Catalog
	now     time.Time

	plan      string
	status    entitlements.Status
	grace     time.Time
	anchor    time.Time
	next      *entitlements.Next
	overrides []entitlements.Override
	addOns    []entitlements.Attachment

	grants []*refGrant
	events []refEvent
	holds  []*refHold
	keys   map[string]*refKey
}

type refGrant struct {
	entitlements.Grant
	voided bool
}

// refEvent is use that happened. What is corrected is deleted.
type refEvent struct {
	origin   string // the operation or the hold that it comes from
	feature  string
	at       time.Time
	quantity int64
	draws    []refDraw
}

type refDraw struct {
	grant    *refGrant
	quantity int64
}

type refHold struct {
	id       string
	feature  string
	at       time.Time
	expires  time.Time
	quantity int64
	included int64 // by the plan
	draws    []refDraw
	state    entitlements.HoldState
	actual   int64
	ungated  int64
}

type refKey struct {
	id        string // of the operation that was accepted first
	kind      entitlements.OpKind
	use       entitlements.Use
	corrected bool
}

func (m *reference) kind(feature string) entitlements.Kind {
	for _, f := range m.catalog.Features {
		if f.Key == feature {
			return f.Kind
		}
	}
	return ""
}

// window is a limit and the period of it that holds an instant.
type refWindow struct {
	entitlements.Limit
	start, end time.Time
}

// windows returns the limits of a feature as they are now, each with its period that holds at.
func (m *reference) windows(feature string, at time.Time) []refWindow {
	_, limits := m.limits(feature)
	var ws []refWindow
	for _, l := range limits {
		start, end := naiveBounds(l.Period, m.anchor, at)
		ws = append(ws, refWindow{Limit: l, start: start, end: end})
	}
	return ws
}

func (w refWindow) holds(t time.Time) bool { return !t.Before(w.start) && t.Before(w.end) }

// used adds up the events within w.
func (m *reference) used(feature string, w refWindow) (n int64) {
	for _, e := range m.events {
		if e.feature == feature && w.holds(e.at) {
			n += e.quantity
		}
	}
	return n
}

// held adds up the living holds within w.
func (m *reference) held(feature string, w refWindow) (n int64) {
	for _, h := range m.holds {
		if h.feature == feature && h.state == entitlements.HoldOpen && w.holds(h.at) {
			n += h.quantity
		}
	}
	return n
}

// fromGrants adds up what events and living holds within w took from grants.
func (m *reference) fromGrants(feature string, w refWindow) (n int64) {
	for _, e := range m.events {
		if e.feature == feature && w.holds(e.at) {
			n += total(e.draws)
		}
	}
	for _, h := range m.holds {
		if h.feature == feature && h.state == entitlements.HoldOpen && w.holds(h.at) {
			n += total(h.draws)
		}
	}
	return n
}

func total(draws []refDraw) (n int64) {
	for _, d := range draws {
		n += d.quantity
	}
	return n
}

// drawn adds up what events used, and living holds hold, of g.
func (m *reference) drawn(g *refGrant) (used, held int64) {
	of := func(draws []refDraw) (n int64) {
		for _, d := range draws {
			if d.grant == g {
				n += d.quantity
			}
		}
		return n
	}
	for _, e := range m.events {
		used += of(e.draws)
	}
	for _, h := range m.holds {
		if h.state == entitlements.HoldOpen {
			held += of(h.draws)
		}
	}
	return used, held
}

func (m *reference) left(g *refGrant) int64 {
	used, held := m.drawn(g)
	return g.Amount - used - held
}

// level is what counts against the plan's limit of w.
func (m *reference) level(feature string, w refWindow) int64 {
	return m.used(feature, w) + m.held(feature, w) - m.fromGrants(feature, w)
}

// pass moves the time on. What expires meanwhile counts no more.
func (m *reference) pass(d time.Duration) {
	m.now = m.now.Add(d)
	for _, h := range m.holds {
		if h.state == entitlements.HoldOpen && !m.now.Before(h.expires) {
			h.state = entitlements.HoldExpired
		}
	}
	if m.next != nil && !m.now.Before(m.next.At) {
		m.plan, m.next = m.next.Plan, nil
		if m.status == entitlements.Trialing {
			m.status = entitlements.Active
		}
	}
}

// naiveBounds walks from the anchor, a period at a time.
func naiveBounds(p entitlements.Period, anchor, t time.Time) (start, end time.Time) {
	if p.Unit == entitlements.Lifetime {
		return time.Unix(0, 0), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	n := 0
	for naiveStep(p, anchor, n).After(t) {
		n--
	}
	for !naiveStep(p, anchor, n+1).After(t) {
		n++
	}
	return naiveStep(p, anchor, n), naiveStep(p, anchor, n+1)
}

// naiveStep returns the n-th start of a period after the anchor.
func naiveStep(p entitlements.Period, anchor time.Time, n int) time.Time {
	count := n * max(1, p.Count)
	switch p.Unit {
	case entitlements.Hour:
		return anchor.Add(time.Duration(count) * time.Hour)
	case entitlements.Day:
		return anchor.AddDate(0, 0, count)
	case entitlements.Week:
		return anchor.AddDate(0, 0, 7*count)
	case entitlements.Year:
		count *= 12
	}
	t := anchor.AddDate(0, count, 0)
	if t.Day() != anchor.Day() { // the month is too short, so that the date ran over into the next
		t = t.AddDate(0, 0, -t.Day())
	}
	return t
}
