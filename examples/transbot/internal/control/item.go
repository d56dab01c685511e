package control

import (
	"context"
	"fmt"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/slo"
)

// State is how an item stands.
type State string

// The states. An item is not known while nothing was measured; one that is ticked by hand waits until it is.
const (
	Pass    State = "pass"
	Amber   State = "amber"
	Fail    State = "fail"
	Unknown State = "unknown"
	ByHand  State = "by hand"
)

// Item is a line of a checklist.
type Item struct {
	Key   string
	Title string
	State State
	Value string    // what was measured
	Bound string    // what it is held against
	At    time.Time // when it was measured
	Link  string    // where more is to be seen
	More  string    // what is there
	Steps []Step    // what it is made of; may be empty
	Hand  *Hand     // nil: it checks itself
	Look  string    // the look that can be taken now; empty: it is measured each time
}

// Checklist is what is to be true on a day.
type Checklist struct {
	Day   int
	Due   time.Time // when the day begins; zero: nobody has said when the launch does
	Items []Item
}

// Begun says whether the day has begun.
func (c Checklist) Begun(now time.Time) bool { return !c.Due.IsZero() && !now.Before(c.Due) }

// Count returns how many items are in a state.
func (c Checklist) Count(s State) (n int) {
	for _, i := range c.Items {
		if i.State == s {
			n++
		}
	}
	return n
}

// Room is the control room at an instant.
type Room struct {
	At      time.Time
	Start   Start
	Lists   []Checklist
	Rollout Rollout
	Release slo.Release
}

// seen is what several items are about; it is looked at once.
type seen struct {
	now     time.Time
	start   Start
	report  slo.Report
	release slo.Release
	rollout Rollout
	hands   map[string]Hand
}

// Room looks at everything. What cannot be measured is an item that is not known, and hides no other.
func (d *Desk) Room(ctx context.Context) (Room, error) {
	s := seen{now: time.Now().UTC()}
	var err error
	if s.start, err = d.Start(ctx); err != nil {
		return Room{}, err
	}
	if s.release, err = d.Ops.Policy.Check(ctx); err != nil {
		return Room{}, err
	}
	if s.report, err = d.Ops.Board.Current(ctx); err != nil {
		return Room{}, err
	}
	if s.rollout, err = d.Rollout(ctx); err != nil {
		return Room{}, err
	}
	if s.hands, err = hands(ctx, d.Pool, ""); err != nil {
		return Room{}, err
	}
	room := Room{At: s.now, Start: s.start, Rollout: s.rollout, Release: s.release}
	for _, n := range Days {
		list := Checklist{Day: n, Items: d.measure(ctx, s, n)}
		if s.start.Set() {
			list.Due = s.start.Of(n)
		}
		room.Lists = append(room.Lists, list)
	}
	return room, nil
}

// check measures an item.
type check func(ctx context.Context, s seen) (Item, error)

// measure returns the items of a day.
func (d *Desk) measure(ctx context.Context, s seen, day int) []Item {
	var items []Item
	for _, one := range d.checks(day) {
		item, err := one(ctx, s)
		if freight.LostRace(err) { // against the report on isolation, which locks whole tables
			item, err = one(ctx, s)
		}
		if err != nil {
			item.State, item.Value = Unknown, err.Error()
		}
		if item.At.IsZero() && item.Hand == nil && item.State != Unknown {
			item.At = s.now
		}
		items = append(items, item)
	}
	return items
}

// checks are the items of a day, in order.
func (d *Desk) checks(day int) []check {
	switch day {
	case 0:
		return []check{d.smokeTests, d.canary, d.hourly, d.apart, d.budgets}
	case 1:
		return []check{d.half, d.queue, d.variance, d.usage, d.billing}
	}
	return []check{d.whole, d.okrs, d.penTest, d.restoreDrill, d.reviewed}
}

// kept makes of the last look of a job an item: it passes when the look did and is not older than it may be.
func (d *Desk) kept(ctx context.Context, job string, item Item, atMost time.Duration, now time.Time) (Item, error) {
	item.Look = job
	r, ok, err := d.last(ctx, job)
	if err != nil || !ok {
		item.State, item.Value = Unknown, "not looked at yet"
		return item, err
	}
	item.At, item.Value, item.Steps = r.At, r.Says, r.Steps
	switch {
	case !r.Passed:
		item.State = Fail
	case now.Sub(r.At) > atMost:
		item.State, item.Value = Amber, fmt.Sprintf("%s, and nobody has looked for %s", r.Says, now.Sub(r.At).Round(time.Minute))
	default:
		item.State = Pass
	}
	return item, nil
}

// worst returns the worse of two states.
func worst(a, b State) State {
	for _, s := range []State{Fail, Amber, Unknown, ByHand} {
		if a == s || b == s {
			return s
		}
	}
	return Pass
}

// held says whether a verdict keeps things where they are.
func held(v tenon.Verdict) bool { return v.Outcome != tenon.Pass }
