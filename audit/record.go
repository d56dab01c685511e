package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/transbotai/tenon"
)

// Outcome is how what was recorded ended.
type Outcome string

// The outcomes.
const (
	Succeeded Outcome = "succeeded"
	Denied    Outcome = "denied" // the actor may not do this
	Failed    Outcome = "failed"
)

var outcomes = []Outcome{Succeeded, Denied, Failed}

// Target is something that was acted on.
type Target struct {
	Type string `json:"type"` // "quote", or the name of a table
	ID   string `json:"id,omitempty"`
}

// Record says who did what to what. Everything but ID, Tenant, At, Action and Outcome can be redacted later without
// breaking a proof; so put nothing personal into those.
type Record struct {
	ID         string          `json:"id"`     // the UUIDv7 of At, as tenon.NewID makes it; made when empty
	Tenant     string          `json:"tenant"` // whose data was acted on, not whose the actor is; empty: the platform's own
	At         time.Time       `json:"at"`     // in UTC and whole microseconds; zero: now
	Actor      string          `json:"actor,omitempty"`
	OnBehalfOf string          `json:"on_behalf_of,omitempty"`
	Action     string          `json:"action"` // required: "quote.accepted", "UPDATE"
	Targets    []Target        `json:"targets,omitempty"`
	Outcome    Outcome         `json:"outcome"`           // empty: [Succeeded]
	Payload    json.RawMessage `json:"payload,omitempty"` // any JSON value; nil when there is nothing to say
	IP         string          `json:"ip_address,omitempty"`
	UserAgent  string          `json:"user_agent,omitempty"`
	RequestID  string          `json:"request_id,omitempty"`
	TraceID    string          `json:"trace_id,omitempty"`
	// Key makes the record once, however often the call is repeated: a second one of the same tenant and key is the
	// same record if it says the same, else [ErrKeyReused].
	Key string `json:"key,omitempty"`
}

// The most that a record holds.
const (
	MaxPayload = 256 << 10 // bytes of JSON
	MaxTargets = 100
	maxText    = 1024
	maxKey     = 255
)

// isUUID says whether id is a UUID in its usual form, in lower case.
func isUUID(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

// Check returns a [tenon.ErrInvalid] that names the field at fault.
func (r *Record) Check() error {
	if !isUUID(r.ID) {
		return tenon.Invalid("id", "not a UUID in its usual form")
	}
	if y := r.At.Year(); y < 1970 || y > 9999 {
		return tenon.Invalid("at", "the year %d", y)
	}
	if r.Action == "" {
		return tenon.Invalid("action", "required")
	}
	if !slices.Contains(outcomes, r.Outcome) {
		return tenon.Invalid("outcome", "none of %v", outcomes)
	}
	if len(r.Key) > maxKey {
		return tenon.Invalid("key", "longer than %d bytes", maxKey)
	}
	if r.IP != "" {
		if _, err := netip.ParseAddr(r.IP); err != nil {
			return tenon.Invalid("ip_address", "not an address")
		}
	}
	if err := r.checkTexts(); err != nil {
		return err
	}
	if err := r.checkPayload(); err != nil {
		return err
	}
	if ms, err := strconv.ParseInt(r.ID[:8]+r.ID[9:13], 16, 64); err != nil || ms != r.At.UnixMilli() || r.ID[14] != '7' {
		return tenon.Invalid("id", "not a UUIDv7 of the record's time")
	}
	return nil
}

func (r *Record) checkTexts() error {
	if len(r.Targets) > MaxTargets {
		return tenon.Invalid("targets", "more than %d", MaxTargets)
	}
	for _, t := range [...]struct{ field, text string }{
		{"tenant", r.Tenant},
		{"actor", r.Actor},
		{"on_behalf_of", r.OnBehalfOf},
		{"action", r.Action},
		{"user_agent", r.UserAgent},
		{"request_id", r.RequestID},
		{"trace_id", r.TraceID},
		{"key", r.Key},
	} {
		if err := checkText(t.field, t.text); err != nil {
			return err
		}
	}
	for i, t := range r.Targets {
		if err := t.check(); err != nil {
			return tenon.Invalid(fmt.Sprintf("targets[%d].%s", i, err.Field), "%s", err.Reason)
		}
	}
	return nil
}

// check returns what is wrong with a target, or nil.
func (t *Target) check() *tenon.FieldError {
	var field *tenon.FieldError
	switch {
	case t.Type == "":
		return &tenon.FieldError{Field: "type", Reason: "required"}
	case errors.As(checkText("type", t.Type), &field), errors.As(checkText("id", t.ID), &field):
		return field
	}
	return nil
}

// checkText refuses a text that no store would keep.
func checkText(field, text string) error {
	switch {
	case len(text) > maxText:
		return tenon.Invalid(field, "longer than %d bytes", maxText)
	case !utf8.ValidString(text):
		return tenon.Invalid(field, "not valid UTF-8")
	case strings.IndexByte(text, 0) >= 0:
		return tenon.Invalid(field, "the character U+0000")
	}
	return nil
}

// checkYears refuses bounds that no store would keep, and no JSON. The zero time is none.
func checkYears(from, to time.Time) error {
	for _, t := range [...]struct {
		field string
		at    time.Time
	}{{"from", from}, {"to", to}} {
		if y := t.at.Year(); y < 1 || y > 9999 {
			return tenon.Invalid(t.field, "the year %d", y)
		}
	}
	return nil
}

func (r *Record) checkPayload() error {
	if r.Payload == nil {
		return nil
	}
	if len(r.Payload) > MaxPayload {
		return tenon.Invalid("payload", "longer than %d bytes", MaxPayload)
	}
	return flatten(r.Payload, "payload", func(scalar) {})
}
