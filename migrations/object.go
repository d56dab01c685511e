package migrations

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
)

// object is something that privileges are granted on.
type object struct {
	Kind    string // table, view, sequence or routine
	Name    string // quoted, with schema and arguments
	Owner   string
	Tenant  bool // has a column tenant_id
	Definer bool // runs as its owner
	Trigger bool // is called by triggers alone
	Comment string
}

const selectObjects = `
select case c.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'view' else 'table' end,
  format('%I.%I', n.nspname, c.relname),
  pg_get_userbyid(c.relowner)::text,
  exists (
    select
    from pg_attribute a
    where a.attrelid = c.oid
      and a.attname = 'tenant_id'
      and not a.attisdropped),
  false,
  false,
  coalesce(obj_description(c.oid, 'pg_class'), '')
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'tenon'
  and c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
  and not c.relispartition
union all
select 'routine',
  format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
  pg_get_userbyid(p.proowner)::text,
  false,
  p.prosecdef,
  p.prorettype = 'trigger'::regtype,
  coalesce(obj_description(p.oid, 'pg_proc'), '')
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
where n.nspname = 'tenon'
order by 1, 2`

func objects(ctx context.Context, db Querier) ([]object, error) {
	rows, err := db.Query(ctx, selectObjects, plain)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[object])
}

// keyword returns what grant calls the object's kind.
func (o object) keyword() string {
	if o.Kind == "view" {
		return "table"
	}
	return o.Kind
}

// privileges returns what o gives to part.
func (o object) privileges(part string) ([]string, error) {
	said, ok := said(o.Comment, part)
	if !ok {
		return o.usual(part), nil
	}
	var ps []string
	for p := range strings.SplitSeq(said, ",") {
		p = strings.TrimSpace(p)
		switch {
		case p == "none" && !strings.Contains(said, ","):
		case slices.Contains(grantable[o.Kind], p):
			ps = append(ps, p)
		default:
			return nil, tenon.Invalid("comment", "of %s %s: %q is not a privilege on it", o.Kind, o.Name, p)
		}
	}
	return ps, nil
}

var grantable = map[string][]string{
	"table":    {"delete", "insert", "select", "truncate", "update"},
	"view":     {"select"},
	"sequence": {"select", "update", "usage"},
	"routine":  {"execute"},
}

func (o object) usual(part string) []string {
	switch {
	case o.Kind == "view", o.Kind == "table" && !o.Tenant && part == "app":
		return []string{"select"}
	case o.Kind == "table":
		return []string{"delete", "insert", "select", "update"}
	case o.Kind == "sequence":
		return []string{"usage"}
	case o.Trigger, o.Definer && part == "app":
		return nil
	}
	return []string{"execute"}
}

var inComment = regexp.MustCompile(`\[(app|worker):([^\]]*)\]`)

// said returns what a comment says about a part.
func said(comment, part string) (string, bool) {
	for _, m := range inComment.FindAllStringSubmatch(comment, -1) {
		if m[1] == part {
			return m[2], true
		}
	}
	return "", false
}
