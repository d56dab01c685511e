package auditpg_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// shaped returns a database with a watched table public.things.
func shaped(t *testing.T, table string, opts *auditpg.WatchOptions) *pgxpool.Pool {
	t.Helper()
	pool := pgtest.Pool(t, migrations.Audit)
	pgtest.Exec(t, pool, "create table public.things ("+table+")")
	require.NoError(t, auditpg.Watch(t.Context(), pool, "public.things", opts))
	return pool
}

func TestRowsThatAreSharedAreThePlatformsOwn(t *testing.T) {
	t.Parallel()
	pool := shaped(t, "code text primary key, tenant_id text", &auditpg.WatchOptions{Shared: true})
	pgtest.Exec(t, pool, "insert into things values ('EUR', 'acme')")
	pgtest.Exec(t, pool, "update things set tenant_id = 'bolt'")
	pgtest.Exec(t, pool, "truncate things")
	pgtest.Exec(t, pool, "truncate things")
	require.Equal(t, []told{
		{"", "", "INSERT", "public.things", "EUR", `{"after": {"code": "EUR", "tenant_id": "acme"}}`},
		{"", "", "UPDATE", "public.things", "EUR", `{"after": {"tenant_id": "bolt"}, "before": {"tenant_id": "acme"}}`},
		{"", "", "TRUNCATE", "public.things", "", `{"rows": 1, "summary": true}`},
		{"", "", "TRUNCATE", "public.things", "", `{"rows": 0, "summary": true}`},
	}, trail(t, pool))
}

func TestManyRowsThatAreSharedMayBeSummarised(t *testing.T) {
	t.Parallel()
	pool := shaped(t, "code text primary key, rate int", &auditpg.WatchOptions{Shared: true, BulkOver: 1})
	for _, sql := range []string{
		"insert into things values ('EUR', 1), ('USD', 1), ('PLN', 1)", "update things set rate = 2", "delete from things where code <> 'EUR'",
	} {
		pgtest.Exec(t, pool, sql)
	}
	require.Equal(t, []told{
		{"", "", "INSERT", "public.things", "", `{"rows": 3, "summary": true}`},
		{"", "", "UPDATE", "public.things", "", `{"rows": 3, "summary": true}`},
		{"", "", "DELETE", "public.things", "", `{"rows": 2, "summary": true}`},
	}, trail(t, pool))
}

func TestARowIsNamedByItsKeyOrByThatOfTheOptions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		table string
		key   []string
		want  string
	}{
		"the_primary_key_without_the_tenant": {"tenant_id text, a int, b text, primary key (tenant_id, a, b)", nil, "7/x"},
		"a_key_of_the_tenant_alone":          {"tenant_id text primary key, a int, b text", nil, "acme"},
		"what_the_options_say":               {"tenant_id text, a int primary key, b text", []string{"b", "a"}, "x/7"},
		"no_key":                             {"tenant_id text, a int, b text", nil, ""},
	} {
		pool := shaped(t, c.table, &auditpg.WatchOptions{Key: c.key})
		pgtest.Exec(t, pool, "insert into things (tenant_id, a, b) values ('acme', 7, 'x')")
		require.Equal(t, c.want, last(t, pool).ID, name)
	}
}

func TestWithoutAPrimaryKeyAnUpdateBelowTheBoundIsADeleteAndAnInsert(t *testing.T) {
	t.Parallel()
	pool := shaped(t, "tenant_id text, n int", &auditpg.WatchOptions{BulkOver: 5})
	pgtest.Exec(t, pool, "insert into things values ('acme', 1)")
	pgtest.Exec(t, pool, "update things set n = 2")
	pgtest.Exec(t, pool, "update things set n = null, tenant_id = null")
	pgtest.Exec(t, pool, "update things set n = 3")
	require.ElementsMatch(t, []told{
		{"acme", "", "INSERT", "public.things", "", `{"after": {"n": 1, "tenant_id": "acme"}}`},
		{"acme", "", "DELETE", "public.things", "", `{"before": {"n": 1, "tenant_id": "acme"}}`},
		{"acme", "", "INSERT", "public.things", "", `{"after": {"n": 2, "tenant_id": "acme"}}`},
		{"acme", "", "DELETE", "public.things", "", `{"before": {"n": 2, "tenant_id": "acme"}}`},
		{"", "", "INSERT", "public.things", "", `{"after": {"n": null, "tenant_id": null}}`},
		{"", "", "DELETE", "public.things", "", `{"before": {"n": null, "tenant_id": null}}`},
		{"", "", "INSERT", "public.things", "", `{"after": {"n": 3, "tenant_id": null}}`},
	}, trail(t, pool))
}

func TestOfATableOfIgnoredColumnsItIsToldThatARowCameAndWent(t *testing.T) {
	t.Parallel()
	pool := shaped(t, "tenant_id text primary key, n int", &auditpg.WatchOptions{
		Columns: map[string]audit.Policy{"tenant_id": audit.Ignore, "n": audit.Ignore},
	})
	pgtest.Exec(t, pool, "insert into things values ('acme', 1)")
	pgtest.Exec(t, pool, "update things set n = 2")
	pgtest.Exec(t, pool, "delete from things")
	require.Equal(t, []told{
		{"acme", "", "INSERT", "public.things", "acme", `{"after": {}}`},
		{"acme", "", "DELETE", "public.things", "acme", `{"before": {}}`},
	}, trail(t, pool))
}

func TestAnArrayIsStoredAsOneWhereARecordCanHoldIt(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t, migrations.Audit)
	pgtest.Exec(t, pool, `create type public.mood as enum ('sad', 'glad')`)
	pgtest.Exec(t, pool, `create type public.pair as (left_side jsonb, right_side int)`)
	pgtest.Exec(t, pool, `create table public.things (tenant_id text, id int primary key, tags varchar(9)[], sizes numeric[], ids uuid[],
moods public.mood[], docs jsonb[], raws json[], pairs public.pair[])`)
	require.NoError(t, auditpg.Watch(t.Context(), pool, "public.things", nil))
	deep := strings.Repeat(`{"a":`, 80) + "1" + strings.Repeat("}", 80)
	pgtest.Exec(t, pool, `
insert into things values ('acme', 1, '{a,NULL,"b c"}', '{{1,2.50},{NaN,4}}', '{01938a00-0000-7000-8000-000000000001}', '{glad}',
  array[$1::text::jsonb], array['{"a":"\u0000"}'::json, '{"a":1,"a":2}'::json], array[row($1::text::jsonb, 7)::public.pair])`, deep)
	var payload struct{ After map[string]any }
	text := last(t, pool).Payload
	require.NoError(t, json.Unmarshal([]byte(text), &payload))
	require.Equal(t, []any{"a", nil, "b c"}, payload.After["tags"])
	require.Equal(t, []any{[]any{1.0, 2.5}, []any{"NaN", 4.0}}, payload.After["sizes"])
	require.Equal(t, []any{"01938a00-0000-7000-8000-000000000001"}, payload.After["ids"])
	require.Equal(t, []any{"glad"}, payload.After["moods"])
	for _, name := range []string{"docs", "raws", "pairs"} {
		require.IsType(t, "", payload.After[name], "what may nest, or hold what jsonb cannot, is a text: %s", name)
	}
	record := audit.Record{ID: tenon.NewID(testTime), At: testTime, Action: "x", Outcome: audit.Succeeded, Payload: json.RawMessage(text)}
	require.NoError(t, record.Check())
	pgtest.Exec(t, pool, `update things set raws = '{}', docs = '{}', pairs = '{}', tags = '{}'`)
	require.Contains(t, last(t, pool).Payload, `"tags": []`)
}

func TestATargetMayBeCalledAnything(t *testing.T) {
	t.Parallel()
	const odd = `$audit$ "it's" \ $auditx$ $table`
	pool := shaped(t, "tenant_id text primary key", &auditpg.WatchOptions{Target: odd})
	pgtest.Exec(t, pool, "insert into things values ('acme')")
	require.Equal(t, odd, last(t, pool).Target)
	require.Empty(t, drifts(t, pool))
}
