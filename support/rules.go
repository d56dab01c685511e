package support

import (
	"time"

	"github.com/transbotai/tenon"
)

// Priority is how soon a ticket wants an answer.
type Priority string

// The priorities, most urgent first.
const (
	P1 Priority = "P1"
	P2 Priority = "P2"
	P3 Priority = "P3"
)

var priorities = []Priority{P1, P2, P3}

// Promise names what is promised about a ticket.
type Promise string

// The promises.
const (
	// FirstResponse is a first reply, counted from the opening.
	FirstResponse Promise = "first_response"
	// NextResponse is a reply to the customer's first message that was not answered yet.
	NextResponse Promise = "next_response"
	// Resolution is the solution, counted from the opening; after a reopening it goes on.
	Resolution Promise = "resolution"
)

var promises = []Promise{FirstResponse, NextResponse, Resolution}

// Targets say within what time promises are kept. 0 is no promise. In JSON they are nanoseconds.
type Targets struct {
	FirstResponse time.Duration `json:"first_response,omitempty"`
	NextResponse  time.Duration `json:"next_response,omitempty"`
	Resolution    time.Duration `json:"resolution,omitempty"`
	// Business counts the time in the hours of the policy's calendar; otherwise every hour counts.
	Business bool `json:"business,omitempty"`
}

func (t Targets) of(p Promise) time.Duration {
	switch p {
	case FirstResponse:
		return t.FirstResponse
	case NextResponse:
		return t.NextResponse
	default:
		return t.Resolution
	}
}

// Step is one rung of an escalation ladder.
type Step struct {
	// Name says who is told, and is what tells the steps of a policy apart: "on-call". Required. A step of a name fires
	// once for a ticket, whatever becomes of its priority.
	Name string `json:"name"`
	// After is the wall time since the ticket first had the ladder's priority.
	After time.Duration `json:"after"`
	// Anyway fires it although the ticket was acknowledged, until it is solved.
	Anyway bool `json:"anyway,omitempty"`
}

// Policy is what is promised to the tickets of a plan.
type Policy struct {
	Name     string               `json:"name"`
	Calendar string               `json:"calendar,omitempty"` // a key of [Rules].Calendars; required by business targets
	Targets  map[Priority]Targets `json:"targets"`
	// Ladders say who is told of a ticket that nobody has acknowledged, soonest first.
	Ladders map[Priority][]Step `json:"ladders,omitempty"`
	// WarnAt is the percentage of a target at which a promise is at risk; 0 means 75, negative never.
	WarnAt int `json:"warn_at,omitempty"`
}

// Rules are everything that a host can change about tickets while it runs.
type Rules struct {
	Version   int64             `json:"version"` // 0 as long as nobody has set any: then they are [DefaultRules]
	Policies  []Policy          `json:"policies"`
	Plans     map[string]string `json:"plans,omitempty"` // the policy of each plan
	Default   string            `json:"default"`         // the policy of tickets whose plan has none
	Calendars map[string]Hours  `json:"calendars,omitempty"`
}

// DefaultRules are in force until others are set: P1, P2 and P3 are resolved within 4, 24 and 72 hours by the wall
// clock, and a P1 that nobody has acknowledged after 2 hours escalates to "on-call".
func DefaultRules() Rules {
	return Rules{
		Default: "standard",
		Policies: []Policy{{
			Name: "standard",
			Targets: map[Priority]Targets{
				P1: {FirstResponse: time.Hour, NextResponse: time.Hour, Resolution: 4 * time.Hour},
				P2: {FirstResponse: 4 * time.Hour, NextResponse: 8 * time.Hour, Resolution: 24 * time.Hour},
				P3: {FirstResponse: 24 * time.Hour, NextResponse: 24 * time.Hour, Resolution: 72 * time.Hour},
			},
			Ladders: map[Priority][]Step{P1: {{Name: "on-call", After: 2 * time.Hour}}},
		}},
	}
}

// terms are what rules say of one plan.
type terms struct {
	Policy
	calendar *Calendar
}

// book is rules that were checked, with their calendars made.
type book struct {
	rules    Rules
	policies map[string]*terms
}

// of returns the terms of a plan.
func (b *book) of(plan string) *terms {
	if t := b.policies[b.rules.Plans[plan]]; t != nil {
		return t
	}
	return b.policies[b.rules.Default]
}

// add returns the instant at which d has passed since from.
func (t *terms) add(from time.Time, d time.Duration, business bool) time.Time {
	if business {
		return tenon.Instant(t.calendar.Add(from, d))
	}
	return from.Add(d)
}

// between returns what has passed from one instant to another.
func (t *terms) between(from, to time.Time, business bool) time.Duration {
	if business {
		return t.calendar.Between(from, to)
	}
	return to.Sub(from)
}

// warnAfter returns how much of a target passes before its promise is at risk; all of it when it never is.
func (t *terms) warnAfter(target time.Duration) time.Duration {
	switch {
	case t.WarnAt < 0:
		return target
	case t.WarnAt == 0:
		return target / 4 * 3
	default:
		return target / 100 * time.Duration(t.WarnAt)
	}
}
