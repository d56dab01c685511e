package pgerr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
)

func state(code string) error { return fmt.Errorf("query: %w", &pgconn.PgError{Code: code}) }

func TestTranslate(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"a_connection_that_broke":       io.ErrUnexpectedEOF,
		"a_deadline":                    context.DeadlineExceeded,
		"a_server_that_shuts_down":      state("57P01"),
		"too_many_connections":          state("53300"),
		"a_standby":                     state(pgerr.ReadOnly),
		"what_is_unavailable_by_itself": tenon.ErrUnavailable,
	} {
		t.Run(name+"_is_unavailable", func(t *testing.T) {
			t.Parallel()
			got := pgerr.Translate(err, "SLO")
			require.ErrorIs(t, got, tenon.ErrUnavailable)
			require.ErrorIs(t, got, err)
		})
	}
	for name, err := range map[string]error{
		"nothing":                 nil,
		"a_cancelled_context":     fmt.Errorf("query: %w", context.Canceled),
		"no_rows":                 pgx.ErrNoRows,
		"what_has_a_class":        tenon.Invalid("name", "is empty"),
		"a_deadlock":              state(pgerr.DeadlockDetected),
		"a_serialization_failure": state(pgerr.SerializationFailure),
		"a_duplicate":             state(pgerr.UniqueViolation),
	} {
		t.Run(name+"_passes", func(t *testing.T) {
			t.Parallel()
			require.Equal(t, err, pgerr.Translate(err, "SLO"))
		})
	}
}

func TestTranslateNamesTheSetThatIsMissing(t *testing.T) {
	t.Parallel()
	for _, code := range []string{pgerr.UndefinedTable, pgerr.UndefinedFunction, pgerr.UndefinedSchema} {
		require.ErrorContains(t, pgerr.Translate(state(code), "SLO"), "migrations.Apply with migrations.SLO")
	}
}

func TestTranslateTellsTheHostsErrorAsItIs(t *testing.T) {
	t.Parallel()
	own := errors.New("the host's queue is full")
	require.Equal(t, own, pgerr.Translate(fmt.Errorf("write: %w", pgerr.Hosts(own)), "SLO"))
	require.False(t, pgerr.Data(pgerr.Hosts(state("22021"))), "the value was not ours")
	require.NoError(t, pgerr.Hosts(nil))
}

func TestKinds(t *testing.T) {
	t.Parallel()
	require.True(t, pgerr.Retryable(state(pgerr.DeadlockDetected)))
	require.False(t, pgerr.Retryable(state(pgerr.LockNotAvailable)))
	require.True(t, pgerr.Data(state("22021")))
	require.False(t, pgerr.Data(state(pgerr.UniqueViolation)))
	require.True(t, pgerr.Refused(state(pgerr.UniqueViolation)))
	require.True(t, pgerr.NoPartition(state(pgerr.CheckViolation)))
	require.False(t, pgerr.NoPartition(&pgconn.PgError{Code: pgerr.CheckViolation, ConstraintName: "positive"}))
	require.False(t, pgerr.Retryable(io.EOF))
}
