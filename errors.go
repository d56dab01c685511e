package tenon

import (
	"errors"
	"fmt"
)

// The classes of error. Every sentinel and every typed error of this module wraps exactly one of them, so that one
// switch over these five maps any package to HTTP: 404, 409, 400, 403, 503. A refusal (a limit is reached, a flag is
// off) is a value and never an error.
var (
	// ErrNotFound says that what was named does not exist, or not for this tenant.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that the call contradicts what is stored: a key used for something else, a newer version.
	ErrConflict = errors.New("conflict")
	// ErrInvalid says that the input cannot be right whatever is stored. Nothing was written. See [FieldError].
	ErrInvalid = errors.New("invalid")
	// ErrDenied says that the caller may not do this.
	ErrDenied = errors.New("denied")
	// ErrUnavailable says that the answer cannot be had now. Unless the error says otherwise the outcome is unknown.
	ErrUnavailable = errors.New("unavailable")
)

// FieldError is an [ErrInvalid] that names the field at fault.
type FieldError struct {
	Field  string // as the caller spells it: "quantity", "plans[2].features.rates.soft"
	Reason string // lower case, without the value when that may be secret
}

// Invalid returns a [*FieldError] for field; the reason is formatted as by [fmt.Sprintf].
func Invalid(field, format string, args ...any) error {
	return &FieldError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// Error returns the field and the reason.
func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

// Unwrap returns [ErrInvalid].
func (e *FieldError) Unwrap() error { return ErrInvalid }
