package gdprpg

import (
	"fmt"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
)

// translate gives errors of Postgres and of the connection their class. What is a caller's own error passes.
func translate(err error) error {
	if pgerr.Is(err, pgerr.InsufficientPrivilege) {
		return fmt.Errorf("%w: %w", tenon.ErrDenied, err)
	}
	return pgerr.Translate(err, "GDPR")
}
