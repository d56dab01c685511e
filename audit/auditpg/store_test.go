package auditpg_test

import (
	"testing"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/audit/audittest"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func TestStore(t *testing.T) {
	t.Parallel()
	audittest.TestStore(t, func(t *testing.T) audit.Store {
		return auditpg.New(pgtest.Pool(t, migrations.Audit), nil)
	})
}
