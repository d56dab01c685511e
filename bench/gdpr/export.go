package gdpr

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
)

// exportRows is how many rows the exported company has in its largest table.
const exportRows = 1_000_000

const ordersSQL = `
create table public.companies (id text primary key, name text not null);
create table public.orders (
  company_id text not null references public.companies,
  id         uuid not null default gen_random_uuid(),
  placed_at  timestamptz not null,
  customer   text not null,
  street     text not null,
  city       text not null,
  price      numeric(10,2) not null,
  pieces     int not null,
  paid       boolean not null,
  note       text,
  details    jsonb not null,
  primary key (company_id, id));
insert into public.companies values ('acme', 'Acme'), ('zenith', 'Zenith')`

const fillOrdersSQL = `
insert into public.orders (company_id, placed_at, customer, street, city, price, pieces, paid, note, details)
select case when n % 5 = 0 then 'zenith' else 'acme' end, timestamptz '2026-01-01' + n * interval '1 second',
  'Customer ' || md5(n::text), n || ' Long Street', 'City of ' || n % 977, n % 100000 / 100.0, n % 17, n % 3 = 0,
  case when n % 4 = 0 then 'left with the "neighbour" on the ' || n % 9 || 'th floor' end,
  jsonb_build_object('carrier', 'road', 'weight', n % 5000)
from generate_series(1, $1::int) n`

const copyOrdersSQL = `
copy (
  select company_id, id, placed_at, customer, street, city, price, pieces, paid, note, details
  from public.orders
  where company_id = 'acme'
) to stdout`

// ordersDefinition says that everything was given by the company.
func ordersDefinition() *gdpr.Definition {
	given := gdpr.ColumnRule{Whose: gdpr.Given}
	return &gdpr.Definition{
		Root: gdpr.Root{Table: "public.companies", Key: "id"}, Schemas: []string{"public"},
		Tables: map[string]gdpr.TableRule{
			"public.companies": {Rule: gdpr.Delete, Columns: gdpr.Columns(given, "id", "name")},
			"public.orders": {Rule: gdpr.Delete, Columns: gdpr.Columns(given, "company_id", "id", "placed_at", "customer", "street",
				"city", "price", "pieces", "paid", "note", "details")},
		},
	}
}

// compareExport packs the rows that a copy writes.
func compareExport(ctx context.Context, l *lab.Lab, s *report.Section) error {
	pool, err := l.Pool(ctx, "gdpr_export")
	if err != nil {
		return err
	}
	defer pool.Close()
	rows := l.Size(exportRows)
	if _, err := pool.Exec(ctx, ordersSQL); err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, fillOrdersSQL, rows*5/4); err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, "vacuum analyze public.orders"); err != nil {
		return err
	}
	e := &export{pool: pool, packer: gdprpg.NewPacker(gdprpg.NewHost(pool, gdprpg.HostOptions{Company: ordersDefinition()}), nil)}
	if err := e.agrees(ctx); err != nil {
		return err
	}
	l.Say("gdpr: export")
	series, err := measure.Interleave(ctx, l.Rounds, e.pack, e.copy)
	if err != nil {
		return err
	}
	s.Samples = append(s.Samples, report.Sample{Name: "export/tenon", Unit: report.PerSecond, Series: series[0]},
		report.Sample{Name: "export/copy", Unit: report.PerSecond, Series: series[1]})
	s.Tables = append(s.Tables, report.Table{
		Title: "Export", Columns: []string{"tenon, rows", "copy to stdout, rows"},
		Text: "An archive of compressed lines of JSON with digests, on disk, beside `copy (select …) to stdout` of the same rows into nothing.",
		Rows: []report.Row{
			{
				Case:   fmt.Sprintf("%d rows of 11 columns", e.rows),
				Figure: report.Over(series[0], series[1]),
				Target: report.Target{Bound: report.AtLeast, Value: 0.7},
				Cells:  []string{report.Spread(series[0], report.PerSecond), report.Spread(series[1], report.PerSecond)},
			},
			{
				Case:   fmt.Sprintf("memory of the process meanwhile, at most; the archive has %d MB", e.size>>20),
				Figure: report.Figure{Value: float64(e.peak) / (1 << 20), Unit: megabytes},
				Target: report.Target{Bound: report.AtMost, Value: 64}, Cells: []string{"", ""},
			},
		},
	})
	return nil
}

// megabytes are of 2^20 bytes.
const megabytes report.Unit = "MiB"

// export is the rows and who exports them.
type export struct {
	pool   *pgxpool.Pool
	packer *gdprpg.Packer
	rows   int64
	size   int64
	peak   uint64 // of memory, in bytes
}

// agrees says whether the archive holds every row.
func (e *export) agrees(ctx context.Context) error {
	f, err := os.CreateTemp("", "tenon-bench-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := e.packer.Pack(ctx, tenon.Subject{Tenant: "acme"}, f); err != nil {
		return err
	}
	if e.size, err = f.Seek(0, io.SeekCurrent); err != nil {
		return err
	}
	m, err := gdpr.ReadArchive(f, e.size)
	if err != nil {
		return err
	}
	const count = "select count(*) from public.orders where company_id = 'acme'"
	if err := e.pool.QueryRow(ctx, count).Scan(&e.rows); err != nil {
		return err
	}
	if got := m.Rows("public.orders", gdpr.PartProvided); got != e.rows {
		return fmt.Errorf("the archive has %d rows, the table %d", got, e.rows)
	}
	return nil
}

// pack writes an archive to disk, and returns how many rows a second.
func (e *export) pack(ctx context.Context) (float64, error) {
	f, err := os.CreateTemp("", "tenon-bench-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	debug.FreeOSMemory()
	watching, stop := context.WithCancel(ctx)
	peak := make(chan uint64, 1)
	go func() { peak <- watchMemory(watching) }()
	start := time.Now()
	_, err = e.packer.Pack(ctx, tenon.Subject{Tenant: "acme"}, f)
	took := time.Since(start)
	stop()
	e.peak = max(e.peak, <-peak)
	return float64(e.rows) / took.Seconds(), err
}

// watchMemory returns the most memory that the process had from the system at any time until ctx is done, in bytes.
func watchMemory(ctx context.Context) (peak uint64) {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		metrics.Read(samples)
		peak = max(peak, samples[0].Value.Uint64()-samples[1].Value.Uint64())
		select {
		case <-ctx.Done():
			return peak
		case <-tick.C:
		}
	}
}

// copy writes the rows to nowhere, and returns how many a second.
func (e *export) copy(ctx context.Context) (float64, error) {
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Release()
	start := time.Now()
	tag, err := conn.Conn().PgConn().CopyTo(ctx, io.Discard, copyOrdersSQL)
	if err == nil && tag.RowsAffected() != e.rows {
		err = fmt.Errorf("copy wrote %d rows of %d", tag.RowsAffected(), e.rows)
	}
	return float64(e.rows) / time.Since(start).Seconds(), err
}
