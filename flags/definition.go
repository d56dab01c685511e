package flags

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"
)

// Type is the type of a flag's values.
type Type string

// The types.
const (
	TypeBool   Type = "bool"
	TypeString Type = "string"
	TypeInt    Type = "int"   // 64 bits, signed
	TypeFloat  Type = "float" // 64 bits, finite
	TypeJSON   Type = "json"  // any JSON value
)

// Definition is one flag as it is stored. Its JSON form is what [ParseDefinition] reads. It is evaluated in a fixed
// order: the kill switch, the prerequisites, the tenants, the rules, the rollout, the default.
type Definition struct {
	Key         string `json:"key"`
	Description string `json:"description,omitempty"`
	Type        Type   `json:"type"`

	// Disabled is the kill switch: everybody gets the default in the caller's code, tenants that are named too.
	Disabled bool `json:"disabled,omitempty"`
	// Variants in their order; at most 60. A bool flag may have none, which gives it "on" and "off".
	Variants []Variant `json:"variants,omitempty"`
	// Default is the variant where nothing else decides. A bool flag may leave it out, which means "off"; another flag
	// may as well, which means the default in code.
	Default string `json:"default,omitempty"`

	Prerequisites []Prerequisite `json:"prerequisites,omitempty"` // all must hold
	// Tenants names the variant of single tenants.
	Tenants map[string]string `json:"tenants,omitempty"`
	Rules   []Rule            `json:"rules,omitempty"` // the first that matches decides
	Rollout *Rollout          `json:"rollout,omitempty"`

	// By is the attribute that is bucketed; empty and [TenantAttr] mean the tenant.
	By string `json:"by,omitempty"`
	// Salt spreads the rollout; empty means the key. Flags with one salt reach the same tenants at the same percentage.
	Salt string `json:"salt,omitempty"`
	// VariantSalt spreads weights; empty means the salt followed by "/variant".
	VariantSalt string `json:"variant_salt,omitempty"`

	Owner      string    `json:"owner,omitempty"`
	Expires    time.Time `json:"expires,omitzero"` // after it the flag is stale; it is evaluated all the same
	NeverStale bool      `json:"never_stale,omitempty"`

	// Metadata is handed on with every answer: text, numbers and truths. It means nothing to a Set.
	Metadata map[string]json.RawMessage `json:"metadata,omitempty"`

	// Version is the stored version that this is, or was made from. It is no part of the JSON form.
	Version int64 `json:"-"`
}

// Variant is a named value.
type Variant struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

// Prerequisite asks that another flag gives one of Variants to the same tenant.
type Prerequisite struct {
	Flag     string   `json:"flag"`
	Variants []string `json:"variants"`
}

// Rule serves variants to those who match a condition.
type Rule struct {
	ID    string    `json:"id,omitempty"` // for people; unique where it is given
	If    Condition `json:"if"`
	Serve Serve     `json:"serve"`
}

// Serve is one variant, or several by weight. In JSON one variant is written as its name.
type Serve []Weight

// Weight is the part of a variant. The parts of a Serve add up to at most 1<<31 - 1.
type Weight struct {
	Variant string `json:"variant"`
	Weight  int64  `json:"weight"` // not negative
}

// Only returns a Serve of one variant.
func Only(variant string) Serve { return Serve{{Variant: variant, Weight: 1}} }

// MarshalJSON implements [json.Marshaler].
func (s Serve) MarshalJSON() ([]byte, error) {
	if len(s) == 1 && s[0].Weight == 1 {
		return json.Marshal(s[0].Variant)
	}
	return json.Marshal([]Weight(s))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (s *Serve) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*s = Only("")
		return json.Unmarshal(b, &(*s)[0].Variant)
	}
	return strict(b, (*[]Weight)(s))
}

// Rollout serves variants to a percentage of tenants. Cohorts nest: who is in at 5 % is in at 50 %, for ever.
type Rollout struct {
	// Percent, from 0 to 100, in steps of 0.0001. With a Ramp, its present stage counts instead.
	Percent float64 `json:"percent"`
	Serve   Serve   `json:"serve,omitempty"` // what those within get; a bool flag may leave it out, which means "on"
	// Extra names tenants that are in whatever their bucket.
	Extra []string `json:"extra,omitempty"`
	// Rings names segments whose tenants are in whatever their bucket.
	Rings []string  `json:"rings,omitempty"`
	Ramp  *Schedule `json:"ramp,omitempty"`
}

// Segment is a condition with a name, which rules, rings and other segments use.
type Segment struct {
	Key         string    `json:"key"`
	Description string    `json:"description,omitempty"`
	If          Condition `json:"if"`

	// Version is the stored version that this is, or was made from. It is no part of the JSON form.
	Version int64 `json:"-"`
}

// errTrailing says that something follows the value.
var errTrailing = errors.New("something follows")

// strict reads b, which is one value, and refuses unknown names.
func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if len(bytes.TrimSpace(b[d.InputOffset():])) > 0 {
		return errTrailing
	}
	return nil
}
