package entitlementspg_test

import (
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/migrations"
)

// nextRelease is the present schema and what a later release may add to it: columns that may be null or have a default,
// a table, and indexes built concurrently.
func nextRelease(t *testing.T) migrations.Set {
	t.Helper()
	files := fstest.MapFS{
		"0900_more.up.sql": {Data: []byte(`
alter table tenon.org_entitlements add column seats_note text;
alter table tenon.usage_counters add column peak bigint not null default 0;
alter table tenon.usage_events add column origin text;
alter table tenon.usage_keys add column origin text;
alter table tenon.plans add column note text;
create table tenon.rollovers (
  tenant_id text not null,
  id uuid not null,
  primary key (tenant_id, id));`)},
		"0901_more.up.sql": {Data: []byte(`-- tenon:no-transaction
create index concurrently if not exists usage_counters_end on tenon.usage_counters (period_end);`)},
	}
	present, err := fs.Sub(migrations.FS(), migrations.Entitlements.Name())
	require.NoError(t, err)
	names, err := fs.Glob(present, "*.sql")
	require.NoError(t, err)
	last := 0
	for _, name := range names {
		body, err := fs.ReadFile(present, name)
		require.NoError(t, err)
		files[name] = &fstest.MapFile{Data: body}
		last = max(last, int(name[3]-'0')+10*int(name[2]-'0'))
	}
	renumber(files, last)
	return migrations.NewSet(migrations.Entitlements.Name(), files)
}

// renumber gives the added files the versions after the last.
func renumber(files fstest.MapFS, last int) {
	for i, name := range []string{"0900_more.up.sql", "0901_more.up.sql"} {
		n := last + 1 + i
		body := files[name]
		delete(files, name)
		files[string([]byte{'0', '0', byte('0' + n/10), byte('0' + n%10)})+"_more.up.sql"] = body
	}
}

func TestTheNextReleasesMigrationRunsWhileThisOneWorks(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	g := newGate(pool, nil)
	tenants := []string{subscribe(t, g, "basic"), subscribe(t, g, "basic")}
	stop := hammer(t, g, tenants)
	conn := connected(t, url)
	require.NoError(t, migrations.Apply(t.Context(), conn, nextRelease(t)))

	for _, tenant := range tenants { // everything else that writes, by statements prepared before and after
		allowed(t, g, use(tenant, alarms, 5, ""))
		r, err := g.Reserve(t.Context(), use(tenant, calls, 2, ""), time.Minute)
		require.NoError(t, err)
		_, err = g.Commit(t.Context(), r.Hold, 3)
		require.NoError(t, err)
		_, err = g.Grant(t.Context(), tenant, entitlements.Grant{Feature: mixed, Amount: 5})
		require.NoError(t, err)
		require.NoError(t, g.Record(t.Context(), use(tenant, tasks, 1, "")))
	}
	changed := catalog()
	changed.Plans[0].Name = "Free"
	_, err := g.ApplyCatalog(t.Context(), changed)
	require.NoError(t, err)
	stop()
	for _, tenant := range tenants {
		reconciled(t, g, tenant)
	}
	require.NoError(t, migrations.Apply(t.Context(), conn, migrations.Entitlements), "and this release may start on the next one's schema")
	runOnce(t, entitlementspg.New(pool, nil))
}
