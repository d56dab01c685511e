package notify

import (
	"errors"
	"fmt"
	"time"

	"github.com/transbotai/tenon"
)

// The errors of this package, beside [tenon.FieldError] for input that cannot be right.
var (
	// ErrRefused says that the receiver will never take this notification: trying again is of no use. An [Outbox]
	// makes it a dead letter at once. Notifiers wrap it.
	ErrRefused = fmt.Errorf("notify: the receiver refused: %w", tenon.ErrDenied)
	// ErrNobody says that there was nobody to tell.
	ErrNobody = fmt.Errorf("notify: nobody took the news: %w", tenon.ErrUnavailable)
	// ErrUnknownEntry says that an outbox has no such entry, or not for this tenant.
	ErrUnknownEntry = fmt.Errorf("notify: entry %w", tenon.ErrNotFound)
	// ErrUnfinished says that Run ended while deliveries were under way. They are made again.
	ErrUnfinished = fmt.Errorf("notify: deliveries unfinished: %w", tenon.ErrUnavailable)
	// ErrUnsupported says that the store does not offer what was asked for.
	ErrUnsupported = fmt.Errorf("notify: the store does not offer this: %w", tenon.ErrInvalid)
)

// RetryError is a failure after which the receiver wants to be left alone for a time.
type RetryError struct {
	After time.Duration
	Err   error
}

// Error returns the text of Err, and the time.
func (e *RetryError) Error() string { return fmt.Sprintf("%v (again in %s)", e.Err, e.After) }

// Unwrap returns Err.
func (e *RetryError) Unwrap() error { return e.Err }

// retryAfter returns how long err asks to wait, 0 when it does not say.
func retryAfter(err error) time.Duration {
	var retry *RetryError
	if errors.As(err, &retry) {
		return retry.After
	}
	return 0
}
