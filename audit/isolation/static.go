package isolation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
)

// static looks at tables, their policies and the application's role.
func (r *run) static(ctx context.Context, tx pgx.Tx) error {
	for i := range r.schema.tables {
		t := &r.schema.tables[i]
		if t.Kind == "f" {
			if t.Reached {
				remedy := "revoke all on " + t.Name + " from " + quote(r.role)
				r.found(ForeignTable, t.Name, "is a foreign table, which has no policies", remedy)
			}
			continue
		}
		r.checkTable(t)
		for j := range r.schema.policies[t.OID] {
			r.checkPolicy(t, &r.schema.policies[t.OID][j])
		}
	}
	return r.checkRole(ctx, tx)
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// found adds a finding of the static part.
func (r *run) found(kind Kind, object, detail, remedy string) {
	r.add(Finding{Part: Static, Kind: kind, Object: object, Detail: detail, Remedy: remedy})
}

func (r *run) checkTable(t *table) {
	if !t.Enabled {
		r.found(RLSDisabled, t.Name, "row level security is off", "alter table "+t.Name+" enable row level security")
	}
	if !t.Forced {
		r.found(RLSNotForced, t.Name, "row level security does not bind the owner", "alter table "+t.Name+" force row level security")
	}
	if t.Truncate {
		r.found(TruncateGranted, t.Name, "may be truncated, which asks no policy", "revoke truncate on "+t.Name+" from "+quote(r.role))
	}
	for _, c := range commands {
		if t.may(c) && !r.covered(t, c) {
			r.add(Finding{
				Part: Static, Kind: PolicyMissing, Object: t.Name, Command: c.String(),
				Detail: fmt.Sprintf("has no policy for %s, which the role may do", c),
				Remedy: "isolation.Enable, or revoke " + c.String() + " on " + t.Name + " from " + quote(r.role),
			})
		}
	}
}

// covered says whether some permissive policy is about a command.
func (r *run) covered(t *table, c command) bool {
	for _, p := range r.schema.policies[t.OID] {
		if p.Permissive && p.covers(c) {
			return true
		}
	}
	return false
}

func (r *run) checkPolicy(t *table, p *policy) {
	at := t.Name + " policy " + p.Name
	if p.checks() && p.Check == nil {
		r.add(Finding{
			Part: Static, Kind: CheckMissing, Object: at, Command: p.Command.String(),
			Detail: "has no with check of its own: what may be written follows from what may be seen",
			Remedy: fmt.Sprintf("alter policy %s on %s with check (…)", p.Name, t.Name),
		})
	}
	switch {
	case !p.Permissive:
	case !p.ReadsIt && !r.restricted(t, p):
		r.open(t, p, at, "does not look at "+t.Column)
	case isOpen(p.Using), isOpen(p.Check):
		if !r.restricted(t, p) {
			r.open(t, p, at, "lets every row through, using or with check")
		}
	}
}

func (r *run) open(t *table, p *policy, at, detail string) {
	r.add(Finding{
		Part: Static, Kind: PolicyOpen, Object: at, Command: p.Command.String(), Detail: detail,
		Remedy: fmt.Sprintf("drop policy %s on %s", p.Name, t.Name),
	})
}

// restricted says whether restrictive policies that look at the tenant stand before every command of p.
func (r *run) restricted(t *table, p *policy) bool {
	for _, c := range commands {
		guards := func(q policy) bool { return !q.Permissive && q.ReadsIt && q.covers(c) }
		if p.covers(c) && !slices.ContainsFunc(r.schema.policies[t.OID], guards) {
			return false
		}
	}
	return true
}

const selectRole = `
select r.rolsuper or r.rolbypassrls,
  coalesce((
    select string_agg(quote_ident(m.rolname), ', ' order by m.rolname)
    from pg_roles m
    where m.rolname <> $1
      and pg_has_role($1, m.oid, 'member')
      and (m.rolsuper or m.rolbypassrls
        or not pg_has_role($1, m.oid, 'usage')
          and exists (
            select
            from pg_policy p
            where p.polrelid = any ($2::oid[])
              and p.polpermissive
              and m.oid = any (p.polroles)
              and (pg_get_expr(p.polqual, p.polrelid) = 'true' or pg_get_expr(p.polwithcheck, p.polrelid) = 'true')))), ''),
  coalesce((
    select string_agg(c.oid::regclass::text, ', ' order by c.oid::regclass::text)
    from pg_class c
    where c.oid = any ($2::oid[])
      and pg_has_role($1, c.relowner, 'member')), '')
from pg_roles r
where r.rolname = $1`

type roleFacts struct {
	Bypasses bool
	Becomes  string // roles that bypass policies, or that an open one is for, which it may become
	Owns     string // tables, itself or as a member of their owner
}

func (r *run) checkRole(ctx context.Context, tx pgx.Tx) error {
	oids := make([]uint32, len(r.schema.tables))
	for i, t := range r.schema.tables {
		oids[i] = t.OID
	}
	facts, err := all[roleFacts](ctx, tx, selectRole, r.role, oids)
	if err != nil {
		return err
	}
	for _, f := range facts {
		if f.Bypasses {
			r.found(RoleUnbound, quote(r.role), "is a superuser or bypasses row level security", "alter role "+quote(r.role)+" nosuperuser nobypassrls")
			continue // it may become anybody
		}
		if f.Becomes != "" {
			r.found(RoleUnbound, quote(r.role), "may become "+f.Becomes+", which no policy binds", "revoke "+f.Becomes+" from "+quote(r.role))
		}
		if f.Owns != "" {
			r.found(RoleUnbound, quote(r.role), "owns, or may become the owner of, "+f.Owns, "alter table … owner to another role")
		}
	}
	return nil
}

// warn adds a finding that is nothing wrong yet.
func (r *run) warn(kind Kind, object, detail, remedy string) {
	r.add(Finding{Part: Static, Kind: kind, Severity: tenon.SeverityWarning, Object: object, Detail: detail, Remedy: remedy})
}

// fill puts an object's name into a remedy.
func fill(remedy, object string) string { return strings.ReplaceAll(remedy, "%s", object) }
