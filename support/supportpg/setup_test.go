package supportpg_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
	"github.com/transbotai/tenon/support/supporttest"
)

func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return pgtest.Pool(t, migrations.Support)
}

// telling are options of a store that writes down what it tells.
var telling = &supportpg.Options{Notifier: pgtest.Notifier, Recorder: pgtest.Recorder}

func TestStore(t *testing.T) {
	t.Parallel()
	supporttest.TestStore(t, func(t *testing.T, n tenon.Notifier, r tenon.Recorder) support.Store {
		return supportpg.New(database(t), &supportpg.Options{
			Notifier: func(pgx.Tx) tenon.Notifier { return n }, Recorder: func(pgx.Tx) tenon.Recorder { return r },
		})
	})
}
