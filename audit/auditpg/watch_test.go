package auditpg_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

const quotes = `
create table public.quotes (
  company text not null,
  id int not null,
  price numeric,
  note text,
  email text,
  api_key text,
  seen timestamptz,
  extra jsonb,
  raw json,
  primary key (company, id)
)`

// watching returns a database with a watched table.
func watching(t *testing.T, opts *auditpg.WatchOptions) *pgxpool.Pool {
	t.Helper()
	pool := pgtest.Pool(t, migrations.Audit)
	pgtest.Exec(t, pool, quotes)
	if opts == nil {
		opts = &auditpg.WatchOptions{}
	}
	opts.Tenant = "company"
	require.NoError(t, auditpg.Watch(t.Context(), pool, "public.quotes", opts))
	return pool
}

// told is a record as a trigger wrote it.
type told struct {
	Tenant, Actor, Action, Target, ID, Payload string
}

// trail returns the records, oldest first.
func trail(t *testing.T, pool *pgxpool.Pool) []told {
	t.Helper()
	rows, err := pool.Query(t.Context(), `
select tenant_id, actor, action, target, target_id, coalesce(payload::text, '')
from tenon.audit_log
order by ts, tenant_id, target_id, action`)
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[told])
	require.NoError(t, err)
	return list
}

func last(t *testing.T, pool *pgxpool.Pool) told {
	t.Helper()
	list := trail(t, pool)
	require.NotEmpty(t, list)
	return list[len(list)-1]
}

func TestATriggerRecordsEachOperation(t *testing.T) {
	t.Parallel()
	pool := watching(t, nil)
	pgtest.Exec(t, pool, "insert into quotes (company, id, price, note) values ('acme', 1, 10.50, 'a')")
	pgtest.Exec(t, pool, "update quotes set price = 11, note = 'b' where id = 1")
	pgtest.Exec(t, pool, "delete from quotes")
	list := trail(t, pool)
	require.Len(t, list, 3)
	for i, action := range []string{"INSERT", "UPDATE", "DELETE"} {
		require.Equal(t, []string{"acme", "", action, "public.quotes", "1"},
			[]string{list[i].Tenant, list[i].Actor, list[i].Action, list[i].Target, list[i].ID}, "no actor is known")
	}
	whole := `{"company": "acme", "id": 1, "price": %s, "note": "%s", "email": null, "api_key": null, "seen": null, "extra": null, "raw": null}`
	require.JSONEq(t, `{"after": `+strings.NewReplacer("%s", "x").Replace(strings.Replace(strings.Replace(whole, "%s", "10.50", 1), "%s", "a", 1))+`}`, list[0].Payload)
	require.JSONEq(t, `{"before": {"price": 10.50, "note": "a"}, "after": {"price": 11, "note": "b"}}`, list[1].Payload)
	require.JSONEq(t, `{"before": `+strings.Replace(strings.Replace(whole, "%s", "11", 1), "%s", "b", 1)+`}`, list[2].Payload)
}

func TestAnUpdateThatChangesNothingIsNotRecorded(t *testing.T) {
	t.Parallel()
	pool := watching(t, &auditpg.WatchOptions{Columns: map[string]audit.Policy{"seen": audit.Ignore}})
	pgtest.Exec(t, pool, `insert into quotes (company, id, price, raw) values ('acme', 1, 1, '{"a":1}')`)
	pgtest.Exec(t, pool, "update quotes set price = price")
	pgtest.Exec(t, pool, "update quotes set price = 1.000")
	pgtest.Exec(t, pool, "update quotes set seen = now()")
	pgtest.Exec(t, pool, "update quotes set note = 'x' where false")
	require.Len(t, trail(t, pool), 1)
}

func TestARowThatMovesLeavesOneTenantAndEntersAnother(t *testing.T) {
	t.Parallel()
	pool := watching(t, nil)
	pgtest.Exec(t, pool, "insert into quotes (company, id, note) values ('acme', 1, 'theirs')")
	pgtest.Exec(t, pool, "update quotes set company = 'bolt', note = 'ours'")
	list := trail(t, pool)
	require.Len(t, list, 3)
	require.Equal(t, []string{"acme", "DELETE"}, []string{list[1].Tenant, list[1].Action})
	require.NotContains(t, list[1].Payload, "ours")
	require.Equal(t, []string{"bolt", "INSERT"}, []string{list[2].Tenant, list[2].Action})
	require.NotContains(t, list[2].Payload, "theirs")
}

func TestRowsThatMoveInBulkAreToldToWhomTheyLeave(t *testing.T) {
	t.Parallel()
	pool := watching(t, &auditpg.WatchOptions{BulkOver: 1})
	pgtest.Exec(t, pool, "insert into quotes (company, id) values ('acme', 1), ('acme', 2), ('acme', 3)")
	before := len(trail(t, pool))
	pgtest.Exec(t, pool, "update quotes set company = 'bolt' where id < 3")
	require.Equal(t, []told{
		{"acme", "", "UPDATE", "public.quotes", "", `{"rows": 2, "summary": true}`},
		{"bolt", "", "UPDATE", "public.quotes", "", `{"rows": 2, "summary": true}`},
	}, trail(t, pool)[before:])
}

func TestTruncateIsRecordedForEachTenant(t *testing.T) {
	t.Parallel()
	pool := watching(t, nil)
	pgtest.Exec(t, pool, "insert into quotes (company, id) values ('acme', 1), ('acme', 2), ('bolt', 1)")
	pgtest.Exec(t, pool, "truncate quotes")
	list := trail(t, pool)[3:]
	require.Equal(t, []told{
		{"acme", "", "TRUNCATE", "public.quotes", "", `{"rows": 2, "summary": true}`},
		{"bolt", "", "TRUNCATE", "public.quotes", "", `{"rows": 1, "summary": true}`},
	}, list)
}

func TestPoliciesSayWhatIsStoredOfAColumn(t *testing.T) {
	t.Parallel()
	tryPolicies(t, []byte("a key of sixteen bytes, or a few more than that"))
	tryPolicies(t, bytes.Repeat([]byte("a key longer than a block "), 4))
}

func tryPolicies(t *testing.T, key []byte) {
	t.Helper()
	pool := watching(t, &auditpg.WatchOptions{
		Columns:   map[string]audit.Policy{"note": audit.Redact, "email": audit.Digest, "extra": audit.Ignore},
		DigestKey: key,
	})
	pgtest.Exec(t, pool, `insert into quotes (company, id, note, email, api_key, extra) values ('acme', 1, 'private', 'ann@acme.test', 's3cret', '{"x": 1}')`)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("ann@acme.test"))
	var payload struct{ After map[string]any }
	text := last(t, pool).Payload
	require.NoError(t, json.Unmarshal([]byte(text), &payload))
	require.Equal(t, "hmac-sha256:"+hex.EncodeToString(mac.Sum(nil)), payload.After["email"], "as audit.Digest has it")
	require.Equal(t, "[redacted]", payload.After["note"])
	require.Equal(t, "[redacted]", payload.After["api_key"], "the name speaks of a secret")
	require.NotContains(t, text, "extra")
	for _, secret := range []string{"private", "ann@", "s3cret"} {
		require.NotContains(t, text, secret)
	}
	pgtest.Exec(t, pool, "update quotes set email = null, note = 'other'")
	require.JSONEq(t, `{"before": {"email": "hmac-sha256:`+hex.EncodeToString(mac.Sum(nil))+`", "note": "[redacted]"},
"after": {"email": null, "note": "[redacted]"}}`, last(t, pool).Payload)
}

func TestWhileAnErasureRunsKeysAloneAreRecorded(t *testing.T) {
	t.Parallel()
	pool := watching(t, nil)
	pgtest.Exec(t, pool, "insert into quotes (company, id, email) values ('acme', 1, 'ann@acme.test'), ('acme', 2, 'ann@acme.test')")
	tx, err := auditpg.BeginTx(t.Context(), pool, auditpg.TxOptions{Erasure: "e-1"})
	require.NoError(t, err)
	pgtest.Exec(t, tx, "update quotes set email = null where id = 1")
	pgtest.Exec(t, tx, "delete from quotes where id = 2")
	require.NoError(t, tx.Commit(t.Context()))
	list := trail(t, pool)[2:]
	require.Equal(t, []told{
		{"acme", "", "UPDATE", "public.quotes", "1", `{"erasure_id": "e-1"}`},
		{"acme", "", "DELETE", "public.quotes", "2", `{"erasure_id": "e-1"}`},
	}, list)
	pgtest.Exec(t, pool, "update quotes set note = 'after' where id = 1")
	require.Contains(t, last(t, pool).Payload, "after", "the next transaction is none of the erasure")
}

func TestManyRowsOfOneStatementMayBeSummarised(t *testing.T) {
	t.Parallel()
	pool := watching(t, &auditpg.WatchOptions{BulkOver: 3})
	pgtest.Exec(t, pool, "insert into quotes (company, id, price) values ('acme', 1, 1), ('bolt', 1, 1)")
	pgtest.Exec(t, pool, "update quotes set price = 2 where company = 'acme'")
	pgtest.Exec(t, pool, "update quotes set price = 2 where company = 'acme'")
	pgtest.Exec(t, pool, "update quotes set id = 5 where company = 'bolt'")
	var actions []string
	for _, r := range trail(t, pool) {
		actions = append(actions, r.Tenant+" "+r.Action+" "+r.ID)
	}
	require.ElementsMatch(t, []string{"acme INSERT 1", "bolt INSERT 1", "acme UPDATE 1", "bolt DELETE 1", "bolt INSERT 5"}, actions)
	pgtest.Exec(t, pool, "insert into quotes (company, id) select 'acme', i from generate_series(10, 12) i")
	require.Len(t, trail(t, pool), 8, "no more than the bound")
	for _, sql := range []string{
		"insert into quotes (company, id) select c, i from unnest('{acme,bolt}'::text[]) c, generate_series(20, 22) i",
		"update quotes set price = 3 where id >= 20", "delete from quotes where id >= 20",
	} {
		before := len(trail(t, pool))
		pgtest.Exec(t, pool, sql)
		list := trail(t, pool)[before:]
		require.Len(t, list, 2, sql)
		for i, tenant := range []string{"acme", "bolt"} {
			require.Equal(t, []string{tenant, "", `{"rows": 3, "summary": true}`}, []string{list[i].Tenant, list[i].ID, list[i].Payload}, sql)
		}
	}
}

func TestARecordFitsWhateverTheRowHolds(t *testing.T) {
	t.Parallel()
	pool := watching(t, nil)
	deep := strings.Repeat(`{"a":`, 80) + "1" + strings.Repeat("}", 80)
	pgtest.Exec(t, pool, "insert into quotes (company, id, extra, raw) values ('acme', 1, $1::text::jsonb, '{\"a\":1,\"a\":2,\"b\":\"\\u0000\"}')", deep)
	pgtest.Exec(t, pool, "insert into quotes (company, id, price) values ('acme', 2, 'NaN')")
	pgtest.Exec(t, pool, "insert into quotes (company, id, note) values ('acme', 3, repeat(E'\\u0001', 100000))")
	require.JSONEq(t, `{"too_large": true, "columns": ["api_key", "company", "email", "extra", "id", "note", "price", "raw", "seen"]}`, last(t, pool).Payload)
	for _, r := range trail(t, pool) {
		record := audit.Record{ID: tenon.NewID(testTime), At: testTime, Action: "x", Outcome: audit.Succeeded, Payload: json.RawMessage(r.Payload)}
		require.NoError(t, record.Check())
	}
}

func TestWhoMayWriteToTheTableNeedsNoRightToTheLog(t *testing.T) {
	t.Parallel()
	pool := watching(t, nil)
	theirs := pgtest.Role(t, pool, "app")
	pgtest.Exec(t, pool, "grant select, insert on quotes to "+theirs.Config().ConnConfig.User)
	pgtest.Exec(t, theirs, "set search_path = pg_temp; create temp table audit_log (x int); insert into public.quotes (company, id) values ('acme', 1)")
	require.Equal(t, "INSERT", last(t, pool).Action)
	_, err := theirs.Exec(t.Context(), "select tenon."+functionOf(t, pool)+"()")
	require.Error(t, err)
}

func TestWatchingAgainTakesInNewColumns(t *testing.T) {
	t.Parallel()
	pool := watching(t, nil)
	require.Empty(t, drifts(t, pool))
	pgtest.Exec(t, pool, `alter table quotes add column "odd ""name'" text`)
	require.Equal(t, []auditpg.DriftKind{auditpg.ColumnAdded}, kinds(drifts(t, pool)))
	require.NoError(t, auditpg.Watch(t.Context(), pool, "quotes", &auditpg.WatchOptions{Tenant: "company"}))
	require.Empty(t, drifts(t, pool))
	pgtest.Exec(t, pool, `insert into quotes (company, id, "odd ""name'") values ('acme', 1, 'v')`)
	require.Contains(t, last(t, pool).Payload, `"odd \"name'": "v"`)
}

func TestAPartitionIsWatchedWithItsTable(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t, migrations.Audit)
	pgtest.Exec(t, pool, `create table readings (tenant_id text, id int, v int, primary key (tenant_id, id)) partition by range (id);
create table readings_1 partition of readings for values from (0) to (10)`)
	require.NoError(t, auditpg.Watch(t.Context(), pool, "public.readings", nil))
	pgtest.Exec(t, pool, "insert into readings_1 values ('acme', 1, 1)")
	require.Equal(t, "public.readings", last(t, pool).Target)
	pgtest.Exec(t, pool, "alter table readings_1 disable trigger tenon_audit")
	require.Equal(t, []auditpg.DriftKind{auditpg.TriggerDisabled}, kinds(drifts(t, pool)))
}

func TestUnwatchLeavesTheTableAsItWas(t *testing.T) {
	t.Parallel()
	pool := watching(t, nil)
	require.NoError(t, auditpg.Unwatch(t.Context(), pool, "quotes"))
	require.NoError(t, auditpg.Unwatch(t.Context(), pool, "public.quotes"), "again is no error")
	pgtest.Exec(t, pool, "insert into quotes (company, id) values ('acme', 1)")
	require.Empty(t, trail(t, pool))
	var left int
	require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from pg_proc where proname like 'audit_watch_%'").Scan(&left))
	require.Zero(t, left)
}

func TestTheSetIsTakenBackWithItsTriggers(t *testing.T) {
	t.Parallel()
	pool := watching(t, nil)
	conn, err := pgx.ConnectConfig(t.Context(), pool.Config().ConnConfig)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	require.NoError(t, migrations.Down(t.Context(), conn, migrations.Audit, 0))
	pgtest.Exec(t, pool, "insert into quotes (company, id) values ('acme', 1)")
}

func TestWhatCannotBeWatchedIsRefusedAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t, migrations.Audit)
	pgtest.Exec(t, pool, quotes+"; create view seen as select * from quotes")
	for name, c := range map[string]struct {
		table string
		opts  *auditpg.WatchOptions
		class error
		text  string
	}{
		"an_unknown_table":     {"public.quotse", nil, tenon.ErrNotFound, "audit: watch public.quotse: no such table"},
		"an_unknown_schema":    {"nowhere.quotes", nil, tenon.ErrNotFound, "no such table"},
		"a_view":               {"public.seen", nil, tenon.ErrInvalid, "table: is no table of the host's"},
		"the_log_itself":       {"tenon.audit_log", nil, tenon.ErrInvalid, "table: is no table of the host's"},
		"no_tenant":            {"public.quotes", nil, tenon.ErrInvalid, `tenant: the table has no column "tenant_id"`},
		"an_unknown_column":    {"public.quotes", &auditpg.WatchOptions{Tenant: "company", Columns: map[string]audit.Policy{"x": audit.Keep}}, tenon.ErrInvalid, `columns: the table has no column "x"`},
		"an_unknown_key":       {"public.quotes", &auditpg.WatchOptions{Tenant: "company", Key: []string{"x"}}, tenon.ErrInvalid, `key: the table has no column "x"`},
		"a_digest_without_key": {"public.quotes", &auditpg.WatchOptions{Tenant: "company", Columns: map[string]audit.Policy{"note": audit.Digest}}, tenon.ErrInvalid, "digest_key: shorter than 16 bytes"},
		"no_such_policy":       {"public.quotes", &auditpg.WatchOptions{Tenant: "company", Columns: map[string]audit.Policy{"note": audit.Ignore + 1}}, tenon.ErrInvalid, `columns: of "note": no such policy`},
		"a_target_too_long":    {"public.quotes", &auditpg.WatchOptions{Tenant: "company", Target: strings.Repeat("x", 1025)}, tenon.ErrInvalid, "target: longer than 1024 bytes"},
		"a_target_with_a_null": {"public.quotes", &auditpg.WatchOptions{Tenant: "company", Target: "a\x00"}, tenon.ErrInvalid, "target: "},
		"a_bound_below_none":   {"public.quotes", &auditpg.WatchOptions{Tenant: "company", BulkOver: -1}, tenon.ErrInvalid, "bulk_over: negative"},
	} {
		err := auditpg.Watch(t.Context(), pool, c.table, c.opts)
		require.ErrorIs(t, err, c.class, name)
		require.ErrorContains(t, err, c.text, name)
	}
	var left int
	require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from tenon.audit_watches").Scan(&left))
	require.Zero(t, left)
}

func TestAChangeOfCaseIsAChangeWhateverTheCollation(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t, migrations.Audit)
	pgtest.Exec(t, pool, `create collation public.caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`)
	pgtest.Exec(t, pool, `create domain public.name as text collate public.caseless`)
	pgtest.Exec(t, pool, `create table public.people (tenant_id text, id int primary key, name text collate public.caseless, nick public.name)`)
	require.NoError(t, auditpg.Watch(t.Context(), pool, "public.people", nil))
	pgtest.Exec(t, pool, "insert into public.people values ('acme', 1, 'ann', 'ann')")
	pgtest.Exec(t, pool, "update public.people set name = 'ANN', nick = 'Ann'")
	require.JSONEq(t, `{"before": {"name": "ann", "nick": "ann"}, "after": {"name": "ANN", "nick": "Ann"}}`, last(t, pool).Payload)
}

func TestATruncateIsRecordedThoughItsRowsAreHidden(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t, migrations.Audit)
	owner := pgtest.Role(t, pool, "owner").Config().ConnConfig.User
	pgtest.Exec(t, pool, `create table public.hidden (tenant_id text, id int primary key);
insert into public.hidden values ('acme', 1);
alter table public.hidden enable row level security;
alter table public.hidden force row level security;
alter table public.hidden owner to `+owner)
	require.NoError(t, auditpg.Watch(t.Context(), pool, "public.hidden", nil))
	pgtest.Exec(t, pool, "grant usage on schema tenon to "+owner+"; grant insert on tenon.audit_log to "+owner)
	var function string
	require.NoError(t, pool.QueryRow(t.Context(), "select function_name from tenon.audit_watches").Scan(&function))
	pgtest.Exec(t, pool, "grant create on schema tenon to "+owner+"; alter function tenon."+function+"() owner to "+owner)
	pgtest.Exec(t, pool, "truncate public.hidden")
	require.Equal(t, "TRUNCATE", last(t, pool).Action)
}

func TestAPartitionedTableIsNotSummarised(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t, migrations.Audit)
	pgtest.Exec(t, pool, `create table readings (tenant_id text, id int, primary key (tenant_id, id)) partition by range (id)`)
	err := auditpg.Watch(t.Context(), pool, "public.readings", &auditpg.WatchOptions{BulkOver: 10})
	require.ErrorIs(t, err, tenon.ErrInvalid, "a statement on a partition fires none of the table's triggers on statements")
}
