package auditpg_test

import (
	"testing"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/audit/audittest"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func TestStoreThroughPgBouncer(t *testing.T) {
	t.Parallel()
	pooler := pgtest.Pooler(t)
	for _, mode := range pgtest.ExecModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			audittest.TestStore(t, func(t *testing.T) audit.Store {
				return auditpg.New(pgtest.Connect(t, pgtest.Pooled(pooler, pgtest.Database(t, migrations.Audit), mode)), nil)
			})
		})
	}
}
