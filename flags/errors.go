package flags

import (
	"errors"
	"fmt"

	"github.com/transbotai/tenon"
)

// The sentinels of this package. Each wraps one class of package tenon. A flag that is off, unknown or broken is no
// error: it is a value with a [Reason].
var (
	// ErrUnknownFlag says that no such flag is stored.
	ErrUnknownFlag = fmt.Errorf("flags: flag %w", tenon.ErrNotFound)
	// ErrUnknownSegment says that no such segment is stored.
	ErrUnknownSegment = fmt.Errorf("flags: segment %w", tenon.ErrNotFound)
	// ErrUnknownVersion says that the flag never had that version, or was deleted in it.
	ErrUnknownVersion = fmt.Errorf("flags: version %w", tenon.ErrNotFound)
	// ErrConflict says that somebody wrote a newer version than the one that was edited. Nothing was written.
	ErrConflict = fmt.Errorf("flags: a newer version is stored: %w", tenon.ErrConflict)
	// ErrBehind says that a [Write] was made from an older revision than the stored one. Nothing was written. A [Set]
	// loads what is new and writes again.
	ErrBehind = fmt.Errorf("flags: made from an older revision: %w", tenon.ErrConflict)
	// ErrInUse says that what is to be deleted is named by another flag or segment.
	ErrInUse = fmt.Errorf("flags: still in use: %w", tenon.ErrConflict)
	// ErrNoRamp says that the flag has no ramp, or none in the state that the call needs.
	ErrNoRamp = fmt.Errorf("flags: no ramp to act on: %w", tenon.ErrConflict)
	// ErrNotLoaded says that the set has nothing to answer from: neither the store nor the copy on disk could be read.
	ErrNotLoaded = fmt.Errorf("flags: nothing loaded: %w", tenon.ErrUnavailable)
)

// prefix names the package once on an error that came from below, and leaves this package's own sentinels alone.
func prefix(err error) error {
	var field *tenon.FieldError
	if err == nil || !errors.As(err, &field) {
		return err
	}
	return fmt.Errorf("flags: %w", err)
}
