package entitlementspg_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func TestStoreBills(t *testing.T) {
	t.Parallel()
	entitlementstest.TestBilling(t, func(t *testing.T, n tenon.Notifier) entitlementstest.BillingStore {
		pool := pgtest.Pool(t, migrations.Entitlements)
		return entitlementspg.New(pool, &entitlementspg.Options{Notifier: func(pgx.Tx) tenon.Notifier { return n }})
	})
}
