package ratelimitpg

import (
	"fmt"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
)

// translate gives errors of Postgres and of the connection their class. A statement here is a whole transaction, so one
// that lost its races is unavailable.
func translate(err error) error {
	if pgerr.Retryable(err) || pgerr.Is(err, pgerr.LockNotAvailable) {
		return fmt.Errorf("%w: %w", tenon.ErrUnavailable, err)
	}
	return pgerr.Translate(err, "Ratelimit")
}
