package kpi

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/transbotai/tenon"
)

// Definitions is what a file of definitions holds.
type Definitions struct {
	KPIs   []KPI                `json:"kpis,omitempty"`
	Events map[string]EventType `json:"events,omitempty"` // as in a [Registry]
}

// maxDefinitions bounds a file of definitions, in bytes.
const maxDefinitions = 1 << 20

// ParseDefinitions reads definitions from JSON, of at most 1 MiB, and checks them. The names are those of the struct
// fields; lengths of time are texts such as "12h" or "30d". Unknown names are refused.
func ParseDefinitions(r io.Reader) (Definitions, error) {
	d := json.NewDecoder(io.LimitReader(r, maxDefinitions))
	d.DisallowUnknownFields()
	var defs Definitions
	if err := d.Decode(&defs); err != nil {
		return Definitions{}, prefix(asInvalid(err))
	}
	if _, err := d.Token(); err != io.EOF {
		return Definitions{}, prefix(tenon.Invalid("definitions", "do not end after the first document"))
	}
	return defs, prefix(defs.Check())
}

func asInvalid(err error) error {
	return tenon.Invalid("definitions", "%v", err)
}

// Check returns the first fault of d, a [tenon.ErrInvalid] that names the field, or nil.
func (d Definitions) Check() error {
	seen := map[string]bool{}
	for i, k := range d.KPIs {
		if err := k.Check(); err != nil {
			return fmt.Errorf("kpis[%d]: %w", i, err)
		}
		if seen[k.Name] {
			return tenon.Invalid(fmt.Sprintf("kpis[%d].name", i), "%q stands there twice", k.Name)
		}
		seen[k.Name] = true
	}
	return d.Registry().Check()
}

// Registry returns the events as a registry, nil when there are none.
func (d Definitions) Registry() *Registry {
	if len(d.Events) == 0 {
		return nil
	}
	return &Registry{Events: d.Events}
}
