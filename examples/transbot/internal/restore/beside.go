package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/internal/pgtest"
)

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
		"max_connections": "40", "maintenance_work_mem": "256MB", "max_wal_size": "2GB",
		"wal_level": "minimal", "max_wal_senders": "0", "autovacuum": "off",
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
