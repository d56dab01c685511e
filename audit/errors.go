package audit

import (
	"fmt"

	"github.com/transbotai/tenon"
)

// The sentinels of this package. Each wraps one class of package tenon.
var (
	// ErrTampered says that what is stored is not what was sealed. The error's text says which record or range.
	ErrTampered = fmt.Errorf("audit: tampered with: %w", tenon.ErrConflict)
	// ErrUnknownRecord says that there is no such record, or not of this tenant.
	ErrUnknownRecord = fmt.Errorf("audit: record %w", tenon.ErrNotFound)
	// ErrNotSealed says that the record is not in the tree yet, or not in one as small as was asked for.
	ErrNotSealed = fmt.Errorf("audit: record not sealed: %w", tenon.ErrConflict)
	// ErrKeyReused says that the tenant used the key for a different record.
	ErrKeyReused = fmt.Errorf("audit: key used for another record: %w", tenon.ErrConflict)
	// ErrFull says that the queue has no room. The record was not taken.
	ErrFull = fmt.Errorf("audit: queue full: %w", tenon.ErrUnavailable)
	// ErrHeld says that a legal hold keeps what was to be redacted.
	ErrHeld = fmt.Errorf("audit: kept by a legal hold: %w", tenon.ErrConflict)
	// ErrUnknownHold says that there is no such hold, or that it was released.
	ErrUnknownHold = fmt.Errorf("audit: hold %w", tenon.ErrNotFound)
	// ErrUnsupported says that the store cannot do this: it is no [Sealer], no [Notary] or no [Retainer], or the log has
	// no Signer.
	ErrUnsupported = fmt.Errorf("audit: not supported by this log: %w", tenon.ErrConflict)
)
