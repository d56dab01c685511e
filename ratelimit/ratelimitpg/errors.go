package ratelimitpg

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/transbotai/tenon"
)

// The SQLSTATEs that this package tells apart.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	lockNotAvailable     = "55P03"
	readOnly             = "25006" // a standby, after a failover
	undefinedTable       = "42P01"
	undefinedFunction    = "42883"
	invalidSchema        = "3F000"
)

// retryable says whether a statement lost a race and was undone, so that it may run again.
func retryable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == serializationFailure || pg.Code == deadlockDetected)
}

// unavailable are the classes of SQLSTATE that say that the server, not the statement, is at fault: connection,
// insufficient resources, operator intervention, system error.
var unavailable = []string{"08", "53", "57", "58"}

// translate gives errors of Postgres and of the connection their class. What is a caller's own error passes.
func translate(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return fmt.Errorf("%w: %w", tenon.ErrUnavailable, err)
	}
	switch {
	case len(pg.Code) == 5 && slices.Contains(unavailable, pg.Code[:2]),
		slices.Contains([]string{readOnly, lockNotAvailable, serializationFailure, deadlockDetected}, pg.Code):
		return fmt.Errorf("%w: %w", tenon.ErrUnavailable, err)
	case slices.Contains([]string{undefinedTable, undefinedFunction, invalidSchema}, pg.Code):
		return fmt.Errorf("schema tenon is not there: call migrations.Apply with migrations.Ratelimit: %w", err)
	}
	return err
}
