package entitlementspg

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
)

// retryable says whether a transaction lost a race, or waited too long for a lock, and may run again.
func retryable(err error) bool { return pgerr.Retryable(err) || pgerr.Is(err, pgerr.LockNotAvailable) }

// translate gives errors of Postgres and of the connection their class. What is a caller's own error passes, and so does
// what has its class already.
func translate(err error) error {
	switch {
	case errors.Is(err, tenon.ErrUnavailable), errors.Is(err, tenon.ErrInvalid):
		return pgerr.Translate(err, "Entitlements")
	case lacksMonth(err):
		return fmt.Errorf("%w: tenon.usage_events lacks the month's partition: call migrations.Apply or let Run run: %w",
			tenon.ErrUnavailable, err)
	case pgerr.Data(err): // text that Postgres cannot keep
		return fmt.Errorf("%w: %w", tenon.ErrInvalid, err)
	}
	return pgerr.Translate(err, "Entitlements")
}

// lacksMonth says whether an event has no partition. A notifier of the host's may write to partitioned tables of its own.
func lacksMonth(err error) bool {
	var pg *pgconn.PgError
	return pgerr.NoPartition(err) && errors.As(err, &pg) && pg.TableName == "usage_events"
}
