package kpi

import (
	"fmt"
	"strings"

	"github.com/transbotai/tenon"
)

// Funnel tells how many subjects got how far through a sequence of steps, by when they began.
//
// # The order of events
//
// The events of one subject are put in order by the instant, and at the same instant as Ties says: by their ids
// ([TiesByArrival]); by the first step that they fit, events that fit none last, then by their ids ([TiesBySteps]); or
// not at all ([TiesApart]): then neither follows the other, and neither lies between the other and a third.
//
// # Paths
//
// A path to step k is a sequence of k different events of one subject, each of which follows the one before in that
// order, such that the i-th fits step i, and the last happened at most Window after the first (both bounds belong to
// it). One event fills one step of a path, whatever else it fits. With Order [Strict] no event that fits any step or
// is excluded lies between two neighbours of the path; with [Ordered] anything may. No excluded event lies between the
// first and the last event of the path; an event that fits a step is not excluded.
//
// Of all paths to step k that end with the same event, the one counts whose first event comes last in the order: an
// attempt that is begun again takes over from the one before. The event reaches step k with that start.
//
// # What is counted
//
// For every period, a subject counts that has a start in it: once, at the furthest step that any of its events
// reached with a start in this period, and at all steps before that one. Its group is that of the start of its winning
// path, which is the one whose last event reached the furthest step first; the time to convert runs from that start to
// that event. With [TiesApart], of several such events at the same instant the one with the latest start wins, and of
// those and their starts those with the lowest id. Events that lie outside of the periods asked for count as parts of
// paths all the same, so that a period's figures do not depend on what else is asked for.
type Funnel struct {
	Steps     []Step   `json:"steps"`               // 2 to 10
	Subject   Subject  `json:"subject,omitempty"`   //
	Window    Duration `json:"window,omitempty"`    // 0: however long it takes
	Order     Order    `json:"order,omitempty"`     // empty: Ordered
	Exclude   []Step   `json:"exclude,omitempty"`   // at most 10
	Ties      Ties     `json:"ties,omitempty"`      // empty: TiesByArrival
	Breakdown string   `json:"breakdown,omitempty"` // a property of the event that began the winning path
}

// Order says what may lie between two steps.
type Order string

// The orders.
const (
	Ordered Order = "ordered" // anything that is not excluded
	Strict  Order = "strict"  // no event that fits a step
)

// Ties says which of two events at the same instant came first.
type Ties string

// The policies.
const (
	TiesByArrival Ties = "arrival" // the one that was tracked first
	TiesBySteps   Ties = "steps"   // the one that fits the earlier step: ties never break a path
	TiesApart     Ties = "apart"   // neither: a path needs distinct instants
)

const maxSteps = 10

func (f *Funnel) check() error {
	if len(f.Steps) < 2 || len(f.Steps) > maxSteps {
		return tenon.Invalid("steps", "are %d, not 2 to %d", len(f.Steps), maxSteps)
	}
	if len(f.Exclude) > maxSteps {
		return tenon.Invalid("exclude", "has %d steps, more than %d", len(f.Exclude), maxSteps)
	}
	for i, s := range f.Steps {
		if err := s.check(fmt.Sprintf("steps[%d]", i)); err != nil {
			return err
		}
	}
	for i, s := range f.Exclude {
		if err := s.check(fmt.Sprintf("exclude[%d]", i)); err != nil {
			return err
		}
	}
	switch f.Order {
	case "", Ordered, Strict:
	default:
		return tenon.Invalid("order", "%q is neither %q nor %q", f.Order, Ordered, Strict)
	}
	switch f.Ties {
	case "", TiesByArrival, TiesBySteps, TiesApart:
	default:
		return tenon.Invalid("ties", "%q is none of %q, %q, %q", f.Ties, TiesByArrival, TiesBySteps, TiesApart)
	}
	return firstOf(checkText("subject", string(f.Subject)), checkWindow("window", f.Window), checkText("breakdown", f.Breakdown))
}

func (f *Funnel) words() string {
	var b strings.Builder
	fmt.Fprintf(&b, "How many %ss got how far through:", f.Subject)
	for i, s := range f.Steps {
		fmt.Fprintf(&b, " %d. %s", i+1, s.title())
		if s.Label != "" {
			fmt.Fprintf(&b, " (%s)", s)
		}
	}
	b.WriteString(".")
	if f.Order == Strict {
		b.WriteString(" No other step may come between two of them.")
	}
	if f.Window > 0 {
		fmt.Fprintf(&b, " All within %s.", f.Window)
	}
	for _, s := range f.Exclude {
		fmt.Fprintf(&b, " An event %s in between ends the attempt.", s)
	}
	b.WriteString(" Each counts once in the period in which its attempt began. At the same instant, " + f.tieWords() + ".")
	return b.String()
}

func (f *Funnel) tieWords() string {
	switch f.Ties {
	case TiesBySteps:
		return "events are taken in the order of the steps"
	case TiesApart:
		return "no event follows another"
	default:
		return "the event that was tracked first comes first"
	}
}
