package migrations

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
)

// Roles names the roles of a host, which must exist. App and Worker are required.
//
//   - Owner owns schema tenon and what is in it, and runs [Apply]. Empty leaves the ownership as it is.
//   - App serves requests. Under row level security it sees one tenant at a time.
//   - Worker runs the Run loops, across tenants.
//
// A host with a single role names it twice; then [EnableRLS] is not for it.
type Roles struct {
	Owner, App, Worker string
}

func (r Roles) check() error {
	switch {
	case r.App == "":
		return tenon.Invalid("app", "is empty")
	case r.Worker == "":
		return tenon.Invalid("worker", "is empty")
	}
	return nil
}

// Grants returns the statements that give App and Worker what they need on everything in schema tenon, and take from
// them what they do not, for a person to read or to run. What an object gives follows from what it is:
//
//	table with a column tenant_id   app and worker: select, insert, update, delete
//	other table                     app: select; worker: select, insert, update, delete
//	view                            app and worker: select
//	sequence                        app and worker: usage
//	function                        app and worker: execute; worker alone when it is security definer; nobody when
//	                                it is a trigger's
//	partition                       nothing: it is reached through its table
//
// An object that differs says so in its comment, which a migration writes, for either role or both:
//
//	comment on table tenon.audit_log is 'Who did what. [app: select, insert] [worker: select]';
//
// where "none" gives nothing. With an Owner, the statements also hand over what that role does not own.
func Grants(ctx context.Context, db Querier, roles Roles) (string, error) {
	statements, err := grants(ctx, db, roles)
	if err != nil {
		return "", fmt.Errorf("migrations: %w", err)
	}
	return strings.Join(statements, ";\n") + ";\n", nil
}

// ApplyGrants runs what [Grants] returns in one transaction. Call it as the owner after [Apply], each time, since new
// tables come with no privileges. Calling it again changes nothing.
func ApplyGrants(ctx context.Context, conn *pgx.Conn, roles Roles) error {
	if err := checkIdle(conn); err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	err := locked(ctx, conn, func(tx pgx.Tx) error {
		statements, err := grants(ctx, tx, roles)
		if err != nil {
			return err
		}
		return execAll(ctx, tx, statements)
	})
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	return nil
}

func execAll(ctx context.Context, tx pgx.Tx, statements []string) error {
	for _, s := range statements {
		if _, err := tx.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

const schemaOwner = `
select pg_get_userbyid(nspowner)::text
from pg_namespace
where nspname = 'tenon'`

func grants(ctx context.Context, db Querier, roles Roles) ([]string, error) {
	if err := roles.check(); err != nil {
		return nil, err
	}
	objects, err := objects(ctx, db)
	if err != nil {
		return nil, err
	}
	owner, err := one[string](ctx, db, schemaOwner)
	if err != nil {
		return nil, fmt.Errorf("schema tenon: %w", err)
	}
	statements, err := handOver(ctx, db, roles.Owner)
	if err != nil {
		return nil, err
	}
	statements = append(statements, "revoke all on schema tenon from public",
		"revoke execute on all routines in schema tenon from public")
	for _, g := range roles.grantees(cmp.Or(roles.Owner, owner)) {
		ss, err := g.grants(objects)
		if err != nil {
			return nil, err
		}
		statements = append(statements, ss...)
	}
	return statements, nil
}

// grantee is a role and the parts that it plays.
type grantee struct {
	role  string
	parts []string
}

// grantees returns the roles that need grants. The owner needs none.
func (r Roles) grantees(owner string) []grantee {
	gs := []grantee{{r.App, []string{"app"}}, {r.Worker, []string{"worker"}}}
	if r.App == r.Worker {
		gs = []grantee{{r.App, []string{"app", "worker"}}}
	}
	return slices.DeleteFunc(gs, func(g grantee) bool { return g.role == owner })
}

// grants returns the statements for one role.
func (g grantee) grants(objects []object) ([]string, error) {
	to := pgx.Identifier{g.role}.Sanitize()
	ss := []string{
		"revoke all on schema tenon from " + to,
		"revoke all on all tables in schema tenon from " + to,
		"revoke all on all sequences in schema tenon from " + to,
		"revoke all on all routines in schema tenon from " + to,
		"grant usage on schema tenon to " + to,
	}
	for _, o := range objects {
		var ps []string
		for _, part := range g.parts {
			more, err := o.privileges(part)
			if err != nil {
				return nil, err
			}
			ps = append(ps, more...)
		}
		if len(ps) == 0 {
			continue
		}
		ps = slices.Compact(slices.Sorted(slices.Values(ps)))
		ss = append(ss, fmt.Sprintf("grant %s on %s %s to %s", strings.Join(ps, ", "), o.keyword(), o.Name, to))
	}
	return ss, nil
}
