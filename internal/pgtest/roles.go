package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/migrations"
)

// Roles are the pools of a database under row level security: one for each role that a host has, and Admin, to whom
// everything is visible.
type Roles struct {
	Admin, Owner, App, Worker *pgxpool.Pool
}

// NewRoles makes the roles of a host, hands the schema of admin's database to the owner among them, and puts it under
// row level security.
func NewRoles(t TB, admin *pgxpool.Pool) Roles {
	t.Helper()
	r := Roles{Admin: admin, Owner: Role(t, admin, "owner"), App: Role(t, admin, "app"), Worker: Role(t, admin, "worker")}
	names := migrations.Roles{Owner: nameOf(r.Owner), App: nameOf(r.App), Worker: nameOf(r.Worker)}
	alone(t, admin, func(ctx context.Context, conn *pgx.Conn) error { return migrations.ApplyGrants(ctx, conn, names) })
	alone(t, r.Owner, func(ctx context.Context, conn *pgx.Conn) error { return migrations.EnableRLS(ctx, conn, names) })
	return r
}

// Role returns a pool of a new role that may log in, and nothing else yet. A role belongs to the server: its name begins
// with the database's, and it goes with the test, with all that it owns.
func Role(t TB, admin *pgxpool.Pool, name string) *pgxpool.Pool {
	t.Helper()
	config := admin.Config()
	config.ConnConfig.User, config.ConnConfig.Password = config.ConnConfig.Database+"_"+name, rand.Text()
	role := pgx.Identifier{config.ConnConfig.User}.Sanitize()
	Exec(t, admin, "create role "+role+" login password '"+config.ConnConfig.Password+"'")
	t.Cleanup(func() {
		err := connected(context.Background(), admin, func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, strings.ReplaceAll("reassign owned by $ to current_user; drop owned by $; drop role $", "$", role))
			return err
		})
		if err != nil {
			t.Fatalf("pgtest: %v", err)
		}
	})
	return connect(t, config)
}

// nameOf returns the name of the role that a pool connects as.
func nameOf(pool *pgxpool.Pool) string { return pool.Config().ConnConfig.User }

// alone gives f a connection of its own, as a program has that applies migrations.
func alone(t TB, pool *pgxpool.Pool, f func(ctx context.Context, conn *pgx.Conn) error) {
	t.Helper()
	if err := connected(t.Context(), pool, f); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
}

func connected(ctx context.Context, pool *pgxpool.Pool, f func(ctx context.Context, conn *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	return errors.Join(f(ctx, conn), conn.Close(ctx))
}
