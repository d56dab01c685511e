package kpi

import (
	"bytes"
	"encoding/json"
	"time"
)

// Event is something that happened.
type Event struct {
	Tenant string // required; at most 200 bytes
	User   string // who did it; may be empty; at most 200 bytes
	Name   string // required; at most 200 bytes: "quote_sent"
	// Key tells the event from all others of the tenant: an event with a key that is stored already is a
	// [Duplicate], whatever else it says, and changes nothing. Empty: there is none, and a retry would count twice.
	// At most 200 bytes.
	Key string
	// At is when it happened; zero means when it is tracked. From 1970 on, and at most 24 hours ahead.
	At time.Time
	// Properties are written as a JSON object of at most 32 KiB and at most 20 levels. In an event that comes from a
	// store, numbers are [json.Number] and everything else is what package json makes of it.
	Properties map[string]any

	ID         string          // given by the Tracker: a UUIDv7; ids order events that happened at the same instant
	ReceivedAt time.Time       // given by the Tracker
	JSON       json.RawMessage // Properties as they are stored; given by the Tracker
}

// Ref names an event of a tenant by its key.
type Ref struct {
	Tenant string
	Key    string
}

// Outcome is what became of an event.
type Outcome uint8

// The outcomes.
const (
	Accepted    Outcome = iota + 1
	Duplicate           // its key was there already: nothing was written
	Corrected           // it took the place of the event with its key
	Retracted           // the event with its key is gone; the key stays
	Quarantined         // kept aside, with the reason, and not counted
	Unknown             // there is no event with its key to correct or retract
	Spooled             // a [Batcher] keeps it on disk: it will be stored once, when the store is back
)

var outcomeNames = [...]string{"", "accepted", "duplicate", "corrected", "retracted", "quarantined", "unknown", "spooled"}

// String returns "accepted", "duplicate", …
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return ""
}

// MarshalText implements [encoding.TextMarshaler].
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Receipt says what became of an event.
type Receipt struct {
	Outcome Outcome `json:"outcome"`
	ID      string  `json:"id"`               // of the event that is stored; of a [Duplicate] the first one's
	Reason  string  `json:"reason,omitempty"` // of a [Quarantined] event
}

// text returns a property as text, in the form in which groups and filters compare it: a string as it is, a number
// without trailing zeros and with at most 6 decimals, a bool as "true" or "false". Everything else has none, nor has a
// number whose magnitude is over 10^12. A string over 200 bytes is [Long].
func (e *Event) text(name string) (string, bool) {
	switch v := e.Properties[name].(type) {
	case string:
		if len(v) > maxName {
			return Long, true
		}
		return v, true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	case json.Number:
		a, ok := AmountOf(v)
		return a.String(), ok
	}
	return "", false
}

// Long is what a text of more than 200 bytes is taken for when it is compared, or names a group.
const Long = "(long)"

func (e *Event) number(name string) (Amount, bool) {
	n, ok := e.Properties[name].(json.Number)
	if !ok {
		return 0, false
	}
	return AmountOf(n)
}

// group returns what a breakdown by the property puts the event under: "" without one, and where there is no text.
func (e *Event) group(breakdown string) string {
	if breakdown == "" {
		return ""
	}
	s, _ := e.text(breakdown)
	return s
}

// Read sets the properties from the JSON that [Event.JSON] was, as a store does with what it kept.
func (e *Event) Read(properties []byte) error {
	d := json.NewDecoder(bytes.NewReader(properties))
	d.UseNumber()
	e.JSON, e.Properties = properties, nil
	return d.Decode(&e.Properties)
}

// compare orders events: by when they happened, then by id.
func (e *Event) compare(o *Event) int {
	if c := e.At.Compare(o.At); c != 0 {
		return c
	}
	switch {
	case e.ID < o.ID:
		return -1
	case e.ID > o.ID:
		return 1
	}
	return 0
}
