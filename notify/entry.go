package notify

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// State is how far an [Entry] has come.
type State string

// The states.
const (
	Pending   State = "pending"   // to be delivered, now or later
	Delivered State = "delivered" // taken by the receiver; kept for a time so that its key is known
	Dead      State = "dead"      // given up; see [Outbox.Replay]
)

// Entry is a notification on its way to one destination.
type Entry struct {
	ID          string // UUIDv7
	Destination string
	// Group: entries of one tenant, destination and group are delivered in the order in which they were written, one
	// at a time. Nobody waits for another group.
	Group        string
	Notification tenon.Notification
	Since        time.Time // since when it is to be delivered: written, or replayed
	State        State
	Attempts     int       // that ended, since then
	LastError    string    // of the last attempt; empty when it went well
	SettledAt    time.Time // when it was delivered or given up; zero while it is pending
}

// Ref names an entry.
type Ref struct{ Tenant, ID string }

// Ref returns the name of e.
func (e *Entry) Ref() Ref { return Ref{e.Notification.Tenant, e.ID} }

// Routing says where notifications go. The zero Routing sends each to the destination "default".
type Routing struct {
	// To returns the destinations of a notification; none drops it. Nil: [DefaultDestination].
	To func(n tenon.Notification) []string
	// Group returns within which group of its tenant a notification keeps its place. Nil: the feature that it comes
	// from, which is its kind up to the first dot, so that a freeze is told before its thaw.
	Group func(n tenon.Notification) string
}

// DefaultDestination is where notifications go when nobody says otherwise.
const DefaultDestination = "default"

// maxName bounds the name of a destination or group in bytes.
const maxName = 255

// To returns a function for [Routing] that sends everything to these destinations.
func To(destinations ...string) func(tenon.Notification) []string {
	return func(tenon.Notification) []string { return destinations }
}

// Entries makes the entries that write n at the instant now. Input that cannot be right is a [tenon.FieldError].
func (r Routing) Entries(n tenon.Notification, now time.Time) ([]Entry, error) {
	if err := Check(n); err != nil {
		return nil, err
	}
	to, group := []string{DefaultDestination}, feature(n.Kind)
	if r.To != nil {
		to = slices.Clone(r.To(n))
	}
	if r.Group != nil {
		group = r.Group(n)
	}
	if err := checkText("group", group, maxName); err != nil {
		return nil, err
	}
	now = tenon.Instant(now)
	n.At = tenon.Instant(orTime(n.At, now))
	slices.Sort(to)
	var entries []Entry
	for _, name := range slices.Compact(to) {
		if name == "" {
			return nil, tenon.Invalid("destination", "is empty")
		}
		if err := checkText("destination", name, maxName); err != nil {
			return nil, err
		}
		entries = append(entries, Entry{
			ID: tenon.NewID(now), Destination: name, Group: group, Notification: n, Since: now, State: Pending,
		})
	}
	return entries, nil
}

// All makes the entries that write ns at the instant now, in their order. Input that cannot be right is a
// [tenon.FieldError], and none are made.
func (r Routing) All(ns []tenon.Notification, now time.Time) (entries []Entry, err error) {
	for i := range ns {
		more, err := r.Entries(ns[i], now)
		if err != nil {
			return nil, err
		}
		entries = append(entries, more...)
	}
	return entries, nil
}

// orTime returns t, or other when t is zero.
func orTime(t, other time.Time) time.Time {
	if t.IsZero() {
		return other
	}
	return t
}

func feature(kind string) string {
	name, _, _ := strings.Cut(kind, ".")
	return cmp.Or(name, kind)
}
