package migrations

import (
	"fmt"

	"github.com/transbotai/tenon"
)

var (
	// ErrEdited says that a file is not the one that was applied.
	ErrEdited = fmt.Errorf("edited after it was applied: %w", tenon.ErrConflict)
	// ErrGap says that a version is missing below one that is applied.
	ErrGap = fmt.Errorf("applied with a gap: %w", tenon.ErrConflict)
	// ErrNewer says that the database has a version, unknown to this binary, that is marked breaking.
	ErrNewer = fmt.Errorf("the database is newer than this binary can work with: %w", tenon.ErrConflict)
	// ErrInvalidIndex says that a concurrent index was begun earlier and never finished. The message says what to do.
	ErrInvalidIndex = fmt.Errorf("invalid index: %w", tenon.ErrConflict)
	// ErrIndirect says that the connection goes through a pooler, where a file that must run outside a transaction
	// cannot hold its lock.
	ErrIndirect = fmt.Errorf("not a direct connection: %w", tenon.ErrInvalid)
	// ErrFiltered says that row level security hides rows from the current role. See [CheckNotFiltered].
	ErrFiltered = fmt.Errorf("filtered by row level security: %w", tenon.ErrDenied)
)
