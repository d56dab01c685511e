package gdpr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/transbotai/tenon"
)

// Rule is what an erasure does to a table's rows or to a column.
type Rule string

// The rules.
const (
	Delete    Rule = "delete"
	Anonymise Rule = "anonymise" // the row stays and says of nobody: see [Method]
	Keep      Rule = "keep"      // the law wants it: Basis and Until say which, and how long
	Ignore    Rule = "ignore"    // it says nothing of a subject
)

// Method is how a column is anonymised.
type Method string

// The methods.
const (
	SetNull  Method = "null"
	SetEmpty Method = "empty" // '' in text, {} or [] in json, an array without elements
	SetToken Method = "token" // "erased-" and 32 random digits, another one in each row: for what is unique and not null
	SetYear  Method = "year"  // the first instant of a date's year
)

// Whose says about a column whose data it is, and so what an export does with it.
type Whose string

// Whose data it is.
const (
	About  Whose = "about"  // observed or derived by the host: Art. 15. What an empty Whose means.
	Given  Whose = "given"  // by the subject: Art. 20 too
	Others Whose = "others" // of another person: redacted
	Hidden Whose = "hidden" // a secret such as a password's hash: never exported
)

// Definition is what a host says of its tables, for companies or for persons as subjects. It can be written as JSON, so
// that it is reviewed as a file. Tables are named with their schema, quoted where Postgres' format('%I.%I') would:
// public.companies, public."Order".
type Definition struct {
	Root       Root                 `json:"root"`
	Schemas    []string             `json:"schemas,omitempty"`    // to look at; none means all but tenon and Postgres' own
	References []Reference          `json:"references,omitempty"` // those that are no keys
	Tables     map[string]TableRule `json:"tables"`
}

// Root is where a subject is found.
type Root struct {
	Table string `json:"table"`
	// Key is the column that [tenon.Subject].Tenant is compared with or, where Tenant is set, Subject.User.
	Key string `json:"key"`
	// Tenant is the column of a person's company. It is set for persons, and only for them.
	Tenant string `json:"tenant,omitempty"`
}

// TableRule is what is done with a table. In a table that is deleted from, the rows that go are the subject's own; what
// other rows say of the subject is for the rules of the columns that mention it.
type TableRule struct {
	Rule    Rule                  `json:"rule"`
	Basis   string                `json:"basis,omitempty"` // the legal basis, required to keep
	Until   Span                  `json:"until,omitzero"`  // how long it is kept after the erasure; zero means no end is known
	Columns map[string]ColumnRule `json:"columns"`         // every column is named
	// Key identifies rows in a table without a primary key. It need not be unique.
	Key []string `json:"key,omitempty"`
	// OwnedBy names the references that say whose a row is: the first that is not null decides. None means every
	// reference to an owned table, nearest to the root first, then those that are never null; Check wants a choice where
	// that leaves a tie.
	OwnedBy []string `json:"owned_by,omitempty"`
	// Mentions names references that never say whose a row is.
	Mentions []string `json:"mentions,omitempty"`
	// Mark is the column, a timestamptz that is null in rows that are live, that says when a row was deleted.
	Mark string `json:"mark,omitempty"`
}

// ColumnRule is what is done with a column in rows that stay. Its JSON form may be the rule alone: "ignore".
type ColumnRule struct {
	Rule   Rule   `json:"rule,omitempty"` // empty means the table's
	Method Method `json:"method,omitempty"`
	Basis  string `json:"basis,omitempty"` // empty means the table's
	Whose  Whose  `json:"whose,omitempty"`
	// With names the reference by which a row of others mentions the subject: the column is then anonymised in such a row
	// too, as the reference's own columns are that have this rule.
	With string `json:"with,omitempty"`
	// Known says that the column holds values by which the subject is recognised elsewhere: names, addresses, ids.
	Known bool `json:"known,omitempty"`
}

// UnmarshalJSON reads a rule, or its short form.
func (r *ColumnRule) UnmarshalJSON(body []byte) error {
	type plain ColumnRule
	if bytes.HasPrefix(body, []byte(`"`)) {
		*r = ColumnRule{}
		return json.Unmarshal(body, &r.Rule)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return d.Decode((*plain)(r))
}

// Columns returns the same rule for several columns.
func Columns(rule ColumnRule, names ...string) map[string]ColumnRule {
	columns := make(map[string]ColumnRule, len(names))
	for _, name := range names {
		columns[name] = rule
	}
	return columns
}

// Span is a time as laws count it.
type Span struct {
	Years  int `json:"years,omitempty"`
	Months int `json:"months,omitempty"`
}

// After returns the instant that is s after t, and the zero time for the zero Span.
func (s Span) After(t time.Time) time.Time {
	if s == (Span{}) {
		return time.Time{}
	}
	return t.AddDate(s.Years, s.Months, 0)
}

// ParseDefinition reads a definition from JSON. What it does not know is refused with the field's name.
func ParseDefinition(body []byte) (*Definition, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	var def Definition
	if err := d.Decode(&def); err != nil {
		return nil, fmt.Errorf("gdpr: %w", tenon.Invalid("definition", "%v", err))
	}
	if d.More() {
		return nil, fmt.Errorf("gdpr: %w", tenon.Invalid("definition", "goes on after its end"))
	}
	return &def, nil
}

// Hash returns the digest of the definition.
func (d *Definition) Hash() string { return digest(d) }

// ColumnRule returns the rule for a column of a table, with what it takes from the table's; false when there is none.
func (d *Definition) ColumnRule(table, column string) (ColumnRule, bool) {
	t := d.Tables[table]
	r, ok := t.Columns[column]
	if r.Rule == "" {
		r.Rule = t.Rule
	}
	if r.Basis == "" {
		r.Basis = t.Basis
	}
	if r.Whose == "" {
		r.Whose = About
	}
	return r, ok
}
