package web

import (
	"fmt"
	"strconv"
	"time"

	"github.com/transbotai/tenon/flags"
)

// rampView is a ramp as a flag's page shows it.
type rampView struct {
	flags.Schedule
	Holding []string // why the next stage does not begin
}

// rampOf returns the ramp of a flag, nil when it has none.
func (s *Server) rampOf(d flags.Definition) *rampView {
	if d.Rollout == nil || d.Rollout.Ramp == nil {
		return nil
	}
	v := &rampView{Schedule: *d.Rollout.Ramp}
	for _, report := range s.Flags.Ramps() {
		if report.Key == d.Key {
			v.Holding = report.Holding
		}
	}
	return v
}

// stageLine is a stage of a ramp.
type stageLine struct {
	Percent string
	State   string // past, now, next or later
	When    time.Time
	Says    string
}

// Lines are the stages in order.
func (v rampView) Lines() []stageLine {
	lines := make([]stageLine, len(v.Stages))
	for i, stage := range v.Stages {
		lines[i] = stageLine{Percent: asGiven(stage.Percent), State: "later", When: stage.At}
		switch {
		case i < v.Reached-1:
			lines[i].State, lines[i].Says = "past", "done"
		case i == v.Reached-1:
			lines[i].State, lines[i].Says, lines[i].When = "now", "now, since", v.Since
		case i == v.Reached:
			lines[i].State, lines[i].Says, lines[i].When = v.next()
		}
		if stage.AtLeast > 0 {
			lines[i].Percent += fmt.Sprintf(", at least %d companies", stage.AtLeast)
		}
	}
	return lines
}

// next says when the next stage begins.
func (v rampView) next() (state, says string, when time.Time) {
	at, ok := v.Due()
	switch {
	case v.Stopped():
		return "next", "waits for somebody to resume the ramp", time.Time{}
	case !ok:
		return "next", "begins when somebody says so", time.Time{}
	case at.IsZero():
		return "next", "begins in a moment", time.Time{}
	default:
		return "next", "begins", at
	}
}

// Stopped says whether somebody must resume the ramp.
func (v rampView) Stopped() bool {
	return v.State == flags.RampPaused || v.State == flags.RampRolledBack
}

// Ended says whether there is no further stage.
func (v rampView) Ended() bool { return v.Reached >= len(v.Stages) }

var rampStates = map[flags.RampState]string{
	flags.RampRunning: "running", "": "running", flags.RampPaused: "paused", flags.RampRolledBack: "rolled back", flags.RampDone: "done",
}

// Is is the state in words.
func (v rampView) Is() string { return rampStates[v.State] }

// Says sums the ramp up: "stage 2 of 3, 50 %, running".
func (v rampView) Says() string {
	present, ok := v.Present()
	if !ok {
		return fmt.Sprintf("not begun, of %d stages", len(v.Stages))
	}
	return fmt.Sprintf("stage %d of %d, %s, %s", v.Reached, len(v.Stages), asGiven(present.Percent), v.Is())
}

// asGiven writes hundredths with the digits that they were given with.
func asGiven(p float64) string { return strconv.FormatFloat(p, 'f', -1, 64) + " %" }
