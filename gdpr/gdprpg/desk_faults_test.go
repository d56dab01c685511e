package gdprpg_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
)

const officeSQL = `
create table public.companies (id text primary key, name text not null, deleted_at timestamptz);
create table public.users (
  company_id text not null references public.companies, id int not null, email text not null, deleted_at timestamptz,
  primary key (company_id, id));
insert into public.companies values ('acme', 'Acme Freight'), ('zenith', 'Zenith Freight');
insert into public.users select c, n, c || n || '@example.test', case when n = 3 then timestamptz '2026-01-01' end
from unnest(array['acme', 'zenith']) c, generate_series(1, 25) n`

func officeDefinition() *gdpr.Definition {
	given := gdpr.ColumnRule{Whose: gdpr.Given, Known: true}
	about := gdpr.Columns(gdpr.ColumnRule{}, "deleted_at")
	about["id"], about["name"] = given, given
	return &gdpr.Definition{
		Root: gdpr.Root{Table: "public.companies", Key: "id"}, Schemas: []string{"public"},
		Tables: map[string]gdpr.TableRule{
			"public.companies": {Rule: gdpr.Delete, Mark: "deleted_at", Columns: about},
			"public.users": {Rule: gdpr.Delete, Mark: "deleted_at", Columns: map[string]gdpr.ColumnRule{
				"company_id": {}, "id": {}, "email": given, "deleted_at": {},
			}},
		},
	}
}

// openOffice makes the host's tables, and the one of what is told.
func openOffice(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := database(t)
	pgtest.Exec(t, pool, officeSQL)
	pgtest.Tell(t, pool)
	return pool
}

// later gives a store another time.
type later struct {
	*gdprpg.Store
	at time.Time
}

// Clock implements [tenon.Clock].
func (l later) Clock(context.Context) (time.Time, error) { return l.at, nil }

// office returns a desk over db at a time. What it erases it does in small batches.
func office(db gdprpg.DB, at time.Time, files gdpr.Files) *gdpr.Desk {
	def, ignored := officeDefinition(), gdpr.ColumnRule{Rule: gdpr.Ignore}
	def.Tables["public.told"] = gdpr.TableRule{Rule: gdpr.Ignore, Columns: gdpr.Columns(ignored, "tenant", "key", "body")}
	host := gdprpg.NewHost(db, gdprpg.HostOptions{Company: def, Secret: gdpr.NewSecret("a key"), Batch: 10})
	store := gdprpg.New(db, &gdprpg.Options{
		Notifier: pgtest.Notifier, Recorder: pgtest.Recorder,
	})
	if files == nil {
		files = gdprpg.NewFiles(db)
	}
	return gdpr.NewDesk(later{store, at}, host, func(context.Context, gdpr.Asked) error { return nil }, &gdpr.Options{
		Packer: gdprpg.NewPacker(host, nil), Files: files, Timeout: time.Minute, Lease: time.Hour, Backoff: time.Microsecond, Warn: -1,
	})
}

func staff(ctx context.Context) context.Context {
	return tenon.WithCaller(ctx, tenon.Caller{Actor: "dpo"})
}

// stages are a company's way out, each done until it succeeds. What is left of an earlier try is not in the way.
var stages = []struct {
	name string
	do   func(ctx context.Context, d *gdpr.Desk) error
}{
	{"ask", func(ctx context.Context, d *gdpr.Desk) error {
		for _, kind := range []gdpr.Kind{gdpr.KindExport, gdpr.KindErasure} {
			_, err := d.Ask(staff(ctx), gdpr.Order{Kind: kind, Subject: tenon.Subject{Tenant: "acme"}})
			if err != nil && !errors.Is(err, gdpr.ErrOpen) {
				return err
			}
		}
		return nil
	}},
	{"verify", func(ctx context.Context, d *gdpr.Desk) error {
		open, err := d.Requests(staff(ctx), gdpr.Query{Open: true})
		if err != nil {
			return err
		}
		for _, r := range open {
			if _, err := d.Verify(staff(ctx), r.Key, "by telephone"); err != nil && !errors.Is(err, gdpr.ErrState) {
				return err
			}
		}
		return nil
	}},
	{"mark and export", func(ctx context.Context, d *gdpr.Desk) error { return d.Round(ctx) }},
	{"erase", func(ctx context.Context, d *gdpr.Desk) error { return d.Round(ctx) }},
}

const officeEndSQL = `
select 'company ' || id || coalesce(deleted_at::text, '') from public.companies
union all select 'user ' || email || coalesce(deleted_at::text, '') from public.users
union all select 'told ' || coalesce(body ->> 'kind', body ->> 'action') from public.told
union all select 'request ' || (body ->> 'kind') || ' ' || (body ->> 'state') || ' ' || left(tenant_id, 7) || ' ' ||
  coalesce((select jsonb_agg(s -> 'rows' order by s ->> 'name') from jsonb_array_elements((body -> 'steps')::jsonb) s
    where s ->> 'name' <> 'export')::text, '')
  from tenon.gdpr_requests
union all select 'file ' || tenant_id from tenon.gdpr_files
union all select 'deletion ' || tenant_id from tenon.gdpr_deletions
union all select 'suppressed ' || subject from tenon.gdpr_suppressions
union all select 'certificates ' || count(*) from tenon.gdpr_certificates
order by 1`

// settle works until nothing is due. A server may take a moment to notice that a connection is gone, and what it had
// locked is left out meanwhile.
func settle(t *testing.T, pool *pgxpool.Pool, at time.Time) {
	t.Helper()
	d := office(pool, at, nil)
	require.Eventually(t, func() bool {
		if err := d.Round(t.Context()); err != nil {
			return false
		}
		var due int
		err := pool.QueryRow(t.Context(), "select count(*) from tenon.gdpr_requests where next_at <= $1", at).Scan(&due)
		return err == nil && due == 0
	}, 30*time.Second, 20*time.Millisecond)
}

// leave goes through all stages with the n-th statement of one of them going wrong.
func leave(t *testing.T, stage, n int, fault pgtest.Fault) (end []string, fired bool) {
	t.Helper()
	pool := openOffice(t)
	at := noon
	for i, s := range stages {
		step := 0
		if i == stage {
			step = n
		}
		faulty := pgtest.NewFaulty(pool, step, fault)
		if s.name == "erase" {
			at = at.Add(15 * 24 * time.Hour)
		}
		faulty.Try(t, func() error {
			err := s.do(t.Context(), office(faulty, at, nil))
			if err != nil {
				at = at.Add(2 * time.Hour) // what the dead one had leased is free
			}
			return err
		})
		at = at.Add(2 * time.Hour)
		settle(t, pool, at)
		fired = fired || faulty.Fired()
	}
	return pgtest.List[string](t, pool, officeEndSQL), fired
}

func TestARequestThatFailsAtAnyStatementEndsAsIfNothingHadFailed(t *testing.T) {
	t.Parallel()
	want, _ := leave(t, -1, 0, pgtest.Fail)
	require.Contains(t, want, "user zenith1@example.test")
	require.NotContains(t, want, "company acme")
	require.Contains(t, want, "certificates 1")
	require.Contains(t, want, "told DELETE")
	for i, s := range stages {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for first, fault := range pgtest.Faults() {
				for n := 1 + first*stride()/3; ; n += stride() {
					got, fired := leave(t, i, n, fault)
					require.Equal(t, want, got, "%s at step %d", fault, n)
					if !fired {
						break
					}
					require.Less(t, n, 300)
				}
			}
		})
	}
}

// stride leaves statements out where the loops are short: each kind of fault hits others.
func stride() int {
	if conform.Soak() {
		return 1
	}
	return 9
}

func TestWhatWasExportedCanBeReadAndIsTheCompanysAlone(t *testing.T) {
	t.Parallel()
	pool := openOffice(t)
	for name, files := range map[string]gdpr.Files{"": nil, "folder": gdpr.NewDirFiles(t.TempDir())} {
		d := office(pool, noon, files)
		r, err := d.Ask(staff(t.Context()), gdpr.Order{Kind: gdpr.KindExport, Subject: tenon.Subject{Tenant: "zenith"}})
		require.NoError(t, err, name)
		_, err = d.Verify(staff(t.Context()), r.Key, "by telephone")
		require.NoError(t, err)
		require.NoError(t, d.Round(t.Context()))
		file, err := d.Open(staff(t.Context()), r.Key)
		require.NoError(t, err)
		body, err := io.ReadAll(file)
		require.NoError(t, err)
		m, err := gdpr.ReadArchive(bytes.NewReader(body), int64(len(body)))
		require.NoError(t, err)
		require.EqualValues(t, 25, m.Rows("public.users", gdpr.PartProvided))
		require.Equal(t, "zenith", m.Tenant)
		require.NotContains(t, string(body), "acme")
	}
}
