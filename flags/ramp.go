package flags

import (
	"slices"
	"time"
)

// Schedule is a ramp: the stages of a rollout, when they begin, and how far it is. Make one with [Ramp] and start it
// by [Set.Ramp]. [Set.Run] moves it on.
//
// A stage begins when its time has come and every guard passes. A guard that holds, that cannot tell, or that this
// process does not know keeps the ramp where it is. A guard that fails takes it back to the stage before, where it stays
// until a person calls [Set.Resume]. A stage that begins a minute or more late moves those after it by as much, so that
// none is shorter than planned.
type Schedule struct {
	Stages []Stage `json:"stages"` // at least one
	// Interval is the time from one stage to the next, where stages have no At.
	Interval Duration `json:"every,omitempty"`
	// Guards are keys of Options.Guards.
	Guards []string `json:"guards,omitempty"`
	// Watch is how long guards watch the last stage; 0 means 24 hours.
	Watch Duration `json:"watch,omitempty"`

	Reached int       `json:"reached,omitempty"` // how many stages have begun; 0: the percentage is 0
	Since   time.Time `json:"since,omitzero"`    // when the present stage began
	State   RampState `json:"state,omitempty"`   // empty means [RampRunning]
	Note    string    `json:"note,omitempty"`    // why it is in that state

	fault string // what the builder was told wrong
}

// Stage is one step of a ramp.
type Stage struct {
	Percent float64 `json:"percent"`
	// At is when the stage begins at the earliest. Without it, and without an Interval, the first stage begins at once
	// and the others when a person calls [Set.Advance].
	At time.Time `json:"at,omitzero"`
	// AtLeast is how many tenants the stage has at the least: those with the lowest buckets of Options.Population are
	// added to Extra when it begins.
	AtLeast int      `json:"at_least,omitempty"`
	Extra   []string `json:"extra,omitempty"` // tenants that are in whatever their bucket
	Rings   []string `json:"rings,omitempty"` // segments whose tenants are in whatever their bucket
}

// RampState says whether a ramp moves.
type RampState string

// The states.
const (
	RampRunning    RampState = "running"
	RampPaused     RampState = "paused"      // by a person; guards are not asked
	RampRolledBack RampState = "rolled_back" // by a guard or a person
	RampDone       RampState = "done"        // the last stage began and was watched
)

// Duration is a [time.Duration] that is written as text: "24h0m0s".
type Duration time.Duration

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// Ramp returns a schedule with a stage for each percentage: Ramp(5, 50, 100).At(day0, day1, day7). A ramp may also go
// down; an end of 0 is 0.
func Ramp(percents ...float64) Schedule {
	var s Schedule
	for _, p := range percents {
		s.Stages = append(s.Stages, Stage{Percent: p})
	}
	return s
}

// At says when each stage begins; there are as many times as stages, in order.
func (s Schedule) At(times ...time.Time) Schedule {
	s.Stages = slices.Clone(s.Stages)
	if len(times) != len(s.Stages) {
		s.fault = "there must be as many times as stages"
		return s
	}
	for i, t := range times {
		s.Stages[i].At = t.UTC().Truncate(time.Microsecond)
	}
	return s
}

// Every lets a stage begin d after the one before it, the first at once.
func (s Schedule) Every(d time.Duration) Schedule {
	s.Interval = Duration(d)
	return s
}

// AtLeast gives every stage at least n tenants, except those of 0 %.
func (s Schedule) AtLeast(n int) Schedule {
	s.Stages = slices.Clone(s.Stages)
	for i := range s.Stages {
		if s.Stages[i].Percent > 0 {
			s.Stages[i].AtLeast = n
		}
	}
	return s
}

// Guard asks the guards of these names in Options.Guards before each stage and during it. A ramp is stored and may go
// on in another process, which is why it names guards and does not hold them.
func (s Schedule) Guard(names ...string) Schedule {
	s.Guards = slices.Concat(s.Guards, names)
	return s
}

// Present returns the stage that the ramp is at, and false before the first.
func (s *Schedule) Present() (Stage, bool) {
	if s.Reached < 1 || s.Reached > len(s.Stages) {
		return Stage{}, false
	}
	return s.Stages[s.Reached-1], true
}

// state returns the State, of which the zero value is running.
func (s *Schedule) state() RampState {
	if s.State == "" {
		return RampRunning
	}
	return s.State
}

// climb returns the stages whose extra tenants and rings count now: those since the percentage last fell.
func (s *Schedule) climb() []Stage {
	reached := s.Stages[:min(max(s.Reached, 0), len(s.Stages))]
	first := 0
	for i := 1; i < len(reached); i++ {
		if reached[i].Percent < reached[i-1].Percent {
			first = i
		}
	}
	return reached[first:]
}
