package directory

import (
	"errors"
	"fmt"

	"github.com/transbotai/tenon"
)

// The sentinels of this package. Each wraps one class of package tenon. That a plan's limit is reached, or that a
// required document is missing, is no error: see [Publication].
var (
	// ErrUnknownPartner says that there is no such partner, or not for this tenant, or not for the public.
	ErrUnknownPartner = fmt.Errorf("directory: partner %w", tenon.ErrNotFound)
	// ErrUnknownDocument says that the partner has no document of that kind and version.
	ErrUnknownDocument = fmt.Errorf("directory: document %w", tenon.ErrNotFound)
	// ErrVersion says that somebody saved the draft since it was read. Nothing was written.
	ErrVersion = fmt.Errorf("directory: a newer version is stored: %w", tenon.ErrConflict)
	// ErrStatus says that the partner is not in the state that the call needs: what is published was not submitted.
	ErrStatus = fmt.Errorf("directory: not in a state for this: %w", tenon.ErrConflict)
	// ErrSuperseded says that a newer version of the document is in force.
	ErrSuperseded = fmt.Errorf("directory: a newer version of the document is in force: %w", tenon.ErrConflict)
	// ErrCursor says that a cursor was not made by this directory, or for another search.
	ErrCursor = fmt.Errorf("directory: the cursor is not of this search: %w", tenon.ErrInvalid)
	// ErrInvitation says that an invitation was not made by this directory, or is too old.
	ErrInvitation = fmt.Errorf("directory: the invitation is not valid: %w", tenon.ErrDenied)
)

// prefix names the package once on an error that names a field.
func prefix(err error) error {
	var field *tenon.FieldError
	if err == nil || !errors.As(err, &field) {
		return err
	}
	return fmt.Errorf("directory: %w", err)
}
