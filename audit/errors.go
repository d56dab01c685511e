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
)
