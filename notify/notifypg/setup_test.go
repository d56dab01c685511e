package notifypg_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/notify/notifytest"
)

func database(t pgtest.TB) *pgxpool.Pool {
	t.Helper()
	return pgtest.Pool(t, migrations.Notify)
}

func TestStore(t *testing.T) {
	t.Parallel()
	pool := database(t)
	notifytest.TestStore(t, func(*testing.T) notify.Store { return notifypg.New(pool, nil) })
}
