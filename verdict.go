package tenon

import "context"

// Outcome is what a [Guard] says.
type Outcome string

// The outcomes.
const (
	Pass Outcome = "pass" // go on
	Hold Outcome = "hold" // stay where you are: a signal is bad, or data is missing
	Fail Outcome = "fail" // go back
)

// Verdict is an [Outcome] and why.
type Verdict struct {
	Outcome Outcome  `json:"outcome"`
	Reasons []string `json:"reasons,omitempty"` // in words that a person on call understands
}

// Guard says whether something may go on: a rollout, a release. An error means that the guard could not tell, which a
// caller treats as [Hold].
type Guard interface {
	Guard(ctx context.Context) (Verdict, error)
}
