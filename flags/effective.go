package flags

import (
	"encoding/json"
	"maps"
	"slices"
)

// onOff are the variants of a bool flag that names none.
var onOff = []Variant{{"on", json.RawMessage("true")}, {"off", json.RawMessage("false")}}

// variants returns the variants that the flag has, named or not.
func (d *Definition) variants() []Variant {
	if len(d.Variants) == 0 && d.Type == TypeBool {
		return onOff
	}
	return d.Variants
}

func (d *Definition) fallback() string {
	if d.Default == "" && d.Type == TypeBool {
		return "off"
	}
	return d.Default
}

func (d *Definition) serve() Serve {
	if len(d.Rollout.Serve) == 0 && d.Type == TypeBool {
		return Only("on")
	}
	return d.Rollout.Serve
}

func (d *Definition) salt() string {
	if d.Salt == "" {
		return d.Key
	}
	return d.Salt
}

func (d *Definition) variantSalt() string {
	if d.VariantSalt == "" {
		return d.salt() + "/variant"
	}
	return d.VariantSalt
}

// clone returns a copy that shares nothing with d that a caller may change.
func (d *Definition) clone() Definition {
	c, err := copyOf(d)
	if err != nil {
		return *d // it was read from JSON, so it can be written
	}
	c.Version = d.Version
	return c
}

func (s *Segment) clone() Segment {
	c, err := copyOf(s)
	if err != nil {
		return *s
	}
	c.Version = s.Version
	return c
}

func copyOf[T any](v *T) (T, error) {
	var c T
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	return c, err
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
