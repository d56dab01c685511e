package tenon

import (
	"context"
	"time"
)

// Instant returns t as every store keeps it: UTC, truncated to microseconds.
func Instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Clock is what a store offers whose clock several machines share. Services go by it where there is one, and by their own
// machine's where there is none.
type Clock interface {
	// Clock returns the store's present time.
	Clock(ctx context.Context) (time.Time, error)
}

// Starter is what a store offers that can tell that work in the background would go wrong; Run asks it first.
type Starter interface {
	// Start returns an error of the class [ErrDenied] when work across tenants would not see them all.
	Start(ctx context.Context) error
}
