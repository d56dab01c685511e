package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/audit/isolation"
	"github.com/transbotai/tenon/examples/transbot/internal/evidence"
	"github.com/transbotai/tenon/migrations"
)

// The roles of the database. The one that the program connects with owns everything and applies migrations; requests of
// companies are answered as the first of these, which sees one company at a time, and everything else, such as pages of
// the staff, signing in and work in the background, is done as the second, which sees all.
var roles = migrations.Roles{App: "transbot_app", Worker: "transbot_worker"}

// acting returns settings whose connections act as a role. A deployment whose roles have logins of their own connects
// as them instead, so that nothing in a connection leads back to the owner.
func acting(settings *pgxpool.Config, role string) *pgxpool.Config {
	c := settings.Copy()
	c.ConnConfig.RuntimeParams["role"] = role
	return c
}

// A role that is there already, made by somebody who may do so, is taken as it is.
const createRoles = `
do $$
declare
  name text;
begin
  foreach name in array array['transbot_app', 'transbot_worker'] loop
    begin
      if not exists (select from pg_roles where rolname = name) then
        execute format('create role %I nologin', name);
      end if;
    exception when duplicate_object or unique_violation then
      null; -- roles belong to the server; another of its databases was faster
    end;
    if not pg_has_role(current_user, name, 'member') then
      execute format('grant %I to current_user', name);
    end if;
  end loop;
end
$$`

// What the companies' requests do with the platform's own tables is to read and to add quotes.
const grantTables = `
grant usage on schema public to transbot_app, transbot_worker;
grant select, insert, update, delete on all tables in schema public to transbot_worker;
grant select on public.companies to transbot_app;
grant select, insert on public.quotes, public.bulk_jobs to transbot_app`

const selectUnguarded = `
select exists (
  select
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid
  where (c.relnamespace = 'tenon'::regnamespace and a.attname = 'tenant_id' or c.oid = any ($1::text[]::regclass[]))
    and c.relkind in ('r', 'p')
    and not a.attisdropped
    and not (c.relrowsecurity and c.relforcerowsecurity))`

// secure makes the roles and gives them what they need, puts policies on the tables of tenants, and has the tables of
// companies and quotes watched. Instances that start together take turns, and one that finds everything in place leaves
// the tables alone.
func secure(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, "select pg_advisory_lock(hashtextextended('transbot.secure', 0))"); err != nil {
		return err // the lock ends with the connection
	}
	if _, err := conn.Exec(ctx, createRoles); err != nil {
		return fmt.Errorf("roles: %w", err)
	}
	if err := migrations.ApplyGrants(ctx, conn, roles); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, grantTables); err != nil {
		return fmt.Errorf("grants: %w", err)
	}
	var unguarded bool
	tables := slices.Sorted(maps.Keys(evidence.Tables))
	if err := conn.QueryRow(ctx, selectUnguarded, tables).Scan(&unguarded); err != nil {
		return err
	}
	if unguarded {
		if err := guard(ctx, conn, tables); err != nil {
			return err
		}
	}
	return watch(ctx, conn)
}

// guard puts policies on every table with a tenant.
func guard(ctx context.Context, conn *pgx.Conn, tables []string) error {
	if err := migrations.EnableRLS(ctx, conn, roles); err != nil {
		return err
	}
	var owner string
	if err := conn.QueryRow(ctx, "select current_user::text").Scan(&owner); err != nil {
		return err
	}
	for _, table := range tables {
		if err := isolation.Enable(ctx, conn, table, evidence.Tables[table], roles.Worker, owner); err != nil {
			return err
		}
	}
	return nil
}

// watches are the tables whose changes triggers record. The demo's past comes in large statements, of which a summary
// is enough.
var watches = map[string]auditpg.WatchOptions{
	"public.companies": {Tenant: "id"},
	"public.quotes":    {Tenant: "company_id", BulkOver: 100},
}

const selectWatched = `
select count(*)
from tenon.audit_watches
where table_name = any ($1)`

func watch(ctx context.Context, conn *pgx.Conn) error {
	drifts, err := auditpg.Drifts(ctx, conn)
	if err != nil {
		return err
	}
	var watched int
	if err := conn.QueryRow(ctx, selectWatched, slices.Collect(maps.Keys(watches))).Scan(&watched); err != nil {
		return err
	}
	if watched == len(watches) && len(drifts) == 0 {
		return nil
	}
	for table, o := range watches {
		if err := auditpg.Watch(ctx, conn, table, &o); err != nil {
			return err
		}
	}
	return nil
}

// openPools opens the connections of the three roles. The owner's serve the reports alone.
func openPools(ctx context.Context, settings *pgxpool.Config) (p evidence.Pools, err error) {
	owner := settings.Copy()
	owner.MaxConns = 2
	for _, o := range []struct {
		pool     **pgxpool.Pool
		settings *pgxpool.Config
	}{
		{&p.Owner, owner}, {&p.Worker, acting(settings, roles.Worker)}, {&p.App, acting(settings, roles.App)},
	} {
		if *o.pool, err = pgxpool.NewWithConfig(ctx, o.settings); err != nil {
			closePools(p)
			return p, err
		}
	}
	return p, nil
}

func closePools(p evidence.Pools) {
	for _, pool := range []*pgxpool.Pool{p.Owner, p.Worker, p.App} {
		if pool != nil {
			pool.Close()
		}
	}
}
