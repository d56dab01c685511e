// Package operating_test tries what docs/operating.md says of every package at once: poolers, replicas, a server that
// stands still, connections, deploys, shutdown, alerts.
package operating_test

import (
	"testing"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// house are all sets.
var house = []migrations.Set{
	migrations.Audit, migrations.Directory, migrations.Entitlements, migrations.Flags, migrations.GDPR, migrations.KPI,
	migrations.Notify, migrations.Ratelimit, migrations.SLO, migrations.Support,
}

// start starts a server of the test's own with the whole house on it.
func start(t *testing.T, opts *pgtest.Options) *pgtest.Server {
	t.Helper()
	return pgtest.Own(t, opts, house...)
}
