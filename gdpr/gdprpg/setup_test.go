package gdprpg_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return pgtest.Pool(t, migrations.GDPR)
}

var secret = gdpr.NewSecret("a secret of more than thirty-two bytes")

// A busy machine is given time.
const (
	patience = 30 * time.Second
	tick     = 2 * time.Millisecond
)

var asked = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// deletion returns a new one for a company.
func deletion(tenant string) gdpr.Deletion {
	return gdpr.Deletion{ID: tenon.NewID(asked), Subject: tenon.Subject{Tenant: tenant}, At: asked}
}
