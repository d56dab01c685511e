package operating_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func TestZZLock(t *testing.T) {
	url := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	require.NoError(t, migrations.Apply(t.Context(), conn, firstRelease(t)...))
	pool := connect(t, url)
	s := open(t, pool, patience)
	prepare(t, s, "acme")
	began := time.Now()
	execute(t, pool, `alter table tenon.org_entitlements set unlogged`)
	cols := one[string](t, pool, `select string_agg(quote_ident(attname), ', ') from pg_attribute where attrelid = 'tenon.org_entitlements'::regclass and attnum > 0 and not attisdropped and attname <> 'tenant_id'`)
	execute(t, pool, fmt.Sprintf(`insert into tenon.org_entitlements (tenant_id, %s) select 'tenant-' || n, %s from tenon.org_entitlements e, generate_series(1, 10000000) n where e.tenant_id = 'acme'`, cols, cols))
	fmt.Println("filled", time.Since(began), one[int](t, pool, "select count(*) from tenon.org_entitlements"))
	for _, set := range house {
		began = time.Now()
		require.NoError(t, migrations.Apply(t.Context(), conn, set))
		fmt.Println("apply", set.Name(), time.Since(began))
	}
}
