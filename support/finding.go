package support

import (
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Severity is how bad a finding is.
type Severity string

// The severities, worst first.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
)

var severities = []Severity{Critical, High, Medium, Low}

func (s Severity) check() error {
	if !slices.Contains(severities, s) {
		return tenon.Invalid("severity", "%q is not one of critical, high, medium and low", string(s))
	}
	return nil
}

// FindingState is what becomes of a finding.
type FindingState string

// The states of a finding.
const (
	FindingOpen     FindingState = "open"
	FindingAccepted FindingState = "accepted" // its risk is, until a day; then it is open again
	FindingFixed    FindingState = "fixed"
)

// Acceptance is a risk that somebody answers for.
type Acceptance struct {
	Approver string    `json:"approver"`
	Until    time.Time `json:"until"`
	Reason   string    `json:"reason"`
}

// Finding is a weakness that a pen test or a scan found.
type Finding struct {
	Ref
	Title    string         `json:"title"`
	Detail   string         `json:"detail,omitempty"`
	Severity Severity       `json:"severity"`
	Source   string         `json:"source,omitempty"` // "pen test 2026-03"
	FoundAt  time.Time      `json:"found_at"`
	State    FindingState   `json:"state"`
	Due      time.Time      `json:"due"`   // when it is to be fixed; as it was, once it is fixed
	Since    time.Time      `json:"since"` // what Due counts from: found, or reopened
	FixedAt  time.Time      `json:"fixed_at,omitzero"`
	Accepted *Acceptance    `json:"accepted,omitempty"` // while it is accepted
	ToldLate bool           `json:"told_late,omitempty"`
	History  []FindingEvent `json:"history"`
	Overdue  bool           `json:"overdue"`          // as of when it was read; a store does not keep it
	Lapsed   bool           `json:"lapsed,omitempty"` // accepted until a time that has passed, as of when it was read
}

// FindingEvent is one line of a finding's history.
type FindingEvent struct {
	At       time.Time    `json:"at"`
	By       string       `json:"by,omitempty"`
	State    FindingState `json:"state"` // after it
	Severity Severity     `json:"severity"`
	Reason   string       `json:"reason,omitempty"`
	Approver string       `json:"approver,omitempty"`
	Until    time.Time    `json:"until,omitzero"`
}

// at returns the finding as of now: an acceptance that has ended leaves it open.
func (f Finding) at(now time.Time, days map[Severity]int) Finding {
	if f.State == FindingAccepted && !now.Before(f.Accepted.Until) {
		f.State, f.Lapsed = FindingOpen, true
	}
	if f.State != FindingFixed {
		f.Due = dueAfter(f.Since, days[f.Severity])
	}
	f.Overdue = f.State == FindingOpen && !now.Before(f.Due) || f.State == FindingFixed && f.FixedAt.After(f.Due)
	return f
}

func dueAfter(since time.Time, days int) time.Time { return since.AddDate(0, 0, days) }
