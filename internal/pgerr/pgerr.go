// Package pgerr tells the errors of Postgres, and of the connection to it, in the classes of package tenon. The adapters
// with the suffix pg stand on it, so that the same failure is the same error in each.
package pgerr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/transbotai/tenon"
)

// The SQLSTATEs that adapters tell apart (PostgreSQL, appendix A).
const (
	CheckViolation        = "23514" // also a row that no partition takes; then no constraint is named
	DeadlockDetected      = "40P01"
	InsufficientPrivilege = "42501"
	LockNotAvailable      = "55P03"
	ReadOnly              = "25006" // a standby, after a failover
	SerializationFailure  = "40001"
	UndefinedFunction     = "42883"
	UndefinedSchema       = "3F000"
	UndefinedTable        = "42P01"
	UniqueViolation       = "23505"
)

// Is says whether err holds an error of the server with one of the codes.
func Is(err error, codes ...string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && slices.Contains(codes, pg.Code)
}

// Retryable says whether a transaction lost a race and was undone, so that it may run again.
func Retryable(err error) bool { return Is(err, SerializationFailure, DeadlockDetected) }

// Data says whether the server refused a value of ours: class 22, data exception, such as text that it cannot keep.
func Data(err error) bool { return !errors.As(err, new(hosts)) && inClass(err, "22") }

// Refused says whether the server refused a value or a row: class 22, and 23, integrity violation.
func Refused(err error) bool { return inClass(err, "22", "23") }

// NoPartition says whether a row was refused since no partition takes it.
func NoPartition(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == CheckViolation && pg.ConstraintName == ""
}

func inClass(err error, classes ...string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && slices.ContainsFunc(classes, func(c string) bool { return strings.HasPrefix(pg.Code, c) })
}

// hosts marks an error of a host's own code.
type hosts struct{ error }

func (h hosts) Unwrap() error { return h.error }

// Hosts marks an error of the host's notifier or recorder, which [Translate] tells as it is. Nil stays nil.
func Hosts(err error) error {
	if err == nil {
		return nil
	}
	return hosts{err}
}

// Translate gives err its class. What has one, what the host's own code said, context.Canceled and pgx.ErrNoRows pass,
// and so do 40001 and 40P01, which a transaction's owner must handle. A server that cannot answer, a standby and a
// broken connection are [tenon.ErrUnavailable]; a table, function or schema that is not there is told with the set of
// migrations, such as "SLO", that brings it.
func Translate(err error, set string) error {
	if own := (hosts{}); errors.As(err, &own) {
		return own.error
	}
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	var pg *pgconn.PgError
	switch {
	case classed(err):
		return err
	case !errors.As(err, &pg), inClass(err, unavailable...), pg.Code == ReadOnly:
		return fmt.Errorf("%w: %w", tenon.ErrUnavailable, err)
	case Is(err, UndefinedTable, UndefinedFunction, UndefinedSchema):
		return fmt.Errorf("schema tenon is not there: call migrations.Apply with migrations.%s: %w", set, err)
	}
	return err
}

// unavailable are the classes of SQLSTATE that say that the server, not the statement, is at fault: connection,
// insufficient resources, operator intervention, system error.
var unavailable = []string{"08", "53", "57", "58"}

// classed says whether err already has a class of package tenon.
func classed(err error) bool {
	classes := []error{tenon.ErrNotFound, tenon.ErrConflict, tenon.ErrInvalid, tenon.ErrDenied, tenon.ErrUnavailable}
	return slices.ContainsFunc(classes, func(class error) bool { return errors.Is(err, class) })
}
