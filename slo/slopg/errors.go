package slopg

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
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
)

// retryable says whether a transaction lost a race and may run again.
func retryable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && slices.Contains([]string{serializationFailure, deadlockDetected, lockNotAvailable}, pg.Code)
}

// hosts marks an error of the host's notifier or recorder, which is told as it is.
type hosts struct{ error }

func (h hosts) Unwrap() error { return h.error }

// unavailable are the classes of SQLSTATE that say that the server, not the statement, is at fault: connection,
// insufficient resources, operator intervention, system error.
var unavailable = map[string]bool{"08": true, "53": true, "57": true, "58": true}

// translate gives errors of Postgres and of the connection their class. What is a caller's own error passes.
func translate(err error) error {
	if err == nil || classed(err) || errors.Is(err, context.Canceled) {
		return err
	}
	if own := (hosts{}); errors.As(err, &own) {
		return own.error
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return translateState(pg, err)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	return fmt.Errorf("%w: %w", tenon.ErrUnavailable, err)
}

func translateState(pg *pgconn.PgError, err error) error {
	switch {
	case len(pg.Code) == 5 && unavailable[pg.Code[:2]], pg.Code == readOnly:
		return fmt.Errorf("%w: %w", tenon.ErrUnavailable, err)
	case pg.Code == undefinedTable:
		return fmt.Errorf("schema tenon is not there: call migrations.Apply with migrations.SLO: %w", err)
	}
	return err
}

// classed says whether err already has a class of package tenon.
func classed(err error) bool {
	for _, class := range []error{tenon.ErrNotFound, tenon.ErrConflict, tenon.ErrInvalid, tenon.ErrDenied, tenon.ErrUnavailable} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}
