package tenon

import (
	"context"
	"time"
)

// Severity orders notifications by how soon a person must look.
type Severity string

// The severities, mildest first.
const (
	SeverityInfo     Severity = "info"
	SeverityWarning  Severity = "warning"
	SeverityCritical Severity = "critical"
)

// Notification is something that a person or a system must be told.
type Notification struct {
	// Key identifies the occasion: two notifications with the same Key are the same news, and a receiver keeps one.
	Key      string            `json:"key"`
	Kind     string            `json:"kind"`             // what happened, dotted and lower case: "entitlements.threshold"
	Tenant   string            `json:"tenant,omitempty"` // empty when it concerns no tenant
	Severity Severity          `json:"severity"`
	Title    string            `json:"title"`
	Text     string            `json:"text,omitempty"`
	At       time.Time         `json:"at"`
	Data     map[string]string `json:"data,omitempty"` // the facts, for machines
}

// Notifier delivers notifications. Notify returns when n is safe: delivered, or written to an outbox. It may be called
// again with the same n after an error, so a receiver tells repeats by the Key.
type Notifier interface {
	Notify(ctx context.Context, n Notification) error
}

// BatchNotifier is a [Notifier] that takes several notifications as cheaply as one. NotifyBatch does what Notify would do
// for each, in order; after an error all of them may be told again.
type BatchNotifier interface {
	Notifier
	NotifyBatch(ctx context.Context, ns []Notification) error
}
