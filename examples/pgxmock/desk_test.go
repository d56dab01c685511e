package pgxmock_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	mock "github.com/pashagolub/pgxmock/v3"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/pgxmock"
)

var quote = pgxmock.Quote{ID: "q1", Tenant: "acme", Lane: "FRA-LHR"}

const limit = 100

func TestAQuoteIsCountedAndKeptInOneTransaction(t *testing.T) {
	t.Parallel()
	desk, db := newDesk(t)
	db.ExpectBegin()
	expectCounter(db, 41, true)
	db.ExpectExec("insert into quotes").WithArgs("q1", "acme", "FRA-LHR").WillReturnResult(mock.NewResult("INSERT", 1))
	expectCommit(db)
	require.NoError(t, desk.Take(t.Context(), quote))
	require.NoError(t, db.ExpectationsWereMet())
}

func TestARefusalRollsBackAndSaysWhy(t *testing.T) {
	t.Parallel()
	desk, db := newDesk(t)
	db.ExpectBegin()
	expectCounter(db, limit, false)
	db.ExpectQuery("join tenon.usage_keys").WithArgs("acme", []string{"quote q1"}).
		WillReturnRows(mock.NewRows([]string{"exists"}).AddRow(false))
	expectRollback(db)
	var refused *pgxmock.Refused
	require.ErrorAs(t, desk.Take(t.Context(), quote), &refused)
	require.Equal(t, entitlements.ReasonLimitReached, refused.Decision.Reason)
	require.EqualValues(t, limit, refused.Decision.Used)
	require.NoError(t, db.ExpectationsWereMet())
}

func TestAFailureToKeepTheQuoteUndoesTheCount(t *testing.T) {
	t.Parallel()
	desk, db := newDesk(t)
	full := errors.New("no space left on device")
	db.ExpectBegin()
	expectCounter(db, 41, true)
	db.ExpectExec("insert into quotes").WithArgs("q1", "acme", "FRA-LHR").WillReturnError(full)
	expectRollback(db)
	require.ErrorIs(t, desk.Take(t.Context(), quote), full)
	require.NoError(t, db.ExpectationsWereMet())
}

// In the caller's transaction a database that is away is an error, whatever the feature's policy: nothing may be let
// through that the commit cannot hold.
func TestADatabaseErrorPassesOn(t *testing.T) {
	t.Parallel()
	desk, db := newDesk(t)
	db.ExpectBegin()
	expectSettling(db).WillReturnError(&pgconn.PgError{Code: "57P01", Message: "terminating connection"})
	expectRollback(db)
	require.ErrorIs(t, desk.Take(t.Context(), quote), tenon.ErrUnavailable)
	require.NoError(t, db.ExpectationsWereMet())
}

// A lost race for locks is the caller's to run again, from the start of its transaction.
func TestASerializationFailurePassesOnAsItIs(t *testing.T) {
	t.Parallel()
	desk, db := newDesk(t)
	db.ExpectBegin()
	expectSettling(db).WillReturnError(&pgconn.PgError{Code: "40001", Message: "could not serialize access"})
	expectRollback(db)
	var failure *pgconn.PgError
	require.ErrorAs(t, desk.Take(t.Context(), quote), &failure)
	require.Equal(t, "40001", failure.Code)
	require.NoError(t, db.ExpectationsWereMet())
}

var rates = entitlements.Feature{Key: "rates", Kind: entitlements.Metered}

// newDesk returns a desk on a mock. Its gate has a store in memory, where it finds the clock and the catalogue; the
// transaction is asked for the rest.
func newDesk(t *testing.T) (*pgxmock.Desk, mock.PgxPoolIface) {
	t.Helper()
	db, err := mock.NewPool()
	require.NoError(t, err)
	t.Cleanup(db.Close)
	gate := entitlements.NewGate(entitlements.NewMemoryStore(nil), nil)
	_, err = gate.ApplyCatalog(t.Context(), entitlements.Catalog{Features: []entitlements.Feature{rates}})
	require.NoError(t, err)
	return pgxmock.NewDesk(db, gate), db
}

// expectCommit lets the transaction end well. pgx.BeginFunc rolls back in the end whatever happened, which a closed
// transaction answers by an error that it ignores.
func expectCommit(db mock.PgxPoolIface) {
	db.ExpectCommit()
	db.ExpectRollback().WillReturnError(pgx.ErrTxClosed)
}

func expectRollback(db mock.PgxPoolIface) {
	db.ExpectRollback()
	db.ExpectRollback().WillReturnError(pgx.ErrTxClosed)
}

// expectSettling expects the one statement that counts a use. The mock cannot ignore arguments, only each by itself.
func expectSettling(db mock.PgxPoolIface) *mock.ExpectedQuery {
	arguments := make([]any, 9)
	for i := range arguments {
		arguments[i] = mock.AnyArg()
	}
	return db.ExpectQuery("insert into tenon.usage_events").WithArgs(arguments...)
}

// expectCounter lets the transaction find acme's counter with so much used, and write an event or not.
func expectCounter(db mock.PgxPoolIface, used int64, written bool) {
	now := time.Now().UTC()
	columns := []string{
		"period", "period_start", "period_end", "used", "held", "granted", "ceiling", "source", "plan_id",
		"plan_version", "hard_limit", "soft_limit", "overage_limit", "spare", "claimed",
	}
	expectSettling(db).WillReturnRows(mock.NewRows(columns).AddRow(
		"month", now.AddDate(0, 0, -9), now.AddDate(0, 0, 20), used, int64(0), int64(0), int64(limit),
		int16(entitlements.FromPlan), "pro", 1, int64(limit), int64(0), int64(0), int64(0), written,
	))
}
