package notifypg_test

import (
	"testing"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/notify/notifytest"
)

func TestStoreThroughPgBouncer(t *testing.T) {
	t.Parallel()
	pooler := pgtest.Pooler(t)
	for _, mode := range pgtest.ExecModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.Connect(t, pgtest.Pooled(pooler, pgtest.Database(t, migrations.Notify), mode))
			notifytest.TestStore(t, func(*testing.T) notify.Store { return notifypg.New(pool, nil) })
		})
	}
}

// A statement that is described apart from where it is executed is not for a pooler.
func TestStoreWhoseStatementsAreDescribedFirst(t *testing.T) {
	t.Parallel()
	pool := pgtest.Connect(t, pgtest.Database(t, migrations.Notify)+"&default_query_exec_mode=describe_exec")
	notifytest.TestStore(t, func(*testing.T) notify.Store { return notifypg.New(pool, nil) })
}
