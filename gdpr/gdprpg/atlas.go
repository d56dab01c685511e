package gdprpg

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
)

// atlas turns a map into predicates over the rows of one subject. They take its args as the first parameters.
type atlas struct {
	def     *gdpr.Definition
	m       *gdpr.Map
	subject tenon.Subject
	heavy   map[string]bool // tables whose owners form a cycle, or too long a predicate
	costs   map[string]int
	aliases int
}

// maxCost is how many tables a predicate may reach before it is computed from a set instead.
const maxCost = 40

// newAtlas discovers the schema by db.
func newAtlas(ctx context.Context, db DB, def *gdpr.Definition, s tenon.Subject) (*atlas, error) {
	m, err := Discover(ctx, db, def)
	if err != nil {
		return nil, err
	}
	a := &atlas{def: def, m: m, subject: s, heavy: map[string]bool{}, costs: map[string]int{}}
	for i := range m.Tables {
		t := &m.Tables[i]
		a.heavy[t.Name] = slices.ContainsFunc(t.OwnedBy, func(r gdpr.Reference) bool { return a.reaches(r.To, t.Name, map[string]bool{}) })
	}
	for i := range m.Tables {
		a.weigh(&m.Tables[i])
	}
	return a, nil
}

// reaches says whether rows of from are found through those of to.
func (a *atlas) reaches(from, to string, seen map[string]bool) bool {
	if from == to || seen[from] {
		return from == to
	}
	seen[from] = true
	return slices.ContainsFunc(a.m.Table(from).OwnedBy, func(r gdpr.Reference) bool { return a.reaches(r.To, to, seen) })
}

// args are the parameters that every predicate takes.
func (a *atlas) args() []any {
	if a.def.Root.Tenant == "" {
		return []any{a.subject.Tenant}
	}
	return []any{a.subject.Tenant, a.subject.User}
}

// weigh returns how many tables the predicate of t reaches.
func (a *atlas) weigh(t *gdpr.Table) int {
	if a.heavy[t.Name] {
		return 2
	}
	if cost, known := a.costs[t.Name]; known {
		return cost
	}
	cost := 1
	for _, r := range t.OwnedBy {
		cost += a.weigh(a.m.Table(r.To))
	}
	if cost > maxCost {
		a.heavy[t.Name], cost = true, 2
	}
	a.costs[t.Name] = cost
	return cost
}

// from returns a table as a query reads it.
func (a *atlas) from(t *gdpr.Table) string {
	if t.Only {
		return "only " + t.Name
	}
	return t.Name
}

// owned returns the predicate that a row of t is the subject's.
func (a *atlas) owned(t *gdpr.Table, alias string) string {
	switch {
	case t.Name == a.m.Root.Table:
		return a.isRoot(alias)
	case a.heavy[t.Name]:
		return a.inSet(t, alias)
	}
	return a.byOwners(t, alias)
}

func (a *atlas) isRoot(alias string) string {
	root := a.m.Table(a.m.Root.Table)
	if a.m.Root.Tenant == "" {
		return a.isParam(root, alias, a.m.Root.Key, 1)
	}
	return a.isParam(root, alias, a.m.Root.Tenant, 1) + " and " + a.isParam(root, alias, a.m.Root.Key, 2)
}

func (a *atlas) isParam(t *gdpr.Table, alias, column string, n int) string {
	c, _ := t.Column(column)
	return fmt.Sprintf("%s = $%d::text::%s", quoted(alias, column), n, unlimited(c.Type))
}

// byOwners says that the first reference that is not null leads to a row of the subject.
func (a *atlas) byOwners(t *gdpr.Table, alias string) string {
	var ways []string
	for i, r := range t.OwnedBy {
		way := a.unless(t.OwnedBy[:i], alias)
		ways = append(ways, strings.Join(append(way, a.leads(r, alias)), " and "))
	}
	if len(ways) == 1 {
		return ways[0]
	}
	return "((" + strings.Join(ways, ") or (") + "))"
}

// unless says that none of the references decides.
func (a *atlas) unless(earlier []gdpr.Reference, alias string) []string {
	var all []string
	for _, r := range earlier {
		all = append(all, "not ("+a.applies(r, alias)+")")
	}
	return all
}

// applies says that a reference is not null, and of the type that it is for.
func (a *atlas) applies(r gdpr.Reference, alias string) string {
	var all []string
	if r.Type != "" {
		all = append(all, fmt.Sprintf("coalesce(%s::text = %s, false)", quoted(alias, r.Type), literal(r.Is)))
	}
	for i := range r.Columns {
		all = append(all, a.value(r, i, alias)+" is not null")
	}
	if r.Sole {
		q := a.alias()
		all = append(all, fmt.Sprintf("exists (select from %s %s where %s)", a.from(a.m.Table(r.To)), q, a.matches(r, alias, q)))
	}
	return strings.Join(all, " and ")
}

// leads says that a reference is to a row of the subject.
func (a *atlas) leads(r gdpr.Reference, alias string) string {
	if a.direct(r) {
		return a.isSubject(r, alias)
	}
	p := a.alias()
	to := a.m.Table(r.To)
	is := fmt.Sprintf("exists (select from %s %s where %s and %s)", a.from(to), p, a.matches(r, alias, p), a.owned(to, p))
	if r.Sole {
		q := a.alias()
		is += fmt.Sprintf(" and not exists (select from %s %s where %s and (%s) is not true)",
			a.from(to), q, a.matches(r, alias, q), a.owned(to, q))
	}
	return is
}

func (a *atlas) alias() string {
	a.aliases++
	return "p" + strconv.Itoa(a.aliases)
}

// direct says whether a reference holds the subject's id itself.
func (a *atlas) direct(r gdpr.Reference) bool {
	root := a.m.Root
	if r.Sole || r.To != root.Table || !slices.Contains(r.ToColumns, root.Key) {
		return false
	}
	for _, column := range r.ToColumns {
		if column != root.Key && column != root.Tenant {
			return false
		}
	}
	return root.Tenant == "" || slices.Contains(r.ToColumns, root.Tenant) || r.Key()
}

func (a *atlas) isSubject(r gdpr.Reference, alias string) string {
	all := a.ofType(r, alias)
	if a.m.Root.Tenant != "" && !slices.Contains(r.ToColumns, a.m.Root.Tenant) {
		all = append(all, "$1::text is not null") // every predicate uses every parameter
	}
	for i, column := range r.ToColumns {
		n := 1
		if a.m.Root.Tenant != "" && column == a.m.Root.Key {
			n = 2
		}
		value, kind := a.value(r, i, alias), a.kind(r, i)
		if id, _ := a.m.Table(r.To).Column(column); !isText(kind) && isText(id.Type) { // an id need not be one of that type
			value, kind = value+"::text", "text"
		}
		all = append(all, fmt.Sprintf("%s = $%d::text::%s", value, n, unlimited(kind)))
	}
	return strings.Join(all, " and ")
}

func (a *atlas) ofType(r gdpr.Reference, alias string) []string {
	if r.Type == "" {
		return nil
	}
	return []string{fmt.Sprintf("%s::text = %s", quoted(alias, r.Type), literal(r.Is))}
}

// value returns the i-th value of a reference.
func (a *atlas) value(r gdpr.Reference, i int, alias string) string {
	if len(r.Path) == 0 {
		return quoted(alias, r.Columns[i])
	}
	return fmt.Sprintf("(%s #>> %s)", quoted(alias, r.Columns[0]), path(r))
}

// path returns where a reference lies in its document, as an array.
func path(r gdpr.Reference) string {
	steps := make([]string, len(r.Path))
	for i, step := range r.Path {
		steps[i] = literal(step)
	}
	return "array[" + strings.Join(steps, ", ") + "]::text[]"
}

func (a *atlas) kind(r gdpr.Reference, i int) string {
	if len(r.Path) > 0 {
		return "text"
	}
	c, _ := a.m.Table(r.From).Column(r.Columns[i])
	return c.Type
}

// matches says that the row at alias refers to the one at p. Where one side is text and the other is not, they are
// compared as text.
func (a *atlas) matches(r gdpr.Reference, alias, p string) string {
	all := a.ofType(r, alias)
	for i, column := range r.ToColumns {
		left, right := a.value(r, i, alias), quoted(p, column)
		to, _ := a.m.Table(r.To).Column(column)
		switch from := a.kind(r, i); {
		case isText(from) && !isText(to.Type):
			right += "::text"
		case !isText(from) && isText(to.Type):
			left += "::text"
		}
		all = append(all, left+" = "+right)
	}
	return strings.Join(all, " and ")
}

// mentioned says that a row names the subject by r and is not the subject's own.
func (a *atlas) mentioned(r gdpr.Reference, alias string) string {
	p := a.leads(r, alias)
	if t := a.m.Table(r.From); t.Relation == gdpr.Owned {
		p += " and (" + a.owned(t, alias) + ") is not true"
	}
	return p
}

// unlimited returns a type without its modifiers: a cast to varchar(6) would cut an id, and so make another's of it.
func unlimited(kind string) string {
	head, rest, limited := strings.Cut(kind, "(")
	if !limited || strings.Contains(kind, `"`) {
		return kind
	}
	_, tail, _ := strings.Cut(rest, ")")
	switch head {
	case "character": // alone it means one character
		head = "bpchar"
	case "bit":
		head = `pg_catalog."bit"`
	}
	return head + tail
}

func isText(kind string) bool { return kind == "text" || strings.HasPrefix(kind, "character") }

func quoted(parts ...string) string { return pgx.Identifier(parts).Sanitize() }

// literal quotes text of the host's definition.
func literal(s string) string {
	s = strings.ReplaceAll(s, "\x00", "")
	return "e'" + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), "'", `\'`) + "'"
}
