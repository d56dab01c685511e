package tenon

import (
	"context"
	"encoding/json"
	"time"
)

// Change is a change that somebody made to what the system is set to do: a plan moved, a flag switched, a limit
// overridden. The one who made it is the [Caller] in the context.
type Change struct {
	Tenant string          `json:"tenant,omitempty"` // whose setting it is; empty for settings of the whole system
	Action string          `json:"action"`           // dotted and lower case: "entitlements.plan_changed"
	Target string          `json:"target"`           // type and id: "plan/pro"
	Before json.RawMessage `json:"before,omitempty"` // nil when there was nothing
	After  json.RawMessage `json:"after,omitempty"`  // nil when nothing is left
	Reason string          `json:"reason,omitempty"` // in the words of the one who made it
	At     time.Time       `json:"at"`
}

// Recorder keeps changes. It is called in the transaction that makes the change, and its error undoes the change.
type Recorder interface {
	RecordChange(ctx context.Context, c Change) error
}
