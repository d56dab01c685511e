package support

import (
	"errors"
	"fmt"

	"github.com/transbotai/tenon"
)

// The sentinels of this package. Each wraps one class of package tenon.
var (
	// ErrUnknownTicket says that the tenant has no such ticket.
	ErrUnknownTicket = fmt.Errorf("support: ticket %w", tenon.ErrNotFound)
	// ErrUnknownFinding says that the tenant has no such finding.
	ErrUnknownFinding = fmt.Errorf("support: finding %w", tenon.ErrNotFound)
	// ErrUnknownTour says that no such tour was defined.
	ErrUnknownTour = fmt.Errorf("support: tour %w", tenon.ErrNotFound)
	// ErrUnknownTimer says that there is no such timer, or none that was given up.
	ErrUnknownTimer = fmt.Errorf("support: timer %w", tenon.ErrNotFound)
	// ErrTransition says that the ticket or finding is in a state from which it cannot go there.
	ErrTransition = fmt.Errorf("support: transition not allowed: %w", tenon.ErrConflict)
	// ErrTaken says that the id is that of another ticket or finding.
	ErrTaken = fmt.Errorf("support: the id is taken: %w", tenon.ErrConflict)
	// ErrStale says that the rules were changed since they were read.
	ErrStale = fmt.Errorf("support: the rules were changed meanwhile: %w", tenon.ErrConflict)
	// ErrAlwaysClosed says that a calendar has no hours: nothing would ever be due.
	ErrAlwaysClosed = fmt.Errorf("support: the calendar is always closed: %w", tenon.ErrInvalid)
	// ErrLost says that a timer was taken back, moved, or claimed by another worker while it was worked on. Nothing
	// of the work was kept.
	ErrLost = fmt.Errorf("support: the timer is no longer held: %w", tenon.ErrConflict)
	// ErrUnfinished says that Run ended while timers were worked on. They fire again.
	ErrUnfinished = fmt.Errorf("support: timers unfinished: %w", tenon.ErrUnavailable)
	// ErrUnsupported says that the store does not offer what was asked for.
	ErrUnsupported = fmt.Errorf("support: the store does not offer this: %w", tenon.ErrInvalid)
)

// prefix names the package once on an error that names a field.
func prefix(err error) error {
	var field *tenon.FieldError
	if err == nil || errors.Is(err, ErrAlwaysClosed) || !errors.As(err, &field) {
		return err
	}
	return fmt.Errorf("support: %w", err)
}
