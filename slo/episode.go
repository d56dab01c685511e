package slo

import (
	"time"

	"github.com/transbotai/tenon"
)

// Alert is a family of signals of an objective. Each has at most one open [Episode].
type Alert string

// The alerts.
const (
	AlertBurn    Alert = "burn"    // the budget burns too fast: a tier fired
	AlertBudget  Alert = "budget"  // so much of the budget is gone
	AlertAbsence Alert = "absence" // nothing is counted
)

// Episode is one incident of one alert: from the first signal until none is left. Within it a faster tier, or a higher
// share of the budget, is told once; a slower one is silent.
type Episode struct {
	ID string `json:"id"`
	Key
	Alert      Alert          `json:"alert"`
	Signal     string         `json:"signal"` // the strongest that was told: "14.4 over 1h0m0s and 5m0s", "50%"
	Level      int64          `json:"level"`  // orders signals of an alert: a burn rate, or a share of the budget
	Severity   tenon.Severity `json:"severity"`
	Text       string         `json:"text"`     // which window fired, with its numbers
	Resolves   string         `json:"resolves"` // what would end it
	OpenedAt   time.Time      `json:"opened_at"`
	ToldAt     time.Time      `json:"told_at"` // of the strongest signal
	ResolvedAt time.Time      `json:"resolved_at,omitzero"`
	Version    int            `json:"version"` // of the objective
}

// Override lets releases pass although the policy holds them, until it expires.
type Override struct {
	ID        string    `json:"id"`
	Reason    string    `json:"reason"`
	By        string    `json:"by"`
	CreatedAt time.Time `json:"created_at"`
	Until     time.Time `json:"until"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
}

func (o Override) active(now time.Time) bool { return o.EndedAt.IsZero() && now.Before(o.Until) }

// Freeze is whether releases are frozen, and why.
type Freeze struct {
	Frozen  bool      `json:"frozen"`
	ID      string    `json:"id,omitempty"` // of this freeze
	Since   time.Time `json:"since,omitzero"`
	Because []Key     `json:"because,omitempty"` // the objectives that froze it and have not recovered
	Thawed  time.Time `json:"thawed,omitzero"`   // when the last freeze ended
}
