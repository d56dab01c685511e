package restore

import (
	"context"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/migrations"
)

const aboutSQL = `
select current_setting('server_version_num')::int / 10000,
  current_setting('server_encoding'),
  pg_database_size(current_database())`

// spare is what must be free beside what a drill writes, in bytes.
const spare = 256 << 20

// ready looks whether a drill can be done at all.
func (d *drill) ready(ctx context.Context) (string, error) {
	var major int
	var encoding string
	var size int64
	if err := d.live.QueryRow(ctx, aboutSQL).Scan(&major, &encoding, &size); err != nil {
		return "", err
	}
	if encoding != "UTF8" {
		return "", fmt.Errorf("the database is in %s, and the second server would be in UTF8", encoding)
	}
	if size > d.c.MaxBytes {
		return "", fmt.Errorf("the database has %s, and a drill here takes at most %s", Bytes(size), Bytes(d.c.MaxBytes))
	}
	for _, path := range []string{os.TempDir(), "/tmp"} { // the dump; the second server
		free, err := room(path)
		if err != nil {
			return "", err
		}
		if need := uint64(2*size) + spare; free < need {
			return "", fmt.Errorf("%s has %s free, and a drill needs %s", path, Bytes(int64(free)), Bytes(int64(need)))
		}
	}
	var err error
	d.tools, err = findTools(ctx, major)
	return fmt.Sprintf("Postgres %d, %s; pg_dump %s.", major, Bytes(size), d.tools.version), err
}

// snapshot opens the transaction whose view is dumped, and reads what the copy has to be. Traffic goes on meanwhile. The
// transaction writes nothing, so that nobody waits for it.
func (d *drill) snapshot(ctx context.Context) (string, error) {
	if _, err := d.live.Exec(ctx, alike); err != nil {
		return "", err
	}
	if _, err := d.c.Log.Seal(ctx); err != nil { // so that the copy's tree has as much to prove as can be
		return "", err
	}
	var err error
	d.view, err = d.live.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return "", err
	}
	if err := d.seesAll(ctx); err != nil {
		return "", err
	}
	if err := d.then.read(ctx, d.view); err != nil {
		return "", err
	}
	d.report.SnapshotAt, d.report.Tables = d.then.at.UTC(), int64(len(d.then.tables))
	for _, c := range d.then.tables {
		d.report.Rows += c.Rows
	}
	return fmt.Sprintf("%d tables with %s rows; %s records in the audit log's tree.",
		d.report.Tables, thousands(d.report.Rows), thousands(d.then.size)), nil
}

const guardedSQL = `
select format('%I.%I', n.nspname, c.relname)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p')
  and c.relrowsecurity`

// seesAll makes sure that row level security hides nothing from us: it would hide the same from the counts and from the
// dump, and the copy would look whole.
func (d *drill) seesAll(ctx context.Context) error {
	rows, err := d.view.Query(ctx, guardedSQL)
	if err != nil {
		return err
	}
	guarded, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(guarded) == 0 {
		return err
	}
	hidden, err := migrations.Filtered(ctx, d.view, guarded)
	if err == nil && len(hidden) > 0 {
		err = fmt.Errorf("row level security hides rows of %v from the owner: %w", hidden, tenon.ErrDenied)
	}
	return err
}

// dumpAll dumps the snapshot to a file without a name, which is gone with us however we end.
func (d *drill) dumpAll(ctx context.Context) (string, error) {
	var err error
	if d.dump, err = unnamed(); err != nil {
		return "", err
	}
	var snapshot string
	if err := d.view.QueryRow(ctx, "select pg_export_snapshot()").Scan(&snapshot); err != nil {
		return "", err
	}
	err = job{
		path: d.tools.dump, at: d.live.Config(), out: d.dump,
		args: []string{
			"--format=custom", "--no-password", "--enable-row-security", "--lock-wait-timeout=30s", "--snapshot=" + snapshot,
		},
	}.run(ctx)
	if err != nil {
		return "", err
	}
	if err := d.view.Commit(ctx); err != nil { // what was read stays, and holds up nobody's vacuum
		return "", err
	}
	info, err := d.dump.Stat()
	if err != nil {
		return "", err
	}
	d.report.DumpBytes = info.Size()
	_, err = d.dump.Seek(0, 0)
	return Bytes(info.Size()) + ", compressed.", err
}

// unnamed makes a file that nobody else can open, since it holds all there is.
func unnamed() (*os.File, error) {
	f, err := os.CreateTemp("", "transbot-drill-")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}
