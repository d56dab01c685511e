package gdprpg

import (
	"fmt"
	"slices"
	"strings"

	"github.com/transbotai/tenon/gdpr"
)

// inSet says that a row of t is in the set of the subject's rows, which is found by a walk from the owners that are not
// heavy through those that are.
func (a *atlas) inSet(t *gdpr.Table, alias string) string {
	var base, step []string
	tables := a.heavyOwners(t)
	for k, h := range tables {
		for i, r := range h.OwnedBy {
			to := a.m.Table(r.To)
			at := slices.Index(tables, to)
			if at < 0 {
				where := append(a.unless(h.OwnedBy[:i], "t"), a.leads(r, "t"))
				base = append(base, fmt.Sprintf("select %d, %s from %s t where %s", k, identity(h, "t"), a.from(h), strings.Join(where, " and ")))
				continue
			}
			where := append(a.unless(h.OwnedBy[:i], "c"), a.matches(r, "c", "p"), a.isMember(to, at))
			step = append(step, fmt.Sprintf("select %d, %s from %s c, %s p where %s",
				k, identity(h, "c"), a.from(h), a.from(to), strings.Join(where, " and ")))
		}
	}
	sql := strings.Join(base, " union ")
	if len(step) > 0 {
		sql = fmt.Sprintf("(%s) union select n.tbl, n.id from set o cross join lateral (%s) n (tbl, id)", sql, strings.Join(step, " union all "))
	}
	return fmt.Sprintf("%s in (with recursive set (tbl, id) as (%s) select id from set where tbl = %d)",
		identity(t, alias), sql, slices.Index(tables, t))
}

// heavyOwners returns t and the heavy tables that it is owned through.
func (a *atlas) heavyOwners(t *gdpr.Table) []*gdpr.Table {
	tables := []*gdpr.Table{t}
	for i := 0; i < len(tables); i++ {
		for _, r := range tables[i].OwnedBy {
			if to := a.m.Table(r.To); a.heavy[to.Name] && !slices.Contains(tables, to) {
				tables = append(tables, to)
			}
		}
	}
	return tables
}

// identity returns what tells a row from all others, as an array of text.
func identity(t *gdpr.Table, alias string) string {
	if !t.Unique {
		return fmt.Sprintf("array[%[1]s.tableoid::text, %[1]s.ctid::text]", alias)
	}
	return key(t, alias)
}

// key returns a row's key as an array of text.
func key(t *gdpr.Table, alias string) string {
	all := make([]string, len(t.Key))
	for i, column := range t.Key {
		all[i] = quoted(alias, column) + "::text"
	}
	return "array[" + strings.Join(all, ", ") + "]"
}

// isMember says that p is the member o of the set. The key is compared in its own type, for the index; the case keeps
// keys of other tables from being read as that type.
func (a *atlas) isMember(t *gdpr.Table, at int) string {
	if !t.Unique {
		return fmt.Sprintf("o.tbl = %d and %s = o.id", at, identity(t, "p"))
	}
	all := []string{fmt.Sprintf("o.tbl = %d", at)}
	for i, column := range t.Key {
		c, _ := t.Column(column)
		all = append(all, fmt.Sprintf("%s = case when o.tbl = %d then o.id[%d] end::%s", quoted("p", column), at, i+1, c.Type))
	}
	return strings.Join(all, " and ")
}
