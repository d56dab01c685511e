package kpi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/transbotai/tenon"
)

// Registry says which events there are. A [Tracker] with one takes no others.
type Registry struct {
	Events map[string]EventType `json:"events"` // by name
}

// EventType says which properties an event has.
type EventType struct {
	Description string                  `json:"description,omitempty"`
	Properties  map[string]PropertyType `json:"properties,omitempty"`
	// Open lets an event have properties that are not named here.
	Open bool `json:"open,omitempty"`
}

// PropertyType says what a property is.
type PropertyType struct {
	Type     ValueType `json:"type"`
	Required bool      `json:"required,omitempty"` // null counts as missing
	Personal bool      `json:"personal,omitempty"` // is about a person: see [Registry.Personal]
}

// ValueType is the type of a property.
type ValueType string

// The types.
const (
	TypeText   ValueType = "text"
	TypeNumber ValueType = "number" // of a magnitude of at most 10^12
	TypeBool   ValueType = "bool"
	TypeAny    ValueType = "any"
)

var valueTypes = []ValueType{TypeText, TypeNumber, TypeBool, TypeAny}

// Check returns the first fault of r, a [tenon.ErrInvalid] that names the field, or nil.
func (r *Registry) Check() error {
	if r == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(r.Events)) {
		field := fmt.Sprintf("events[%q]", name)
		if err := checkName(field, name); err != nil {
			return err
		}
		for _, property := range slices.Sorted(maps.Keys(r.Events[name].Properties)) {
			p := r.Events[name].Properties[property]
			if err := checkName(field+".properties", property); err != nil {
				return err
			}
			if !slices.Contains(valueTypes, p.Type) {
				return tenon.Invalid(fmt.Sprintf("%s.properties[%q].type", field, property), "%q is not one of %v", p.Type, valueTypes)
			}
		}
	}
	return nil
}

// Personal returns which properties of an event are about a person, sorted: what an audit log or an outbox leaves out.
func (r *Registry) Personal(event string) []string {
	var names []string
	if r == nil {
		return nil
	}
	for name, p := range r.Events[event].Properties {
		if p.Personal {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// admit returns why the registry does not know e, which is prepared, or nil.
func (r *Registry) admit(e *Event) error {
	if r == nil {
		return nil
	}
	t, ok := r.Events[e.Name]
	if !ok {
		return tenon.Invalid("name", "%q is not registered", e.Name)
	}
	if err := e.Read(e.JSON); err != nil {
		return tenon.Invalid("properties", "%v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Properties)) {
		v := e.Properties[name]
		if v == nil && t.Properties[name].Required {
			return tenon.Invalid("properties."+name, "is missing")
		}
		if v != nil && !t.Properties[name].Type.admits(v) {
			return tenon.Invalid("properties."+name, "is no %s", t.Properties[name].Type)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Properties)) {
		if _, known := t.Properties[name]; !known && !t.Open {
			return tenon.Invalid("properties", "%q is not registered", name)
		}
	}
	return nil
}

func (t ValueType) admits(v any) bool {
	switch v := v.(type) {
	case string:
		return t == TypeText || t == TypeAny
	case bool:
		return t == TypeBool || t == TypeAny
	case json.Number:
		_, ok := AmountOf(v)
		return t == TypeNumber && ok || t == TypeAny
	}
	return t == TypeAny
}
