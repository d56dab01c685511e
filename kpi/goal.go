package kpi

import (
	"time"

	"github.com/transbotai/tenon"
)

// Goal is what a KPI should reach in every period. It is judged over periods that are over and mature.
type Goal struct {
	// Target is what the figure should be at least, or with AtMost at most. Shares are between 0 and 1.
	Target float64 `json:"target"`
	AtMost bool    `json:"at_most,omitempty"`
	// MinSample is how large a period's sample must be for it to be judged; 0 means 1.
	MinSample int64 `json:"min_sample,omitempty"`
}

func (g *Goal) check() error {
	switch {
	case g == nil:
		return nil
	case g.Target != g.Target || g.Target > 1e15 || g.Target < -1e15:
		return tenon.Invalid("goal.target", "is no number within ±1e15")
	case g.MinSample < 0:
		return tenon.Invalid("goal.min_sample", "%d is negative", g.MinSample)
	}
	return nil
}

// met says whether a figure reaches the goal.
func (g *Goal) met(value float64) bool {
	if g.AtMost {
		return value <= g.Target
	}
	return value >= g.Target
}

// GoalState is what was last decided about a KPI's goal, over all tenants.
type GoalState struct {
	KPI    string    `json:"kpi"`
	Goal   Goal      `json:"goal"` // that was judged
	Met    bool      `json:"met"`
	Value  float64   `json:"value"`
	Sample int64     `json:"sample"`
	Period time.Time `json:"period"` // the newest that was judged
	Since  time.Time `json:"since"`  // of the decision
}
