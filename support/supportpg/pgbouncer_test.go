package supportpg_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
	"github.com/transbotai/tenon/support/supporttest"
)

func TestStoreThroughPgBouncer(t *testing.T) {
	t.Parallel()
	pooler := pgtest.Pooler(t)
	for _, mode := range pgtest.ExecModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			supporttest.TestStore(t, func(t *testing.T, n tenon.Notifier, r tenon.Recorder) support.Store {
				pool := pgtest.Connect(t, pgtest.Pooled(pooler, pgtest.Database(t, migrations.Support), mode))
				return supportpg.New(pool, &supportpg.Options{
					Notifier: func(pgx.Tx) tenon.Notifier { return n }, Recorder: func(pgx.Tx) tenon.Recorder { return r },
				})
			})
		})
	}
}
