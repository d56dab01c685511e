package ratelimit

import (
	"fmt"

	"github.com/transbotai/tenon"
)

// The sentinels of this package. Each wraps one class of package tenon.
var (
	// ErrNever says that waiting does not help: the units are more than the limit ever gives at once.
	ErrNever = fmt.Errorf("ratelimit: more than the limit: %w", tenon.ErrInvalid)
	// ErrTooLate says that the caller's context ends before the units are free.
	ErrTooLate = fmt.Errorf("ratelimit: not free before the deadline: %w", tenon.ErrUnavailable)
	// ErrNotReservable says that the limit has no future to reserve: calendar windows, concurrency, several limits at
	// once, and limits in a store.
	ErrNotReservable = fmt.Errorf("ratelimit: limit cannot be reserved: %w", tenon.ErrInvalid)
)

// invalid returns a [*tenon.FieldError] with this package's prefix.
func invalid(field, format string, args ...any) error {
	return fmt.Errorf("ratelimit: %w", tenon.Invalid(field, format, args...))
}
