package gdpr

import (
	"cmp"
	"slices"
)

// Chart relates tables and references, as a catalog has them, to the definition's root. Those that the definition names
// and the catalog has not are left out; [Definition.Check] reports them.
func (d *Definition) Chart(tables []Table, keys []Reference) *Map {
	m := &Map{Root: d.Root, Tables: slices.Clone(tables)}
	slices.SortFunc(m.Tables, func(a, b Table) int { return cmp.Compare(a.Name, b.Name) })
	for i := range m.Tables {
		t := &m.Tables[i]
		t.Relation, t.OwnedBy = Unrelated, nil
		if key := d.Tables[t.Name].Key; len(t.Key) == 0 && t.hasAll(key) {
			t.Key = key
		}
	}
	m.References = slices.Clone(keys)
	for i, r := range m.References {
		m.References[i].Total = m.total(r)
	}
	for _, r := range d.References {
		if m.sound(r) {
			r.OnDelete, r.Deferrable, r.Total = "", false, m.total(r)
			m.References = append(m.References, r)
		}
	}
	m.inherit()
	slices.SortFunc(m.References, func(a, b Reference) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Name, b.Name), slices.Compare(a.Columns, b.Columns))
	})
	m.relate(d)
	return m
}

func (t *Table) hasAll(columns []string) bool {
	return !slices.ContainsFunc(columns, func(name string) bool { _, ok := t.Column(name); return !ok })
}

// sound says whether a declared reference fits the tables.
func (m *Map) sound(r Reference) bool {
	from, to := m.Table(r.From), m.Table(r.To)
	return from != nil && to != nil && len(r.Columns) > 0 && len(r.Columns) == len(r.ToColumns) &&
		from.hasAll(r.Columns) && to.hasAll(r.ToColumns) && (len(r.Path) == 0 || len(r.Columns) == 1) &&
		(r.Type == "" || from.hasAll([]string{r.Type}))
}

// total says whether a reference decides in every row: not when it is one of several of a polymorphic pair, lies inside
// a document, or is a key the other way round.
func (m *Map) total(r Reference) bool {
	if r.Type != "" || len(r.Path) > 0 || r.Sole {
		return false
	}
	from := m.Table(r.From)
	return !slices.ContainsFunc(r.Columns, func(name string) bool { c, _ := from.Column(name); return !c.NotNull })
}

// inherit gives tables that inherit the references of those that they inherit from, which Postgres does not.
func (m *Map) inherit() {
	for i := range m.Tables {
		child := &m.Tables[i]
		for parent := m.Table(child.Parent); parent != nil; parent = m.Table(parent.Parent) {
			for _, r := range m.References {
				if r.From != parent.Name || m.has(child.Name, r) {
					continue
				}
				r.From, r.OnDelete, r.Deferrable = child.Name, "", false
				r.Total = m.total(r)
				m.References = append(m.References, r)
			}
		}
	}
}

func (m *Map) has(table string, r Reference) bool {
	return slices.ContainsFunc(m.References, func(o Reference) bool {
		return o.From == table && (o.Name == r.Name || o.To == r.To && slices.Equal(o.Columns, r.Columns))
	})
}

// relate walks from the root, nearest tables first.
func (m *Map) relate(d *Definition) {
	root := m.Table(d.Root.Table)
	if root == nil {
		return
	}
	root.Relation = Owned
	for distance, grown := 1, true; grown; distance++ {
		grown = false
		for i := range m.Tables {
			t := &m.Tables[i]
			if t.Relation == Unrelated && len(m.owners(d, t)) > 0 {
				t.via, grown = distance, true
			}
		}
		for i := range m.Tables {
			if t := &m.Tables[i]; t.via == distance {
				t.Relation = Owned
			}
		}
	}
	for i := range m.Tables {
		t := &m.Tables[i]
		switch {
		case t == root:
		case t.Relation == Owned:
			t.OwnedBy = m.ranked(d, t)
		case slices.ContainsFunc(m.References, func(r Reference) bool { return r.From == t.Name && m.owned(r.To) }):
			t.Relation = Mentions
		}
	}
}

func (m *Map) owned(table string) bool {
	t := m.Table(table)
	return t != nil && t.Relation == Owned
}

// owners returns the references of t that may say whose a row is, as far as the walk has come.
func (m *Map) owners(d *Definition, t *Table) []Reference {
	rule := d.Tables[t.Name]
	var owners []Reference
	for _, r := range m.References {
		chosen := len(rule.OwnedBy) == 0 || slices.Contains(rule.OwnedBy, r.Name)
		if r.From == t.Name && m.owned(r.To) && chosen && !slices.Contains(rule.Mentions, r.Name) {
			owners = append(owners, r)
		}
	}
	return owners
}

// ranked returns the owners of t in the order in which they decide, up to the first that always does.
func (m *Map) ranked(d *Definition, t *Table) []Reference {
	owners := m.owners(d, t)
	rank := func(r Reference) int {
		if chosen := d.Tables[t.Name].OwnedBy; len(chosen) > 0 {
			return slices.Index(chosen, r.Name)
		}
		near := 2 * m.Table(r.To).via
		if !r.Total {
			near++
		}
		if r.To == t.Name {
			near += 2 * len(m.Tables) // its own kind last
		}
		return near
	}
	slices.SortStableFunc(owners, func(a, b Reference) int { return cmp.Compare(rank(a), rank(b)) })
	for i, r := range owners {
		for _, o := range owners[i+1:] {
			t.tied = t.tied || rank(o) == rank(r) && r.contests(o)
		}
		if r.Total && !t.tied {
			return owners[:i+1]
		}
	}
	return owners
}

// contests says whether r and o may say that a row is of different subjects. The cases of one polymorphic pair exclude
// each other, and two keys may be the same.
func (r Reference) contests(o Reference) bool {
	cases := r.Type != "" && r.Type == o.Type && r.Is != o.Is
	same := r.To == o.To && slices.Equal(r.Columns, o.Columns) && slices.Equal(r.ToColumns, o.ToColumns) &&
		slices.Equal(r.Path, o.Path)
	return !cases && !same
}
