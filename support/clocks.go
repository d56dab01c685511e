package support

import (
	"slices"
	"time"
)

// Standing is how a clock stands.
type Standing string

// The standings.
const (
	Running  Standing = "running"
	Paused   Standing = "paused" // the ticket is pending
	Warned   Standing = "at_risk"
	Overdue  Standing = "breached" // not kept, and not done yet
	Met      Standing = "met"
	Missed   Standing = "missed" // done too late
	Inactive Standing = "none"   // nothing is promised, or nothing is waited for
)

// Clock is how a promise stands at an instant.
type Clock struct {
	Promise   Promise       `json:"promise"`
	Standing  Standing      `json:"standing"`
	Target    time.Duration `json:"target"`           // nanoseconds; 0: nothing is promised
	Elapsed   time.Duration `json:"elapsed"`          // of the target, pauses left out
	Remaining time.Duration `json:"remaining"`        // negative when it is over
	Started   time.Time     `json:"started,omitzero"` // when it began to be waited for
	Due       time.Time     `json:"due,omitzero"`     // zero while it is paused
	Stopped   time.Time     `json:"stopped,omitzero"` // when it was done
	Business  bool          `json:"business,omitempty"`

	warn time.Time // when it comes to be at risk; zero when it is not to
}

// stint is a time in which a clock runs; the last may have no end.
type stint struct{ from, to time.Time }

// run is what a history says of one clock, before any rule.
type run struct {
	started, stopped time.Time
	stints           []stint
}

// clocks derives the clocks of a ticket at now. Those of a closed ticket are what they were when it was closed.
func (t *Ticket) clocks(b *book, now time.Time) []Clock {
	if last := len(t.History) - 1; t.State == StateClosed {
		for ; last >= 0; last-- {
			if t.History[last].Kind == Closed {
				return slices.Clone(t.History[last].Clocks)
			}
		}
	}
	terms := b.of(t.Plan)
	clocks := make([]Clock, len(promises))
	for i, p := range promises {
		clocks[i] = terms.clock(p, t.Priority, t.run(p), now)
	}
	return clocks
}

// run follows the history for one promise. A next response is waited for since the first word that was not answered;
// of several, the last counts.
func (t *Ticket) run(p Promise) run {
	var r run
	running, replied := false, false
	state := Ticket{}
	for _, e := range t.History {
		state.append(e)
		begins := p != NextResponse && e.Kind == Opened || p == NextResponse && e.Kind == Heard && replied && r.idle()
		if begins {
			r = run{started: e.At}
		}
		replied = replied || ends(NextResponse, e.Kind)
		if p == Resolution && !r.stopped.IsZero() && state.State.Active() {
			r.stopped = time.Time{} // reopened: it goes on
		}
		if r.waited() && ends(p, e.Kind) {
			r.stopped = e.At
		}
		runs := r.waited() && state.State.Active()
		if runs && !running {
			r.stints = append(r.stints, stint{from: e.At})
		}
		if !runs && running {
			r.stints[len(r.stints)-1].to = e.At
		}
		running = runs
	}
	return r
}

// idle says whether nothing is waited for, waited the opposite.
func (r *run) idle() bool   { return r.started.IsZero() || !r.stopped.IsZero() }
func (r *run) waited() bool { return !r.started.IsZero() && r.stopped.IsZero() }

// lasting returns the stints; when the clock was stopped while it ran, as if it had gone on, so that what was done in
// time still has a due instant.
func (r *run) lasting() []stint {
	last := len(r.stints) - 1
	if r.stopped.IsZero() || last < 0 || !r.stints[last].to.Equal(r.stopped) {
		return r.stints
	}
	return append(slices.Clone(r.stints[:last]), stint{from: r.stints[last].from})
}

// ends says whether a promise is kept by an event.
func ends(p Promise, k Kind) bool {
	if p == Resolution {
		return k == Solved
	}
	return k == Replied || k == Solved
}

// clock applies terms to what a history says.
func (t *terms) clock(p Promise, priority Priority, r run, now time.Time) Clock {
	targets := t.Targets[priority]
	c := Clock{Promise: p, Target: targets.of(p), Started: r.started, Stopped: r.stopped, Business: targets.Business}
	for _, s := range r.stints {
		c.Elapsed += t.elapsed(s, now, c.Business)
	}
	c.Remaining = c.Target - c.Elapsed
	if c.Target == 0 || r.started.IsZero() {
		c.Standing, c.Remaining = Inactive, 0
		return c
	}
	c.Due = t.dueIn(r.lasting(), c.Target, c.Business)
	if warn := t.warnAfter(c.Target); warn < c.Target {
		c.warn = t.dueIn(r.lasting(), warn, c.Business)
	}
	c.Standing = c.standing(r, now)
	return c
}

func (t *terms) elapsed(s stint, now time.Time, business bool) time.Duration {
	to := s.to
	if to.IsZero() {
		to = now
	}
	return max(t.between(s.from, to, business), 0)
}

// dueIn returns when d of running time is reached: in the stint in which it is, or in the one that has no end. Zero when
// the clock stands still before.
func (t *terms) dueIn(stints []stint, d time.Duration, business bool) time.Time {
	for _, s := range stints {
		if s.to.IsZero() {
			return t.add(s.from, d, business)
		}
		passed := t.between(s.from, s.to, business)
		if d <= passed {
			return t.add(s.from, d, business)
		}
		d -= passed
	}
	return time.Time{}
}

func (c *Clock) standing(r run, now time.Time) Standing {
	reached := !c.Due.IsZero() && !now.Before(c.Due)
	switch {
	case !r.stopped.IsZero() && c.Elapsed > c.Target:
		return Missed
	case !r.stopped.IsZero():
		return Met
	case reached && c.Elapsed >= c.Target:
		return Overdue
	case len(r.stints) > 0 && !r.stints[len(r.stints)-1].to.IsZero():
		return Paused
	case !c.warn.IsZero() && !now.Before(c.warn):
		return Warned
	default:
		return Running
	}
}
