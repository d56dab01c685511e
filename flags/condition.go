package flags

// Condition is asked of a [Who]. It is exactly one of: All, Any, Not, Segment, or a test of an attribute. A test of an
// attribute that is missing, or of another kind than its operand, is false; Not negates that, as it does all else.
type Condition struct {
	All     []Condition `json:"all,omitempty"` // at least one
	Any     []Condition `json:"any,omitempty"` // at least one
	Not     *Condition  `json:"not,omitempty"`
	Segment string      `json:"segment,omitempty"`

	Attr   string `json:"attr,omitempty"` // [TenantAttr] is the tenant
	Op     Op     `json:"op,omitempty"`
	Value  any    `json:"value,omitempty"`  // text, a number or a truth, as Op says
	Values []any  `json:"values,omitempty"` // in place of Value where Op takes several
}

// Op is how a condition compares an attribute with its operand.
type Op string

// The operators.
const (
	OpEqual  Op = "equal" // text, a number below 2^53 or a truth
	OpIn     Op = "in"    // equal to one of Values
	OpNotIn  Op = "not_in"
	OpExists Op = "exists" // takes no operand

	OpLess    Op = "lt" // numbers
	OpAtMost  Op = "le"
	OpGreater Op = "gt"
	OpAtLeast Op = "ge"

	OpDateLess    Op = "date_lt" // instants: [Time], or text as in RFC 3339; a date alone is its midnight in UTC
	OpDateAtMost  Op = "date_le"
	OpDateGreater Op = "date_gt"
	OpDateAtLeast Op = "date_ge"

	OpVersionEqual   Op = "semver_eq" // text; versions as in semver.org 2.0.0, a leading v and missing parts are let pass
	OpVersionLess    Op = "semver_lt"
	OpVersionAtMost  Op = "semver_le"
	OpVersionGreater Op = "semver_gt"
	OpVersionAtLeast Op = "semver_ge"

	OpPrefix   Op = "prefix" // text; several Values: one of them
	OpSuffix   Op = "suffix"
	OpContains Op = "contains"
	OpMatches  Op = "matches" // a regular expression of package regexp, at most 512 bytes
	OpCIDR     Op = "cidr"    // an IP address within one of the networks
)
