package gdprpg

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/transbotai/tenon/gdpr"
)

// cycle does works whose tables refer to each other, or to themselves. Rows to which none refers go first, in batches
// like everywhere. What is left then refers to itself in a circle, and goes in one statement: Postgres asks its keys,
// RESTRICT included, when all parts of a statement are through.
func (e *eraser) cycle(ctx context.Context, works []gdpr.Work) error {
	deletes := !slices.ContainsFunc(works, func(w gdpr.Work) bool { return w.Rule != gdpr.Delete })
	stuck := make([][]string, len(works))
	for progress := deletes; progress; {
		progress = false
		for i, w := range works {
			n, err := e.deleteSome(ctx, w, e.leaf(works, w), &stuck[i])
			if err != nil {
				return err
			}
			progress = progress || n >= e.host.options.Batch // fewer are not worth another search
		}
	}
	for _, w := range works {
		if err := e.alone(ctx, w); err != nil {
			return err
		}
	}
	return e.together(ctx, works)
}

// leaf says that no other row refers to t, be it one of the group or one that stays and through which others are found.
func (e *eraser) leaf(works []gdpr.Work, w gdpr.Work) string {
	var none strings.Builder
	to := e.m.Table(w.Table)
	for _, r := range e.m.References {
		from := e.m.Table(r.From)
		inside := slices.ContainsFunc(works, func(o gdpr.Work) bool { return o.Table == r.From })
		stays := from.Relation == gdpr.Owned && e.def.Tables[r.From].Rule != gdpr.Delete
		if r.To != w.Table || !inside && !stays || !e.follows(r) {
			continue
		}
		other := ""
		if from == to {
			other = " and (c.tableoid, c.ctid) <> (t.tableoid, t.ctid)"
		}
		fmt.Fprintf(&none, " and not exists (select from %s c where %s%s)", e.from(from), e.matches(r, "c", "t"), other)
	}
	return none.String()
}

// together does what is left of works in one statement, and says that they are done.
func (e *eraser) together(ctx context.Context, works []gdpr.Work) error {
	n := len(e.args())
	args := append(e.args(), e.d.ID)
	var parts, counts []string
	for i, w := range works {
		t := e.m.Table(w.Table)
		does := "delete from " + e.from(t) + " t"
		if w.Rule != gdpr.Delete {
			does = fmt.Sprintf("update %s t set %s", e.from(t), e.sets(w))
		}
		parts = append(parts, fmt.Sprintf("d%d as (\n  %s\n  where %s\n  returning 1)", i, does, e.concerned(w, "t")))
		args = append(args, w.Name())
		counts = append(counts, fmt.Sprintf("select $%d::text, (select count(*) from d%d)", n+2+i, i))
	}
	return e.inBatch(ctx, fmt.Sprintf(`
with %s
update tenon.gdpr_work w
set rows = w.rows + n.n,
  done = true,
  last_error = ''
from (
  %s) n (work, n)
where w.tenant_id = $1
  and w.deletion_id = $%d
  and w.work = n.work
  and not w.done`, strings.Join(parts, ",\n"), strings.Join(counts, "\n  union all\n  "), n+1), args)
}

// sets returns the assignments of an update that anonymises.
func (e *eraser) sets(w gdpr.Work) string {
	t := e.m.Table(w.Table)
	var all []string
	for _, column := range slices.Sorted(maps.Keys(w.Columns)) {
		c, _ := t.Column(column)
		all = append(all, fmt.Sprintf("%s = %s", quoted(column), e.anonymous(w, c)))
	}
	return strings.Join(all, ", ")
}

// anonymous returns what a column holds afterwards.
func (e *eraser) anonymous(w gdpr.Work, c gdpr.Column) string {
	column := quoted("t", c.Name)
	switch w.Columns[c.Name] {
	case gdpr.SetEmpty:
		if strings.HasPrefix(c.Type, "json") {
			return "'{}'"
		}
		if strings.HasSuffix(c.Type, "[]") {
			return "'{}'::" + c.Type
		}
		return "''"
	case gdpr.SetToken:
		word := "'erased-' || replace(gen_random_uuid()::text, '-', '')"
		if size := gdpr.SizeOf(c.Type); size > 0 && size < gdpr.TokenSize {
			return fmt.Sprintf("left(%s, %d)", word, size)
		}
		return word
	case gdpr.SetYear:
		return fmt.Sprintf("date_trunc('year', %s)::%s", column, c.Type)
	}
	for _, r := range e.m.References { // inside a document, the value goes and the document stays
		if r.From == w.Table && len(r.Path) > 0 && r.Columns[0] == c.Name && (w.Reference == r.Name || c.NotNull) {
			return fmt.Sprintf("jsonb_set(%s::jsonb, %s, 'null', false)::%s", column, path(r), c.Type)
		}
	}
	return "null"
}
