package operating_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/audit/audittest"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/directory/directorytest"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/gdpr/gdprtest"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/notify/notifytest"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
	"github.com/transbotai/tenon/slo/slotest"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
	"github.com/transbotai/tenon/support/supporttest"
)

// modes are those of pgx that prepare no statement under a name, as PgBouncer before 1.21 requires. Values go as text
// in the simple protocol, which is the harder way; the others are for the long run.
func modes() []string {
	if soak() {
		return []string{"cache_describe", "exec", "simple_protocol"}
	}
	return []string{"simple_protocol"}
}

// pooled opens a database through the pooler.
type pooled func(t *testing.T, set migrations.Set) *pgxpool.Pool

// suites are those of the stores whose own packages do not run them through a pooler.
var suites = map[string]func(t *testing.T, open pooled){
	"auditpg": func(t *testing.T, open pooled) {
		audittest.TestStore(t, func(t *testing.T) audit.Store { return auditpg.New(open(t, migrations.Audit), nil) })
	},
	"directorypg": func(t *testing.T, open pooled) {
		directorytest.TestStore(t, func(t *testing.T) directory.Store {
			return directorypg.New(open(t, migrations.Directory), nil)
		})
	},
	"gdprpg": func(t *testing.T, open pooled) {
		gdprtest.TestStore(t, func(t *testing.T) gdpr.Store { return gdprpg.New(open(t, migrations.GDPR), nil) })
	},
	"notifypg": func(t *testing.T, open pooled) {
		notifytest.TestStore(t, func(t *testing.T) notify.Store { return notifypg.New(open(t, migrations.Notify), nil) })
	},
	"slopg": func(t *testing.T, open pooled) {
		slotest.TestStore(t, func(t *testing.T) slo.Store { return slopg.New(open(t, migrations.SLO), nil) })
	},
	"supportpg": func(t *testing.T, open pooled) {
		supporttest.TestStore(t, func(t *testing.T, n tenon.Notifier, r tenon.Recorder) support.Store {
			return supportpg.New(open(t, migrations.Support), &supportpg.Options{
				Notifier: func(pgx.Tx) tenon.Notifier { return n }, Recorder: func(pgx.Tx) tenon.Recorder { return r },
			})
		})
	},
}

func TestStoresThroughPgBouncer(t *testing.T) {
	t.Parallel()
	pooler := pgtest.PgBouncer(t, pgtest.Shared(t), pgtest.AnyDatabase, map[string]string{"default_pool_size": "4"})
	for _, mode := range modes() {
		open := func(t *testing.T, set migrations.Set) *pgxpool.Pool {
			t.Helper()
			url := pgtest.Through(pooler, pgtest.Database(t, set))
			return connect(t, url+"&pool_max_conns=12&default_query_exec_mode="+mode)
		}
		for name, suite := range suites {
			t.Run(name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				suite(t, open)
			})
		}
	}
}
