package gdpr

import (
	"errors"
	"fmt"

	"github.com/transbotai/tenon"
)

// The sentinels of requests. Each wraps one class of package tenon.
var (
	// ErrUnknownRequest says that there is no such request, or not for this caller.
	ErrUnknownRequest = fmt.Errorf("gdpr: request %w", tenon.ErrNotFound)
	// ErrUnknownHold says that there is no such hold, or that it was released.
	ErrUnknownHold = fmt.Errorf("gdpr: hold %w", tenon.ErrNotFound)
	// ErrUnknownFile says that an export is not ready, or was removed.
	ErrUnknownFile = fmt.Errorf("gdpr: file %w", tenon.ErrNotFound)
	// ErrNotYours says that a company asked for another's data.
	ErrNotYours = fmt.Errorf("gdpr: the data of another company: %w", tenon.ErrDenied)
	// ErrNobody says that the context names nobody who acts: see [tenon.WithCaller].
	ErrNobody = fmt.Errorf("gdpr: nobody is known to ask: %w", tenon.ErrDenied)
	// ErrLink says that a link was changed, is of another key, or has expired.
	ErrLink = fmt.Errorf("gdpr: the link is not valid, or no longer: %w", tenon.ErrDenied)
	// ErrOpen says that a request of this kind for this subject is under way. The request is returned with it.
	ErrOpen = fmt.Errorf("gdpr: there is such a request already: %w", tenon.ErrConflict)
	// ErrState says that the request is past, or not yet at, what was asked for it.
	ErrState = fmt.Errorf("gdpr: not in this state of the request: %w", tenon.ErrConflict)
	// ErrTooLate says that an extension came after the first month, or a second time.
	ErrTooLate = fmt.Errorf("gdpr: too late: %w", tenon.ErrConflict)
	// ErrHeld says that a legal hold forbids to delete. See [HeldError].
	ErrHeld = fmt.Errorf("gdpr: a legal hold: %w", tenon.ErrConflict)
)

// errLost says that another instance has taken the work over.
var errLost = fmt.Errorf("gdpr: the lease is over: %w", tenon.ErrConflict)

// HeldError is an [ErrHeld] that says which holds.
type HeldError struct{ Holds []Hold }

// Error names the holds and why they were placed.
func (e *HeldError) Error() string {
	text := ErrHeld.Error()
	for _, h := range e.Holds {
		text += fmt.Sprintf("; hold %s: %s", h.ID, h.Reason)
	}
	return text
}

// Unwrap returns [ErrHeld].
func (e *HeldError) Unwrap() error { return ErrHeld }

// prefix names the package once on an error that names a field.
func prefix(err error) error {
	var field *tenon.FieldError
	if err == nil || !errors.As(err, &field) {
		return err
	}
	return fmt.Errorf("gdpr: %w", err)
}
