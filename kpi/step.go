package kpi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/transbotai/tenon"
)

// Step says which events fit: those with one of the names that pass every filter.
type Step struct {
	Label  string   `json:"label,omitempty"` // for people; empty: the names
	Events []string `json:"events"`          // 1 to 20 names
	Where  []Filter `json:"where,omitempty"` // at most 10, all of which must hold
}

// On returns the step that events of any of these names fit.
func On(names ...string) Step { return Step{Events: names} }

// If returns a copy of s that filters too.
func (s Step) If(filters ...Filter) Step {
	s.Where = append(slices.Clip(s.Where), filters...)
	return s
}

// Op is what a filter does.
type Op string

// The operators. Equal, NotEqual and In compare texts, so that 5, 5.0 and "5" are equal; the others compare numbers and
// hold for none that is not one. A property that is missing, null, a list or an object has no text: it is not equal to
// anything, and NotEqual holds.
const (
	Equal    Op = "eq"
	NotEqual Op = "ne"
	In       Op = "in"
	Has      Op = "has" // the property has a text
	Greater  Op = "gt"
	AtLeast  Op = "ge"
	Less     Op = "lt"
	AtMost   Op = "le"
)

// Filter is a condition on a property.
type Filter struct {
	Property string   `json:"property"`
	Op       Op       `json:"op"`
	Text     string   `json:"text,omitempty"`   // of Equal and NotEqual; a number as [Amount.String] writes it
	Texts    []string `json:"texts,omitempty"`  // of In; 1 to 100
	Number   Amount   `json:"number,omitempty"` // of the comparisons
}

// Is returns the filter that holds where the property's text is this.
func Is(property, text string) Filter { return Filter{Property: property, Op: Equal, Text: text} }

// Fits says whether the event fits. Its properties are as a [Tracker] left them.
func (s Step) Fits(e *Event) bool {
	return slices.Contains(s.Events, e.Name) &&
		!slices.ContainsFunc(s.Where, func(f Filter) bool { return !f.holds(e) })
}

func (f Filter) holds(e *Event) bool {
	switch f.Op {
	case Equal, NotEqual, In, Has:
		return f.holdsText(e.text(f.Property))
	}
	n, ok := e.number(f.Property)
	if !ok {
		return false
	}
	switch f.Op {
	case Greater:
		return n > f.Number
	case AtLeast:
		return n >= f.Number
	case Less:
		return n < f.Number
	default:
		return n <= f.Number
	}
}

func (f Filter) holdsText(text string, ok bool) bool {
	switch f.Op {
	case Equal:
		return ok && text == f.Text
	case NotEqual:
		return !ok || text != f.Text
	case In:
		return ok && slices.Contains(f.Texts, text)
	default:
		return ok
	}
}

func (s Step) check(field string) error {
	if len(s.Events) < 1 || len(s.Events) > 20 {
		return tenon.Invalid(field+".events", "has %d names, not 1 to 20", len(s.Events))
	}
	for i, name := range s.Events {
		if err := checkName(fmt.Sprintf("%s.events[%d]", field, i), name); err != nil {
			return err
		}
	}
	if err := checkText(field+".label", s.Label); err != nil {
		return err
	}
	if len(s.Where) > 10 {
		return tenon.Invalid(field+".where", "has %d filters, more than 10", len(s.Where))
	}
	for i, f := range s.Where {
		if err := f.check(fmt.Sprintf("%s.where[%d]", field, i)); err != nil {
			return err
		}
	}
	return nil
}

var ops = []Op{Equal, NotEqual, In, Has, Greater, AtLeast, Less, AtMost}

func (f Filter) check(field string) error {
	if err := checkName(field+".property", f.Property); err != nil {
		return err
	}
	if !slices.Contains(ops, f.Op) {
		return tenon.Invalid(field+".op", "%q is not one of %v", f.Op, ops)
	}
	if f.Number < -maxAmount || f.Number > maxAmount { // it could be written and not read again
		return tenon.Invalid(field+".number", "%s is not within ±10^12", f.Number)
	}
	if f.Op == In && (len(f.Texts) < 1 || len(f.Texts) > 100) {
		return tenon.Invalid(field+".texts", "has %d texts, not 1 to 100", len(f.Texts))
	}
	for i, text := range f.Texts {
		if err := checkText(fmt.Sprintf("%s.texts[%d]", field, i), text); err != nil {
			return err
		}
	}
	return checkText(field+".text", f.Text)
}

// String returns the step in words.
func (s Step) String() string {
	words := strings.Join(s.Events, " or ")
	for _, f := range s.Where {
		words += " with " + f.String()
	}
	return words
}

var opWords = map[Op]string{
	Equal: "=", NotEqual: "≠", In: "one of", Has: "present", Greater: ">", AtLeast: "≥", Less: "<", AtMost: "≤",
}

// String returns the filter in words.
func (f Filter) String() string {
	switch f.Op {
	case Has:
		return f.Property + " present"
	case In:
		return fmt.Sprintf("%s one of %q", f.Property, f.Texts)
	case Equal, NotEqual:
		return fmt.Sprintf("%s %s %q", f.Property, opWords[f.Op], f.Text)
	default:
		return fmt.Sprintf("%s %s %s", f.Property, opWords[f.Op], f.Number)
	}
}

// title returns what people call the step.
func (s Step) title() string {
	if s.Label != "" {
		return s.Label
	}
	return s.String()
}

// digest returns the text of v for a key.
func digest(v any) []byte {
	b, _ := json.Marshal(v) // our own types
	return b
}
