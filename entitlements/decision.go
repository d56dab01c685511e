package entitlements

import (
	"strconv"
	"time"
)

// Reason says why a decision came out as it did.
type Reason uint8

// The closed set of reasons.
const (
	ReasonNone           Reason = iota // the zero value: no decision was made
	ReasonAllowed                      // within every limit
	ReasonOverSoft                     // allowed, and at or past the soft limit
	ReasonOverage                      // allowed past the hard limit, to be billed
	ReasonNoPlan                       // the tenant has no plan
	ReasonNotInPlan                    // the plan does not grant the feature
	ReasonLimitReached                 // the hard limit and what lies past it are used up
	ReasonTrialEnded                   // the trial is over
	ReasonPastDue                      // a payment is due and the grace is over
	ReasonCanceled                     // the subscription has ended
	ReasonSuspended                    // the subscription is paused, unpaid or incomplete
	ReasonUnknownFeature               // the catalogue has no such feature
	ReasonUnavailable                  // the truth could not be had; the feature's policy decided
)

var reasonNames = [...]string{
	"none", "allowed", "over_soft", "overage", "no_plan", "not_in_plan", "limit_reached", "trial_ended", "past_due",
	"canceled", "suspended", "unknown_feature", "unavailable",
}

var reasonTexts = [...]string{
	"No decision was made.",
	"Included in your plan.",
	"Included in your plan. You have reached its soft limit.",
	"Beyond what your plan includes. It will be billed.",
	"Your company has no plan.",
	"Not in your plan.",
	"The limit of your plan is reached.",
	"Your trial has ended.",
	"A payment is overdue.",
	"Your subscription has ended.",
	"Your subscription is paused or unpaid.",
	"There is no such feature.",
	"This could not be checked just now.",
}

// String returns the reason's name: "limit_reached".
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "Reason(" + strconv.Itoa(int(r)) + ")"
}

// Text returns a sentence for the customer.
func (r Reason) Text() string {
	if int(r) < len(reasonTexts) {
		return reasonTexts[r]
	}
	return r.String()
}

// MarshalText implements [encoding.TextMarshaler].
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// allows says whether the reason is one of those that allow.
func (r Reason) allows() bool { return r >= ReasonAllowed && r <= ReasonOverage }

// Answer tells a known yes and no from an unknown.
type Answer uint8

// The three answers.
const (
	Unknown Answer = iota // the truth could not be had: Allowed is what the feature's policy says
	No
	Yes
)

var answerNames = [...]string{"unknown", "no", "yes"}

// String returns "unknown", "no" or "yes".
func (a Answer) String() string { return answerNames[min(int(a), len(answerNames)-1)] }

// MarshalText implements [encoding.TextMarshaler].
func (a Answer) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Source says what granted the feature, or which part of it decided.
type Source uint8

// The sources.
const (
	FromNothing Source = iota
	FromPlan
	FromTrial
	FromAddOn
	FromOverride
	FromGrant
)

var sourceNames = [...]string{"none", "plan", "trial", "addon", "override", "grant"}

// String returns the source's name: "plan".
func (s Source) String() string { return sourceNames[min(int(s), len(sourceNames)-1)] }

// MarshalText implements [encoding.TextMarshaler].
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Decision says whether a tenant may use a feature, and why. The numbers are those of the window that binds: the one
// that has least left.
type Decision struct {
	Allowed     bool          `json:"allowed"`
	Answer      Answer        `json:"answer"`
	Reason      Reason        `json:"reason"`
	Source      Source        `json:"source"`
	Feature     string        `json:"feature"`
	Plan        string        `json:"plan,omitempty"`
	PlanVersion int           `json:"plan_version,omitempty"`
	Value       string        `json:"value,omitempty"`     // of a Config feature
	Hard        int64         `json:"hard"`                // Unlimited is -1
	Soft        int64         `json:"soft"`                // 0 or Unlimited: there is none
	Used        int64         `json:"used"`                // in the present period, this use included
	Held        int64         `json:"held"`                // by open holds
	Remaining   int64         `json:"remaining"`           // units left of the plan's and of grants; Unlimited is -1
	Overage     int64         `json:"overage"`             // units past Remaining that are allowed, to be billed; Unlimited is -1
	ResetsAt    time.Time     `json:"resets_at,omitzero"`  // when the period ends; zero: never
	Upgrade     string        `json:"upgrade,omitempty"`   // of a refusal: the lowest plan that would allow
	Age         time.Duration `json:"age,omitempty"`       // how old the view was that Check answered from, in nanoseconds; 0: decided by the store
	Replayed    bool          `json:"replayed,omitempty"`  // the key had been accepted before; nothing was counted again
	Spooled     bool          `json:"spooled,omitempty"`   // accepted by policy while the store was away, kept on disk, counted later
	Uncounted   bool          `json:"uncounted,omitempty"` // accepted by policy while the store was away, and there was nowhere to keep it
}

// Text returns a sentence for the customer: the reason, and the plan that would allow.
func (d Decision) Text() string {
	switch {
	case d.Upgrade == "":
		return d.Reason.Text()
	case d.Reason == ReasonLimitReached:
		return d.Reason.Text() + " The plan " + d.Upgrade + " includes more."
	default:
		return d.Reason.Text() + " The plan " + d.Upgrade + " includes it."
	}
}
