package gdprpg_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/pgtest"
)

// shopSQL is a host with every kind of column.
const shopSQL = `
create type public.mood as enum ('good', 'bad "day"');
create domain public.cents as bigint check (value >= 0);
create schema "Side";
create table public.companies (id text primary key, name text not null, secret bytea, rating int);
create table public.users (
  company_id text not null references public.companies, id uuid default gen_random_uuid(), email text, boss text, hash bytea,
  primary key (company_id, id));
create table "Side"."Odd ""one""" (
  company_id text not null references public.companies, id bigint generated always as identity primary key,
  "a ""b""" text, flag bool, small smallint, num numeric, r real, d double precision, c char(4), v varchar(9), m public.mood,
  money public.cents, j json, jb jsonb, ts timestamp, tz timestamptz, day date, tod time, iv interval, raw bytea, ip inet,
  tags text[], grid int[], span int4range, place point, doc xml);
create table public.remarks (id int primary key, company_id text references public.companies, about_id text, body text);
insert into public.companies values ('acme', 'Acme', '\x01', 5), ('zenith', 'Zenith', '\x02', 1);
insert into public.users (company_id, email, boss, hash) values ('acme', 'ann@acme.test', 'Zed of Zenith', '\x0102'),
  ('acme', null, null, null), ('zenith', 'zed@zenith.test', 'nobody', '\x03');
insert into "Side"."Odd ""one""" (company_id, "a ""b""", flag, small, num, r, d, c, v, m, money, j, jb, ts, tz, day, tod, iv, raw,
  ip, tags, grid, span, place, doc)
values
  ('acme', e'tab\t quote" back\\ new\r\nline \u0001 € 😀', true, -3, 12345678901234567890.50, 1.5e-7, 'NaN', 'ab', 'cd', 'bad "day"',
   77, e'{"a" :\n [1, 2]}', '{"k": {"x": null}}', '2026-03-10 12:00:00.5', '2026-03-10 12:00:00.123456+02', '2026-03-10', '12:00:01',
   '1 year 2 mons 3 days 04:05:06', '\x00ff', '10.0.0.1/8', '{a,"b,\"c",null}', '{{1,2},{3,4}}', '[1,5)', '(1,2)', '<a>b</a>'),
  ('acme', '', false, 0, 'Infinity', 0, '-Infinity', null, null, 'good', 0, 'null', '[]', 'infinity', '-infinity', 'infinity', null,
   null, '', '::1', '{}', '{}', 'empty', null, null),
  ('acme', null, null, null, null, null, null, null, null, null, null, null, null, '0044-03-15 12:00:00 BC', '0044-03-15 12:00:00+00 BC',
   null, null, null, null, null, null, null, null, null, null),
  ('zenith', 'theirs', true, 1, 1, 1, 1, 'x', 'y', 'good', 1, '{}', '{}', now(), now(), now(), '01:00', '1 day', '\x01',
   '10.0.0.2', '{}', '{}', 'empty', '(0,0)', '<c/>');
insert into public.remarks values (1, 'acme', null, 'ours'), (2, 'zenith', 'acme', 'theirs of us'), (3, 'zenith', null, 'theirs');`

// odd are the columns of the table with every kind of column.
var odd = strings.Fields("flag small num r d c v m money j jb ts tz day tod iv raw ip tags grid span place doc id company_id")

func shopDefinition() *gdpr.Definition {
	of := func(whose gdpr.Whose, names ...string) map[string]gdpr.ColumnRule {
		return gdpr.Columns(gdpr.ColumnRule{Whose: whose}, names...)
	}
	with := func(all ...map[string]gdpr.ColumnRule) map[string]gdpr.ColumnRule {
		columns := map[string]gdpr.ColumnRule{}
		for _, one := range all {
			maps.Copy(columns, one)
		}
		return columns
	}
	return &gdpr.Definition{
		Root: gdpr.Root{Table: "public.companies", Key: "id"}, Schemas: []string{"public", "Side"},
		References: []gdpr.Reference{{
			Name: "about", From: "public.remarks", Columns: []string{"about_id"}, To: "public.companies", ToColumns: []string{"id"},
		}},
		Tables: map[string]gdpr.TableRule{
			"public.companies": {Rule: gdpr.Delete, Columns: with(of(gdpr.Given, "id", "name"), of(gdpr.About, "rating"), of(gdpr.Hidden, "secret"))},
			"public.users": {Rule: gdpr.Delete, Columns: with(of(gdpr.Given, "email"), of(gdpr.About, "company_id", "id"),
				of(gdpr.Others, "boss"), of(gdpr.Hidden, "hash"))},
			`"Side"."Odd ""one"""`: {Rule: gdpr.Delete, Columns: with(of(gdpr.About, odd...), of(gdpr.About, `a "b"`))},
			"public.remarks": {
				Rule: gdpr.Delete, Mentions: []string{"about"},
				Columns: with(of(gdpr.About, "id", "company_id", "body"),
					gdpr.Columns(gdpr.ColumnRule{Rule: gdpr.Anonymise, Method: gdpr.SetNull}, "about_id")),
			},
		},
	}
}

func shop(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := database(t)
	pgtest.Exec(t, pool, shopSQL)
	return pool
}

func shopPacker(pool gdprpg.DB, opts *gdprpg.PackerOptions) *gdprpg.Packer {
	return gdprpg.NewPacker(gdprpg.NewHost(pool, gdprpg.HostOptions{Company: shopDefinition()}), opts)
}

// unpack returns the lines of each file of an archive, as values of JSON, sorted by their text.
func unpack(t *testing.T, body []byte) map[string][]any {
	t.Helper()
	_, err := gdpr.ReadArchive(bytes.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	files := map[string][]any{}
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, ".jsonl") {
			continue
		}
		r, err := f.Open()
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		files[f.Name] = values(t, slices.Collect(strings.Lines(string(text)))...)
	}
	return files
}

// values reads lines of JSON, numbers as they are written, and puts them in an order.
func values(t *testing.T, lines ...string) []any {
	t.Helper()
	all := make([]any, len(lines))
	for i, line := range lines {
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		require.NoError(t, d.Decode(&all[i]), line)
		all[i] = plain(all[i])
	}
	slices.SortFunc(all, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return all
}

// plain writes every number in the same way.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		exact, _ := new(big.Rat).SetString(v.String())
		return exact.String()
	case map[string]any:
		for key, one := range v {
			v[key] = plain(one)
		}
	case []any:
		for i, one := range v {
			v[i] = plain(one)
		}
	}
	return v
}

// naive reads rows by to_jsonb, with the settings that an export has.
func naive(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) []any {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.Background()) }()
	for _, set := range []string{"timezone = 'UTC'", "intervalstyle = 'iso_8601'"} {
		pgtest.Exec(t, tx, "set local "+set)
	}
	return values(t, pgtest.List[string](t, tx, sql, args...)...)
}

func pack(t *testing.T, p *gdprpg.Packer, s tenon.Subject) ([]byte, gdpr.Manifest) {
	t.Helper()
	var out bytes.Buffer
	m, err := p.Pack(t.Context(), s, &out)
	require.NoError(t, err)
	return out.Bytes(), m
}

func TestAnExportHoldsWhatANaiveReaderReads(t *testing.T) {
	t.Parallel()
	pool := shop(t)
	for _, tenant := range []string{"acme", "zenith"} {
		body, m := pack(t, shopPacker(pool, nil), tenon.Subject{Tenant: tenant})
		files := unpack(t, body)
		oddFile := "about/_Side_._Odd __one___.jsonl"
		require.Equal(t, naive(t, pool, `select to_jsonb(t)::text from "Side"."Odd ""one""" t where company_id = $1`, tenant), files[oddFile])
		require.Equal(t, naive(t, pool, `select jsonb_build_object('id', id, 'name', name)::text from companies where id = $1`, tenant),
			files["provided/public.companies.jsonl"])
		require.Equal(t, naive(t, pool, `select jsonb_build_object('id', id, 'rating', rating)::text from companies where id = $1`, tenant),
			files["about/public.companies.jsonl"])
		require.Equal(t, naive(t, pool, `
select jsonb_build_object('company_id', company_id, 'id', id, 'boss', case when boss is not null then '[redacted]' end)::text
from users where company_id = $1`, tenant), files["about/public.users.jsonl"])
		require.Equal(t, naive(t, pool, `select to_jsonb(t)::text from remarks t where company_id = $1`, tenant),
			files["about/public.remarks.jsonl"])
		require.EqualValues(t, len(files[oddFile]), m.Rows(`"Side"."Odd ""one"""`, gdpr.PartAbout))
	}
}

func TestAnExportHoldsNothingOfOthersAndNoSecrets(t *testing.T) {
	t.Parallel()
	pool := shop(t)
	body, m := pack(t, shopPacker(pool, nil), tenon.Subject{Tenant: "acme"})
	text := fmt.Sprint(unpack(t, body))
	for _, theirs := range []string{"zenith", "Zed", "theirs", "secret", "hash", `\x0102`} {
		require.NotContains(t, text, theirs)
	}
	require.Equal(t, map[string]int64{"public.remarks": 1}, m.Mentions, "rows of others are counted and not shown")
	for name := range unpack(t, body) {
		require.NotRegexp(t, `[\\:*?"<>|]`, name)
	}
}

func TestTheDocumentIsTheCustomersShape(t *testing.T) {
	t.Parallel()
	pool := shop(t)
	p := shopPacker(pool, &gdprpg.PackerOptions{
		Names:  map[string]string{"public.companies": "company", "public.users": "users", "tenon.partners": "directory"},
		Inside: map[string]func(pgx.Tx) tenon.Exporter{"directory": func(pgx.Tx) tenon.Exporter { return rowsOf(2) }},
	})
	for _, tenant := range []string{"acme", "zenith"} {
		var out bytes.Buffer
		require.NoError(t, p.Document(t.Context(), tenon.Subject{Tenant: tenant}, &out))
		var got struct {
			Company   map[string]any   `json:"company"`
			Users     []map[string]any `json:"users"`
			Directory []map[string]any `json:"directory"`
			Remarks   []map[string]any `json:"public.remarks"`
		}
		require.NoError(t, json.Unmarshal(out.Bytes(), &got), out.String())
		require.Equal(t, tenant, got.Company["id"])
		require.Len(t, got.Users, pgtest.One[int](t, pool, "select count(*) from users where company_id = $1", tenant))
		require.Len(t, got.Remarks, pgtest.One[int](t, pool, "select count(*) from remarks where company_id = $1", tenant))
		require.Len(t, got.Directory, 2)
		require.NotContains(t, got.Company, "secret")
	}
}

func TestADocumentWithoutRowsIsStillJSON(t *testing.T) {
	t.Parallel()
	pool := shop(t)
	pgtest.Exec(t, pool, "insert into companies values ('lonely', 'Lonely')")
	var out bytes.Buffer
	require.NoError(t, shopPacker(pool, nil).Document(t.Context(), tenon.Subject{Tenant: "lonely"}, &out))
	var got map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &got), out.String())
	require.Equal(t, []any{}, got["public.users"])
}

func TestTwoTablesOfOneNameAreRefused(t *testing.T) {
	t.Parallel()
	p := shopPacker(shop(t), &gdprpg.PackerOptions{Names: map[string]string{"public.users": "people", "public.remarks": "people"}})
	err := p.Document(t.Context(), tenon.Subject{Tenant: "acme"}, io.Discard)
	var wrong *tenon.FieldError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "names", wrong.Field)
}

func TestATableOfSecretsShowsOnlyThatThereAreRows(t *testing.T) {
	t.Parallel()
	pool, def := shop(t), shopDefinition()
	for name, rule := range def.Tables["public.remarks"].Columns {
		rule.Whose = gdpr.Hidden
		def.Tables["public.remarks"].Columns[name] = rule
	}
	p := gdprpg.NewPacker(gdprpg.NewHost(pool, gdprpg.HostOptions{Company: def}), nil)
	var out bytes.Buffer
	require.NoError(t, p.Document(t.Context(), tenon.Subject{Tenant: "acme"}, &out))
	var got map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &got), out.String())
	require.Equal(t, []any{map[string]any{}}, got["public.remarks"])
	body, _ := pack(t, p, tenon.Subject{Tenant: "acme"})
	for name := range unpack(t, body) {
		require.NotContains(t, name, "remarks")
	}
}

// rowsOf is an exporter of some rows, with one that breaks off at the end when it is negative.
type rowsOf int

var errSatellite = errors.New("the satellite is away")

// Export implements [tenon.Exporter].
func (n rowsOf) Export(_ context.Context, s tenon.Subject) iter.Seq2[tenon.Row, error] {
	return func(yield func(tenon.Row, error) bool) {
		for i := range max(n, -n) {
			data := json.RawMessage(fmt.Sprintf("{\"tenant\":%q,\n\"n\":%d}", s.Tenant, i))
			if !yield(tenon.Row{Table: "tenon.partners", Data: data}, nil) {
				return
			}
		}
		if n < 0 {
			yield(tenon.Row{}, errSatellite)
		}
	}
}

func TestSatellitesAreExportedToo(t *testing.T) {
	t.Parallel()
	pool := shop(t)
	p := shopPacker(pool, &gdprpg.PackerOptions{
		Inside:  map[string]func(pgx.Tx) tenon.Exporter{"in": func(pgx.Tx) tenon.Exporter { return rowsOf(3) }},
		Outside: map[string]tenon.Exporter{"out": rowsOf(2), "none": rowsOf(0)},
	})
	body, _ := pack(t, p, tenon.Subject{Tenant: "acme"})
	files := unpack(t, body)
	require.Len(t, files["about/in/tenon.partners.jsonl"], 3)
	require.Len(t, files["about/out/tenon.partners.jsonl"], 2)

	broken := shopPacker(pool, &gdprpg.PackerOptions{Outside: map[string]tenon.Exporter{"out": rowsOf(-1)}})
	_, err := broken.Pack(t.Context(), tenon.Subject{Tenant: "acme"}, io.Discard)
	require.ErrorIs(t, err, errSatellite)
	require.Zero(t, pool.Stat().AcquiredConns())
}

// writes adds a row in another transaction as soon as the export has read its first one.
type writes struct {
	io.Writer
	once func()
}

func (w *writes) Write(p []byte) (int, error) {
	if w.once != nil {
		w.once()
		w.once = nil
	}
	return w.Writer.Write(p)
}

func TestAnExportIsOneSnapshot(t *testing.T) {
	t.Parallel()
	pool := shop(t)
	var late bytes.Buffer
	p := shopPacker(pool, &gdprpg.PackerOptions{
		Inside: map[string]func(pgx.Tx) tenon.Exporter{"count": func(tx pgx.Tx) tenon.Exporter { return countOf{tx} }},
	})
	_, err := p.Pack(t.Context(), tenon.Subject{Tenant: "acme"}, &writes{&late, func() {
		pgtest.Exec(t, pool, "insert into users (company_id, email) values ('acme', 'late@acme.test')")
		pgtest.Exec(t, pool, "delete from remarks where company_id = 'acme'")
	}})
	require.NoError(t, err)
	files := unpack(t, late.Bytes())
	require.Len(t, files["provided/public.users.jsonl"], 2)
	require.Len(t, files["about/public.remarks.jsonl"], 1)
	require.Equal(t, values(t, `{"users":2}`), files["about/count/users.jsonl"], "exporters of the same database see it too")
}

// countOf counts users in a transaction.
type countOf struct{ tx pgx.Tx }

// Export implements [tenon.Exporter].
func (c countOf) Export(ctx context.Context, s tenon.Subject) iter.Seq2[tenon.Row, error] {
	return func(yield func(tenon.Row, error) bool) {
		var data json.RawMessage
		err := c.tx.QueryRow(ctx, "select jsonb_build_object('users', count(*)) from users where company_id = $1", s.Tenant).Scan(&data)
		yield(tenon.Row{Table: "users", Data: data}, err)
	}
}

func TestAnExportOfNobodyIsRefused(t *testing.T) {
	t.Parallel()
	pool := shop(t)
	p := shopPacker(pool, nil)
	for _, s := range []tenon.Subject{{Tenant: "nobody"}, {Tenant: "ACME"}, {Tenant: "acme' or true --"}} {
		_, err := p.Pack(t.Context(), s, io.Discard)
		require.ErrorIs(t, err, gdpr.ErrUnknownSubject)
	}
	_, err := p.Pack(t.Context(), tenon.Subject{}, io.Discard)
	require.ErrorIs(t, err, tenon.ErrInvalid)
	_, err = p.Pack(t.Context(), tenon.Subject{Tenant: "acme", User: "ann"}, io.Discard)
	require.ErrorIs(t, err, tenon.ErrInvalid, "there is no definition for persons")
	pgtest.Exec(t, pool, "alter table users add column phone text")
	_, err = p.Pack(t.Context(), tenon.Subject{Tenant: "acme"}, io.Discard)
	require.ErrorIs(t, err, gdpr.ErrUnclassified, "a new column is not exported unseen")
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.Background()) }()
	_, err = shopPacker(tx, nil).Pack(t.Context(), tenon.Subject{Tenant: "acme"}, io.Discard)
	require.ErrorIs(t, err, tenon.ErrInvalid)
}
