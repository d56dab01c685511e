package flags

// Reason says in OpenFeature's words why a flag has its value.
type Reason string

// The reasons.
const (
	ReasonStatic       Reason = "STATIC"              // the flag has one value for everybody
	ReasonDefault      Reason = "DEFAULT"             // nothing matched: the flag's default
	ReasonTarget       Reason = "TARGETING_MATCH"     // the tenant is named, or a rule matched
	ReasonSplit        Reason = "SPLIT"               // the rollout, or weights
	ReasonDisabled     Reason = "DISABLED"            // the kill switch: the caller's default
	ReasonPrerequisite Reason = "PREREQUISITE_FAILED" // another flag must have a variant that it has not: the caller's default
	ReasonError        Reason = "ERROR"               // see the Code: the caller's default
)

// Code says in OpenFeature's words what went wrong.
type Code string

// The codes.
const (
	CodeNone       Code = ""
	CodeNotReady   Code = "PROVIDER_NOT_READY"    // nothing is loaded yet
	CodeNotFound   Code = "FLAG_NOT_FOUND"        // no such flag is stored
	CodeParse      Code = "PARSE_ERROR"           // what is stored cannot be read, and never could
	CodeType       Code = "TYPE_MISMATCH"         // the flag's type is not the one asked for
	CodeKeyMissing Code = "TARGETING_KEY_MISSING" // who has no tenant, or not the attribute that is bucketed by
)

// Cause is the step of the fixed order that decided.
type Cause string

// The causes, in their order.
const (
	CauseError        Cause = "error"
	CauseKillSwitch   Cause = "kill switch"
	CausePrerequisite Cause = "prerequisite"
	CauseTenant       Cause = "tenant"
	CauseRule         Cause = "rule"
	CauseRollout      Cause = "rollout"
	CauseDefault      Cause = "default"
	CauseFixed        Cause = "fixed" // by a test, see [Set.Fix]
)

// Detail is a value and how it came about.
type Detail[T any] struct {
	Key     string `json:"key"`
	Value   T      `json:"value"`
	Variant string `json:"variant,omitempty"` // empty: Value is the caller's default
	Reason  Reason `json:"reason"`
	Cause   Cause  `json:"cause"`
	Rule    int    `json:"rule"`              // the index of the rule that matched, -1 when none did
	RuleID  string `json:"rule_id,omitempty"` // its id, where it has one
	Code    Code   `json:"code,omitempty"`
	Version int64  `json:"version"`         // of the flag; 0 when there is none
	Stale   bool   `json:"stale,omitempty"` // the set answers from its copy on disk
	// Metadata is the flag's, nil when it has none: string, int64, float64 or bool. It is shared and must not be changed.
	Metadata map[string]any `json:"metadata,omitempty"`
}

// step is a Cause as the hot path knows it.
type step uint8

const (
	stepDefault step = iota
	stepStatic
	stepDisabled
	stepPrerequisite
	stepTenant
	stepRule
	stepRuleSplit
	stepRollout
	stepRolloutSplit
	stepKeyMissing
)

var steps = [...]struct {
	cause  Cause
	reason Reason
	code   Code
}{
	stepDefault:      {CauseDefault, ReasonDefault, CodeNone},
	stepStatic:       {CauseDefault, ReasonStatic, CodeNone},
	stepDisabled:     {CauseKillSwitch, ReasonDisabled, CodeNone},
	stepPrerequisite: {CausePrerequisite, ReasonPrerequisite, CodeNone},
	stepTenant:       {CauseTenant, ReasonTarget, CodeNone},
	stepRule:         {CauseRule, ReasonTarget, CodeNone},
	stepRuleSplit:    {CauseRule, ReasonSplit, CodeNone},
	stepRollout:      {CauseRollout, ReasonSplit, CodeNone},
	stepRolloutSplit: {CauseRollout, ReasonSplit, CodeNone},
	stepKeyMissing:   {CauseError, ReasonError, CodeKeyMissing},
}
