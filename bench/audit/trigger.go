package audit

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
)

const (
	quotes         = 100_000
	triggerCallers = 8
)

// quotesSQL makes a table of quotes as a host has it.
const quotesSQL = `
create table public.%[1]s (
  tenant_id  text not null,
  id         bigint primary key,
  origin     text not null,
  target     text not null,
  carrier    text not null,
  rate       numeric(10,2) not null,
  status     text not null,
  note       text not null,
  updated_at timestamptz not null
) with (fillfactor = 70);
insert into public.%[1]s
select 'tenant-' || n %% 50, n, 'Hamburg', 'Genoa', 'carrier ' || n %% 700, 1200, 'sent', repeat('note ', 20), now()
from generate_series(1, %[2]d) n;
vacuum analyze public.%[1]s`

// versionsSQL is the approach of supa_audit, written afresh from its description: one trigger function for all tables,
// which looks the key's columns up in the catalogue, derives a record's id from table and key, and keeps the whole row
// before and after.
const versionsSQL = `
create schema versions;
create table versions.record_version (
  id            bigint generated always as identity primary key,
  record_id     uuid,
  old_record_id uuid,
  op            text not null,
  ts            timestamptz not null default now(),
  table_oid     oid not null,
  table_schema  name not null,
  table_name    name not null,
  record        jsonb,
  old_record    jsonb
);
create index on versions.record_version using brin (ts);
create index on versions.record_version (table_oid);
create index on versions.record_version (record_id) where record_id is not null;
create index on versions.record_version (old_record_id) where old_record_id is not null;
create function versions.key_columns(p_table oid) returns text[] language sql stable as $$
  select coalesce(array_agg(a.attname::text order by a.attnum), array[]::text[])
  from pg_index i
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
  where i.indrelid = p_table
    and i.indisprimary
$$;
create function versions.record_id(p_table oid, p_columns text[], p_row jsonb) returns uuid language sql stable as $$
  select case
    when p_row is null then null
    when p_columns = array[]::text[] then gen_random_uuid()
    else (
      select md5((jsonb_build_array(to_jsonb($1)) || jsonb_agg($3 ->> c))::text)::uuid
      from unnest($2) c)
  end
$$;
create function versions.insert_update_delete() returns trigger language plpgsql security definer as $$
declare
  key_columns text[] := versions.key_columns(tg_relid);
  new_row jsonb := to_jsonb(new);
  old_row jsonb := to_jsonb(old);
begin
  insert into versions.record_version (record_id, old_record_id, op, table_oid, table_schema, table_name, record, old_record)
  select versions.record_id(tg_relid, key_columns, new_row), versions.record_id(tg_relid, key_columns, old_row), tg_op,
    tg_relid, tg_table_schema, tg_table_name, new_row, old_row;
  return coalesce(new, old);
end
$$;
create trigger versions after insert or update or delete on public.versioned
for each row execute function versions.insert_update_delete()`

// compareTriggers measures updates of a table that nobody watches, that tenon watches, and that keeps versions of rows.
func compareTriggers(ctx context.Context, l *lab.Lab, s *report.Section) error {
	w, err := newWorld(ctx, l, "triggers", nil)
	if err != nil {
		return err
	}
	defer w.pool.Close()
	l.Say("audit: triggers")
	for _, table := range []string{"unwatched", "watched", "versioned"} {
		if err := w.statements(ctx, fmt.Sprintf(quotesSQL, table, l.Size(quotes))); err != nil {
			return err
		}
	}
	if err := w.statements(ctx, versionsSQL); err != nil {
		return err
	}
	if err := auditpg.Watch(ctx, w.pool, "public.watched", &auditpg.WatchOptions{Columns: map[string]audit.Policy{"updated_at": audit.Ignore}}); err != nil {
		return err
	}
	rates, err := measure.Interleave(ctx, l.Rounds,
		func(ctx context.Context) (float64, error) { return w.updates(ctx, l, "watched", "tenon.audit_log") },
		func(ctx context.Context) (float64, error) { return w.updates(ctx, l, "unwatched", "") },
		func(ctx context.Context) (float64, error) {
			return w.updates(ctx, l, "versioned", "versions.record_version")
		})
	if err != nil {
		return err
	}
	if err := w.verified(ctx); err != nil {
		return err
	}
	s.Tables = append(s.Tables, report.Table{
		Title: "Triggers", Columns: []string{"tenon", "beside it"},
		Text: "Updates of one row by its key, two columns of nine, eight callers; each a transaction of its own.",
		Rows: []report.Row{
			report.Ratio("watched, to unwatched", rates[0], rates[1], 0.65),
			report.Ratio("to versions of whole rows, as supa_audit keeps them", rates[0], rates[2], 2),
		},
	})
	for i, name := range []string{"watched", "unwatched", "versioned"} {
		s.Samples = append(s.Samples, report.Sample{Name: "update/" + name, Unit: report.PerSecond, Series: rates[i]})
	}
	return nil
}

// statements runs statements that end in ";", one by one.
func (w *world) statements(ctx context.Context, sql string) error {
	conn, err := w.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	for _, s := range split(sql) {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// updates returns how many rows a second are updated, and checks that each was recorded.
func (w *world) updates(ctx context.Context, l *lab.Lab, table, records string) (float64, error) {
	var before int64
	var err error
	if records != "" {
		if before, err = w.count(ctx, records); err != nil {
			return 0, err
		}
	}
	sql := "update public." + table + " set rate = rate + 1, status = $2, updated_at = now() where id = $1"
	rows := l.Size(quotes)
	load, err := measure.Run(ctx, triggerCallers, l.Length, func(ctx context.Context, caller, n int) error {
		_, err := w.pool.Exec(ctx, sql, 1+rand.IntN(rows), fmt.Sprint("s", n%7))
		return err
	})
	if err != nil || records == "" {
		return load.Rate(), err
	}
	return load.Rate(), w.grew(ctx, records, before, int64(load.Calls))
}
