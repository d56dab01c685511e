package entitlementspg

import (
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
)

// instant scans a timestamptz that may be null or infinite: both read as the zero time.
type instant struct{ to *time.Time }

// at returns a scan target for t.
func at(t *time.Time) *instant { return &instant{t} }

// ScanTimestamptz lets pgx fill the target without an intermediate value.
func (i *instant) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*i.to = time.Time{}
	case time.Time:
		*i.to = tenon.Instant(v)
	case string: // infinity and -infinity have no time.Time
		*i.to = time.Time{}
	default:
		return errors.New("not a timestamptz")
	}
	return nil
}

// null returns t for a column that is null when there is none.
func null(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// collect reads all rows by scan.
func collect[T any](rows pgx.Rows, err error, scan func(pgx.CollectableRow) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}
