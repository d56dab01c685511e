package gdpr

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// Relation is what a table has to do with subjects.
type Relation string

// The relations.
const (
	Owned     Relation = "owned"    // rows of subjects
	Mentions  Relation = "mentions" // rows of others that name subjects
	Unrelated Relation = "unrelated"
)

// Action is what a key does when the row that it refers to is deleted.
type Action string

// The actions; a reference that is no key has none.
const (
	NoAction   Action = "no action"
	Restrict   Action = "restrict"
	Cascade    Action = "cascade"
	Nullify    Action = "set null"
	SetDefault Action = "set default"
)

// Reference is a foreign key, or one that nobody declared to the database.
type Reference struct {
	Name      string   `json:"name"` // of the constraint, or one that the host makes up; unique in its table
	From      string   `json:"from"`
	Columns   []string `json:"columns"`
	To        string   `json:"to"`
	ToColumns []string `json:"to_columns"`

	// Path leads to the value inside Columns[0], which is json or jsonb: ["company", "id"].
	Path []string `json:"path,omitempty"`
	// Type is the column that must hold Is for the reference to mean To, as in a polymorphic pair.
	Type string `json:"type,omitempty"`
	Is   string `json:"is,omitempty"`

	// Sole makes the row the subject's only while no row of others is referred to as well. It is for references that are
	// keys the other way round: an address belongs to the customer who refers to it, unless two do.
	Sole bool `json:"sole,omitempty"`

	OnDelete   Action `json:"on_delete,omitempty"`
	Deferrable bool   `json:"deferrable,omitempty"`
	Total      bool   `json:"total,omitempty"` // never null. Found in the catalog, never declared.
}

// Key says whether Postgres enforces the reference.
func (r Reference) Key() bool { return r.OnDelete != "" }

// Column is a column as the catalog has it.
type Column struct {
	Name      string `json:"name"`
	Type      string `json:"type"` // with its modifiers: "character varying(40)"
	NotNull   bool   `json:"not_null,omitempty"`
	Generated bool   `json:"generated,omitempty"` // computed, or an identity that cannot be set
}

// Table is a table as the catalog has it, and what it has to do with subjects.
type Table struct {
	Name    string   `json:"name"`
	Columns []Column `json:"columns"`
	// Key holds the columns that identify a row, and Unique says that the database sees to it.
	Key    []string `json:"key,omitempty"`
	Unique bool     `json:"unique,omitempty"`
	// Parent is the table that this one inherits from. Partitions are no tables of their own here.
	Parent string `json:"parent,omitempty"`
	// Only says that the table's own rows must be read with "only", since others inherit from it.
	Only bool `json:"only,omitempty"`

	Relation Relation `json:"relation"`
	// OwnedBy are the references that say whose a row is: the first that is not null decides.
	OwnedBy []Reference `json:"owned_by,omitempty"`
	tied    bool
	via     int // how far from the root
}

// Column returns a column by its name.
func (t *Table) Column(name string) (Column, bool) {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return Column{}, false
	}
	return t.Columns[i], true
}

// Map is what a walk from the root over a schema found: every table in the schemas looked at, reached or not.
type Map struct {
	Root       Root        `json:"root"`
	Tables     []Table     `json:"tables"`     // by name
	References []Reference `json:"references"` // by table and name
}

// Table returns a table by its name; nil when there is none.
func (m *Map) Table(name string) *Table {
	i, found := slices.BinarySearchFunc(m.Tables, name, func(t Table, name string) int { return cmp.Compare(t.Name, name) })
	if !found {
		return nil
	}
	return &m.Tables[i]
}

// Hash returns the digest of the map: another one as soon as anything in the schema that matters has changed.
func (m *Map) Hash() string { return digest(m) }

func digest(v any) string {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // of structs of text, numbers and times
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
