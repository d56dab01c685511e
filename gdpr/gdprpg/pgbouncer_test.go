package gdprpg_test

import (
	"testing"

	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/gdpr/gdprtest"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func TestStoreThroughPgBouncer(t *testing.T) {
	t.Parallel()
	pooler := pgtest.Pooler(t)
	for _, mode := range pgtest.ExecModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			gdprtest.TestStore(t, func(t *testing.T) gdpr.Store {
				return gdprpg.New(pgtest.Connect(t, pgtest.Pooled(pooler, pgtest.Database(t, migrations.GDPR), mode)), nil)
			})
		})
	}
}
