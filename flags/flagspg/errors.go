package flagspg

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
)

// translate gives errors of Postgres and of the connection their class. What is a caller's own error passes.
func translate(err error) error {
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("tenon.flags_revision has lost its row: %w", err)
	case pgerr.Data(err): // text that Postgres cannot keep
		return fmt.Errorf("%w: %w", tenon.ErrInvalid, err)
	}
	return pgerr.Translate(err, "Flags")
}
