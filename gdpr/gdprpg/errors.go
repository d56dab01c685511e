package gdprpg

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/internal/pgerr"
)

// translate gives errors of Postgres and of the connection their class. What is a caller's own error passes.
func translate(err error) error {
	if pgerr.Is(err, pgerr.InsufficientPrivilege) {
		return fmt.Errorf("%w: %w", tenon.ErrDenied, err)
	}
	return pgerr.Translate(err, "GDPR")
}

// malformed says whether the server could not read a value as the type that a column has.
func malformed(err error) bool { return pgerr.Data(err) }

// missing tells that a row is not there.
func missing(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return gdpr.ErrUnknownRequest
	}
	return err
}
