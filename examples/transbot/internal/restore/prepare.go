package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
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
	return fmt.Sprintf("%d tables with %s rows; %s records in the audit log's tree.", d.report.Tables, thousands(d.report.Rows), thousands(d.then.size)), nil
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
		args: []string{"--format=custom", "--no-password", "--enable-row-security", "--lock-wait-timeout=30s", "--snapshot=" + snapshot},
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

// beside is the second server.
type beside struct {
	server *pgtest.Server
	conn   *pgx.Conn     // writes values as the live one does
	owner  *pgxpool.Pool // of who owns everything
	app    *pgxpool.Pool // of the role of requests
}

const copyName = "transbot_copy"

// rolesSQL finds who owns something in this database or has a right to it.
const rolesSQL = `
select r.rolname, r.rolsuper, r.rolbypassrls
from pg_roles r
where r.rolname !~ '^pg_'
  and (r.oid in (
      select d.refobjid
      from pg_shdepend d
      join pg_database b on b.oid = d.dbid
      where b.datname = current_database()
        and d.refclassid = 'pg_authid'::regclass)
    or r.oid in (select relowner from pg_class)
    or r.oid in (select nspowner from pg_namespace)
    or r.oid in (select datdba from pg_database where datname = current_database()))`

// startBeside starts a server of our own, with the roles that the dump speaks of. None of them can sign in there.
func (d *drill) startBeside(ctx context.Context) (string, error) {
	server, err := pgtest.Start(ctx, &pgtest.Options{Durable: true, Settings: map[string]string{
		"max_connections": "40", "maintenance_work_mem": "256MB", "max_wal_size": "2GB", "wal_level": "minimal", "max_wal_senders": "0",
	}})
	if err != nil {
		return "", err
	}
	d.copied = &beside{server: server}
	rows, err := d.live.Query(ctx, rolesSQL)
	if err != nil {
		return "", err
	}
	roles, err := pgx.CollectRows(rows, pgx.RowToStructByPos[role])
	if err != nil {
		return "", err
	}
	conn, err := pgx.Connect(ctx, server.URL("postgres"))
	if err != nil {
		return "", err
	}
	err = makeRoles(ctx, conn, roles)
	if err == nil {
		_, err = conn.Exec(ctx, "create database "+copyName+" template template0")
	}
	return fmt.Sprintf("%d roles.", len(roles)), errors.Join(err, conn.Close(ctx))
}

type role struct {
	Name          string
	Super, Bypass bool
}

func makeRoles(ctx context.Context, conn *pgx.Conn, roles []role) error {
	for _, r := range roles {
		var there bool
		if err := conn.QueryRow(ctx, "select exists (select from pg_roles where rolname = $1)", r.Name).Scan(&there); err != nil {
			return err
		}
		if there {
			continue
		}
		sql := "create role " + pgx.Identifier{r.Name}.Sanitize() + " nologin"
		if r.Super {
			sql += " superuser"
		}
		if r.Bypass {
			sql += " bypassrls"
		}
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// restoreAll restores the dump and connects to the copy.
func (d *drill) restoreAll(ctx context.Context) (string, error) {
	at, err := pgxpool.ParseConfig(d.copied.server.URL(copyName))
	if err != nil {
		return "", err
	}
	err = job{
		path: d.tools.restore, at: at.ConnConfig, in: d.dump,
		args: []string{"--dbname=" + copyName, "--no-password", "--single-transaction"},
	}.run(ctx)
	if err != nil {
		return "", err
	}
	if err := d.copied.connect(ctx, at, d.c.App); err != nil {
		return "", err
	}
	if d.c.Restored != nil {
		if err := d.c.Restored(ctx, d.copied.conn); err != nil {
			return "", err
		}
	}
	var size int64
	err = d.copied.conn.QueryRow(ctx, "select pg_database_size(current_database())").Scan(&size)
	return Bytes(size) + ".", err
}

func (b *beside) connect(ctx context.Context, at *pgxpool.Config, app string) (err error) {
	if b.conn, err = pgx.ConnectConfig(ctx, at.ConnConfig); err != nil {
		return err
	}
	if _, err = b.conn.Exec(ctx, alike); err != nil {
		return err
	}
	if b.owner, err = pgxpool.NewWithConfig(ctx, at); err != nil {
		return err
	}
	acting := at.Copy()
	acting.ConnConfig.RuntimeParams["role"] = app
	b.app, err = pgxpool.NewWithConfig(ctx, acting)
	return err
}

// stop ends the server and removes all that it had.
func (b *beside) stop() error {
	for _, pool := range []*pgxpool.Pool{b.owner, b.app} {
		if pool != nil {
			pool.Close()
		}
	}
	if b.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = b.conn.Close(ctx) // the server is about to end anyway
	}
	return b.server.Stop()
}

// Bytes writes a number of bytes as people read it.
func Bytes(n int64) string {
	f, unit := float64(n), "bytes"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if f < 1000 {
			break
		}
		f, unit = f/1000, next
	}
	if unit == "bytes" {
		return strconv.FormatInt(n, 10) + " bytes"
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + unit
}

// thousands writes a number with its thousands apart.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
