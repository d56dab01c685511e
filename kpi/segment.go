package kpi

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/transbotai/tenon"
)

// ForwardKind is the kind of the notification by which an event leaves; its text is the event as [Segment] writes it.
const ForwardKind = "kpi.event"

// track is an event in the shape of Segment's track call.
type track struct {
	Type        string         `json:"type"`
	MessageID   string         `json:"messageId"`
	Event       string         `json:"event"`
	UserID      string         `json:"userId,omitempty"`
	AnonymousID string         `json:"anonymousId,omitempty"` // Segment wants one of the two
	Timestamp   time.Time      `json:"timestamp"`
	Context     trackContext   `json:"context"`
	Properties  map[string]any `json:"properties"`
}

type trackContext struct {
	GroupID string `json:"groupId"` // the tenant
}

// Segment returns e, as a store has it, in the shape of Segment's track call, without the properties that are left out.
// The messageId is the event's id, by which a receiver tells repeats; the tenant is context.groupId, and also the
// anonymousId of an event without a user.
func Segment(e *Event, leftOut ...string) ([]byte, error) {
	t := track{
		Type: "track", MessageID: e.ID, Event: e.Name, UserID: e.User, Timestamp: e.At,
		Context: trackContext{GroupID: e.Tenant}, Properties: map[string]any{},
	}
	if e.User == "" {
		t.AnonymousID = e.Tenant
	}
	for name, v := range e.Properties {
		if !slices.Contains(leftOut, name) {
			t.Properties[name] = v
		}
	}
	return json.Marshal(t)
}

// Forward returns the notification by which e leaves, as a store hands it to an outbox: its text is what [Segment]
// writes. Two of the same event have the same key.
func Forward(e *Event, leftOut ...string) (tenon.Notification, error) {
	text, err := Segment(e, leftOut...)
	return tenon.Notification{
		Key: "kpi/event/" + e.Tenant + "/" + e.ID, Kind: ForwardKind, Tenant: e.Tenant, Severity: tenon.SeverityInfo,
		Title: e.Name, Text: string(text), At: e.ReceivedAt,
	}, err
}

// JSONL returns a notifier that writes every event that leaves as a line of JSON in Segment's shape, whole and at once.
// Other notifications are [tenon.ErrInvalid].
func JSONL(w io.Writer) tenon.Notifier { return &lines{w: w} }

type lines struct {
	mu sync.Mutex
	w  io.Writer
}

// Notify implements [tenon.Notifier].
func (l *lines) Notify(_ context.Context, n tenon.Notification) error {
	if n.Kind != ForwardKind || !json.Valid([]byte(n.Text)) {
		return tenon.Invalid("kind", "%q is no event", n.Kind)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := io.WriteString(l.w, n.Text+"\n")
	return err
}
