package entitlementspg_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func TestZZStore(t *testing.T) {
	pool := pgtest.Pool(t, migrations.Entitlements)
	entitlementstest.TestStore(t, func(t *testing.T) entitlements.Store { return entitlementspg.New(pool, nil) })
}

var _ = pgx.ErrNoRows
var _ tenon.Notifier
