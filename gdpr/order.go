package gdpr

import (
	"slices"
	"time"
)

// Works returns what an erasure at that time does with each table, in the order in which it is done: rows before those
// that they refer to, and together where keys form a cycle. Rows are not counted.
func (d *Definition) Works(m *Map, at time.Time) []Work {
	o := &order{d: d, m: m}
	for i := range m.Tables {
		o.add(&m.Tables[i], at)
	}
	o.link()
	return o.sorted()
}

type order struct {
	d      *Definition
	m      *Map
	works  []Work
	before [][]int // by work: those that must be done before it
}

func (o *order) add(t *Table, at time.Time) {
	rule := o.d.Tables[t.Name]
	if t.Relation == Owned {
		w := Work{Table: t.Name, Relation: Owned, Rule: rule.Rule, Basis: rule.Basis, Until: rule.Until.After(at)}
		if rule.Rule != Delete {
			w.Columns, w.Kept = o.columns(t)
		}
		o.works = append(o.works, w)
	}
	for _, r := range o.m.References {
		if r.From == t.Name && o.m.owned(r.To) && !t.decides(r) {
			if columns := o.mentioned(t, r); len(columns) > 0 {
				o.works = append(o.works, Work{
					Table: t.Name, Relation: Mentions, Reference: r.Name, Rule: Anonymise, Columns: columns,
				})
			}
		}
	}
}

// columns returns what is anonymised and what is kept in the subject's own rows when they stay.
func (o *order) columns(t *Table) (anonymised map[string]Method, kept []string) {
	anonymised = map[string]Method{}
	for _, c := range t.Columns {
		switch rule, _ := o.d.ColumnRule(t.Name, c.Name); rule.Rule {
		case Anonymise:
			anonymised[c.Name] = rule.Method
		case Keep:
			kept = append(kept, c.Name)
		}
	}
	return anonymised, kept
}

// mentioned returns what is anonymised in rows of others that mention the subject by r: columns of r, and those that go
// with it.
func (o *order) mentioned(t *Table, r Reference) map[string]Method {
	columns, chosen := map[string]Method{}, false
	for _, c := range t.Columns {
		rule := o.d.Tables[t.Name].Columns[c.Name]
		ours := slices.Contains(r.Columns, c.Name)
		if rule.Rule == Anonymise && (ours || rule.With == r.Name) {
			columns[c.Name] = rule.Method
			chosen = chosen || ours
		}
	}
	if !chosen {
		return nil
	}
	return columns
}

func (t *Table) decides(r Reference) bool {
	return slices.ContainsFunc(t.OwnedBy, func(o Reference) bool { return o.Name == r.Name })
}

// link finds what must be done before what: rows before those that they refer to by key, and before those through which
// they are found, however far.
func (o *order) link() {
	o.before = make([][]int, len(o.works))
	owned := map[string]int{}
	for i, w := range o.works {
		if w.Relation == Owned && o.cuts(w) {
			owned[w.Table] = i
		}
	}
	for i, w := range o.works {
		for _, table := range o.needed(w) {
			if to, cut := owned[table]; cut && to != i && !slices.Contains(o.before[to], i) {
				o.before[to] = append(o.before[to], i)
			}
		}
	}
}

// needed returns the tables that a work's rows refer to by key, and those through which they are found.
func (o *order) needed(w Work) []string {
	found := o.through(nil, w.Table)
	for _, r := range o.m.References {
		switch {
		case r.From != w.Table:
		case w.Relation == Mentions && r.Name == w.Reference:
			found = o.through(found, r.To)
		case w.Relation == Owned && r.Key() && !slices.Contains(found, r.To):
			found = append(found, r.To)
		}
	}
	return found
}

// through adds a table, and those that say whose its rows are, to those that were found.
func (o *order) through(found []string, table string) []string {
	if slices.Contains(found, table) {
		return found
	}
	found = append(found, table)
	for _, r := range o.m.Table(table).OwnedBy {
		found = o.through(found, r.To)
	}
	return found
}

// cuts says whether, after w, rows that refer to its table can no longer be found, or cannot be left.
func (o *order) cuts(w Work) bool {
	if w.Rule == Delete {
		return true
	}
	var needed []string
	for _, r := range o.m.Table(w.Table).OwnedBy {
		needed = append(needed, r.Columns...)
		needed = append(needed, r.Type)
	}
	for _, r := range o.m.References {
		if r.To == w.Table {
			needed = append(needed, r.ToColumns...)
		}
	}
	return slices.ContainsFunc(needed, func(column string) bool { return w.Columns[column] != "" })
}

// sorted returns the works by strongly connected components, in topological order (Tarjan, 1972).
func (o *order) sorted() []Work {
	s := &components{before: o.before, index: make([]int, len(o.works)), low: make([]int, len(o.works)), group: make([]int, len(o.works))}
	for v := range o.works {
		if s.index[v] == 0 {
			s.visit(v)
		}
	}
	sorted := make([]Work, 0, len(o.works))
	for _, v := range s.order {
		w := o.works[v]
		w.Group = s.group[v]
		for _, b := range o.before[v] {
			if g := s.group[b]; g != w.Group && !slices.Contains(w.After, g) {
				w.After = append(w.After, g)
			}
		}
		slices.Sort(w.After)
		sorted = append(sorted, w)
	}
	return sorted
}

// components finds strongly connected components, those that must come before others first.
type components struct {
	before     [][]int
	index, low []int // counted from 1; 0 is not visited
	group      []int // counted from 1; 0 is on the stack
	stack      []int
	order      []int
	visited    int
	groups     int
}

func (s *components) visit(v int) {
	s.visited++
	s.index[v], s.low[v] = s.visited, s.visited
	s.stack = append(s.stack, v)
	for _, w := range s.before[v] {
		switch {
		case s.index[w] == 0:
			s.visit(w)
			s.low[v] = min(s.low[v], s.low[w])
		case s.group[w] == 0:
			s.low[v] = min(s.low[v], s.index[w])
		}
	}
	if s.low[v] < s.index[v] {
		return
	}
	s.groups++
	at := slices.Index(s.stack, v)
	members := slices.Clone(s.stack[at:])
	s.stack = s.stack[:at]
	slices.Sort(members)
	for _, w := range members {
		s.group[w] = s.groups
	}
	s.order = append(s.order, members...)
}
