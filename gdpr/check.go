package gdpr

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Check compares the definition with a map of the schema, in a host's CI: every table and every column must have a rule
// that can be carried out, and every rule a table and a column. Nil is good; the error is a [*CheckError].
func (d *Definition) Check(m *Map) error {
	c := &checker{d: d, m: m}
	c.root()
	for i := range m.Tables {
		c.table(&m.Tables[i])
	}
	for _, r := range m.References {
		c.reference(r)
	}
	c.stale()
	if len(c.problems) == 0 {
		return nil
	}
	slices.SortFunc(c.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Text, b.Text))
	})
	return &CheckError{slices.Compact(c.problems)}
}

type checker struct {
	d        *Definition
	m        *Map
	problems []Problem
}

func (c *checker) report(table, column, text string) {
	c.problems = append(c.problems, Problem{table, column, text})
}

func (c *checker) root() {
	root := c.m.Table(c.d.Root.Table)
	if root == nil {
		c.report(c.d.Root.Table, "", "the root is not there")
		return
	}
	for _, column := range []string{c.d.Root.Key, c.d.Root.Tenant} {
		if _, ok := root.Column(column); !ok && (column != "" || column == c.d.Root.Key) {
			c.report(root.Name, column, "the root's column is not there")
		}
	}
}

func (c *checker) table(t *Table) {
	rule, ok := c.d.Tables[t.Name]
	if !ok {
		c.report(t.Name, "", "is not classified; it is "+string(t.Relation))
		return
	}
	switch {
	case !slices.Contains([]Rule{Delete, Anonymise, Keep, Ignore}, rule.Rule):
		c.report(t.Name, "", "has no rule; it is one of delete, anonymise, keep, ignore")
	case rule.Rule == Delete && t.Relation != Owned:
		c.report(t.Name, "", "is to be deleted from, and nothing says whose its rows are; it is "+string(t.Relation))
	case rule.Rule == Ignore && t.Relation == Owned:
		c.report(t.Name, "", "is owned and ignored: say delete, anonymise, or keep with a legal basis")
	case rule.Rule == Keep && rule.Basis == "":
		c.report(t.Name, "", "is kept without a legal basis")
	}
	if t.tied {
		c.report(t.Name, "", "several references say whose its rows are: choose by owned_by or mentions ("+names(t.OwnedBy)+")")
	}
	c.key(t, rule)
	for _, column := range t.Columns {
		c.column(t, column)
	}
	if rule.Mark != "" {
		c.mark(t, rule.Mark)
	}
}

func (c *checker) key(t *Table, rule TableRule) {
	if !c.touched(t, rule) {
		return
	}
	if len(t.Key) == 0 {
		c.report(t.Name, "", "has no primary key: name the columns that identify a row by key")
	}
	for _, name := range t.Key {
		if column, _ := t.Column(name); !column.NotNull {
			c.report(t.Name, name, "is to identify rows and may be null")
		}
	}
}

func names(references []Reference) string {
	all := make([]string, len(references))
	for i, r := range references {
		all[i] = r.Name
	}
	return strings.Join(all, ", ")
}

// touched says whether an erasure may write to t.
func (c *checker) touched(t *Table, rule TableRule) bool {
	if t.Relation == Owned && (rule.Rule == Delete || rule.Rule == Anonymise || rule.Mark != "") {
		return true
	}
	return t.Relation != Unrelated && slices.ContainsFunc(t.Columns, func(column Column) bool {
		r := rule.Columns[column.Name].Rule
		return r == Anonymise
	})
}

func (c *checker) column(t *Table, column Column) {
	rule, ok := c.d.ColumnRule(t.Name, column.Name)
	if !ok {
		c.report(t.Name, column.Name, "is not classified")
		return
	}
	table := c.d.Tables[t.Name].Rule
	switch rule.Rule {
	case Delete:
		if table != Delete {
			c.report(t.Name, column.Name, "a column cannot be deleted: anonymise it")
		}
	case Keep:
		if rule.Basis == "" {
			c.report(t.Name, column.Name, "is kept without a legal basis")
		}
	case Anonymise:
		c.method(t, column, rule.Method)
	case Ignore:
	default:
		c.report(t.Name, column.Name, "has no rule")
	}
	if !slices.Contains([]Whose{About, Given, Others, Hidden}, rule.Whose) {
		c.report(t.Name, column.Name, "whose is one of about, given, others, hidden")
	}
}

func (c *checker) method(t *Table, column Column, method Method) {
	wrong := ""
	switch {
	case column.Generated:
		wrong = "is computed: anonymise what it is computed from"
	case slices.Contains(t.Key, column.Name):
		wrong = "identifies the row and cannot be anonymised"
	case method == SetNull && c.inDocument(t.Name, column.Name): // the value inside, not the column
	case method == SetNull && column.NotNull:
		wrong = "is not null: anonymise it by another method"
	case method == SetEmpty && !canBeEmpty(column.Type):
		wrong = column.Type + " cannot be empty"
	case method == SetToken && !holdsToken(column.Type):
		wrong = column.Type + " cannot hold a token"
	case method == SetYear && !strings.HasPrefix(column.Type, "timestamp") && column.Type != "date":
		wrong = column.Type + " has no year"
	case !slices.Contains([]Method{SetNull, SetEmpty, SetToken, SetYear}, method):
		wrong = "is anonymised by no method; it is one of null, empty, token, year"
	}
	if wrong != "" {
		c.report(t.Name, column.Name, wrong)
	}
}

// inDocument says whether a column is known to hold a reference inside a document.
func (c *checker) inDocument(table, column string) bool {
	return slices.ContainsFunc(c.m.References, func(r Reference) bool {
		return r.From == table && len(r.Path) > 0 && r.Columns[0] == column
	})
}

func isText(kind string) bool {
	return kind == "text" || kind == "citext" || strings.HasPrefix(kind, "character")
}

func canBeEmpty(kind string) bool {
	return isText(kind) || kind == "json" || kind == "jsonb" || strings.HasSuffix(kind, "[]")
}

// TokenSize is how many characters a token has. A shorter column, of at least 16, holds its beginning.
const TokenSize = 39

func holdsToken(kind string) bool {
	if !isText(kind) {
		return false
	}
	size := SizeOf(kind)
	return size == 0 || size >= 16
}

// SizeOf returns the characters that a type holds at most: 40 of "character varying(40)"; 0 when there is no limit.
func SizeOf(kind string) int {
	_, size, ok := strings.Cut(kind, "(")
	if !ok {
		if kind == "character" {
			return 1
		}
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSuffix(size, ")")) // of a type that has one number
	return n
}

func (c *checker) mark(t *Table, name string) {
	column, ok := t.Column(name)
	switch {
	case !ok:
		c.report(t.Name, name, "the column for marks is not there")
	case t.Relation != Owned:
		c.report(t.Name, name, "marks rows of a table that is not owned")
	case column.NotNull || !strings.HasPrefix(column.Type, "timestamp"):
		c.report(t.Name, name, "the column for marks is a timestamp that may be null")
	}
}

// reference finds keys that would keep rows from being deleted.
func (c *checker) reference(r Reference) {
	from, to := c.m.Table(r.From), c.m.Table(r.To)
	if !r.Key() || to == nil || to.Relation != Owned || c.d.Tables[r.To].Rule != Delete {
		return
	}
	nulled := false
	for _, column := range r.Columns {
		rule := c.d.Tables[r.From].Columns[column]
		nulled = nulled || rule.Rule == Anonymise && rule.Method == SetNull
		if rule.Rule == Anonymise && rule.Method != SetNull {
			c.report(r.From, column, "is part of key "+r.Name+": it can only be anonymised to null")
		}
	}
	if from.Relation == Owned && c.d.Tables[r.From].Rule != Delete && !nulled {
		c.report(r.From, strings.Join(r.Columns, ", "),
			"refers by key "+r.Name+" to rows that are deleted, from rows that stay: anonymise it to null, or delete both or neither")
	}
}

// stale finds rules for what is not there.
func (c *checker) stale() {
	for _, name := range slices.Sorted(maps.Keys(c.d.Tables)) {
		t, rule := c.m.Table(name), c.d.Tables[name]
		if t == nil {
			c.report(name, "", "is classified and not there; names are written as format('%I.%I') prints them")
			continue
		}
		for _, column := range slices.Sorted(maps.Keys(rule.Columns)) {
			if _, ok := t.Column(column); !ok {
				c.report(name, column, "is classified and not there")
			}
		}
		named := slices.Concat(rule.OwnedBy, rule.Mentions)
		for _, column := range rule.Columns {
			if column.With != "" {
				named = append(named, column.With)
			}
		}
		for _, reference := range named {
			if !slices.ContainsFunc(c.m.References, func(r Reference) bool { return r.From == name && r.Name == reference }) {
				c.report(name, "", "has no reference "+reference)
			}
		}
	}
	for _, r := range c.d.References {
		if !c.m.sound(r) {
			c.report(r.From, strings.Join(r.Columns, ", "), "reference "+r.Name+" does not fit the tables")
		}
	}
}
