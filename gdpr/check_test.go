package gdpr_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
)

// firm is a schema in which users and companies refer to each other, and a definition that fits it.
func firm() ([]gdpr.Table, []gdpr.Reference, *gdpr.Definition) {
	id := gdpr.Column{Name: "id", Type: "bigint", NotNull: true}
	company := gdpr.Column{Name: "company_id", Type: "bigint", NotNull: true}
	tables := []gdpr.Table{
		{Name: "companies", Key: []string{"id"}, Unique: true, Columns: []gdpr.Column{id, {Name: "owner_id", Type: "bigint"}}},
		{Name: "users", Key: []string{"id"}, Unique: true, Columns: []gdpr.Column{
			id, company, {Name: "email", Type: "text", NotNull: true}, {Name: "gone", Type: "timestamp with time zone"},
		}},
		{Name: "posts", Key: []string{"id"}, Unique: true, Columns: []gdpr.Column{
			id, {Name: "user_id", Type: "bigint"}, {Name: "about", Type: "bigint"}, {Name: "short", Type: "text", Generated: true},
		}},
		{Name: "rates", Key: []string{"id"}, Unique: true, Columns: []gdpr.Column{id}},
	}
	to := func(name, from, column, table string) gdpr.Reference {
		return gdpr.Reference{Name: name, From: from, Columns: []string{column}, To: table, ToColumns: []string{"id"}, OnDelete: gdpr.NoAction}
	}
	keys := []gdpr.Reference{
		to("owner", "companies", "owner_id", "users"), to("company", "users", "company_id", "companies"), to("author", "posts", "user_id", "users"),
	}
	def := &gdpr.Definition{
		Root: gdpr.Root{Table: "companies", Key: "id"},
		Tables: map[string]gdpr.TableRule{
			"companies": {Rule: gdpr.Delete, Columns: gdpr.Columns(gdpr.ColumnRule{}, "id", "owner_id")},
			"users":     {Rule: gdpr.Delete, Mark: "gone", Columns: gdpr.Columns(gdpr.ColumnRule{}, "id", "company_id", "email", "gone")},
			"posts":     {Rule: gdpr.Delete, Columns: gdpr.Columns(gdpr.ColumnRule{}, "id", "user_id", "about", "short")},
			"rates":     {Rule: gdpr.Ignore, Columns: gdpr.Columns(gdpr.ColumnRule{}, "id")},
		},
	}
	return tables, keys, def
}

func change(d *gdpr.Definition, table string, f func(*gdpr.TableRule)) {
	rule := d.Tables[table]
	f(&rule)
	d.Tables[table] = rule
}

func set(d *gdpr.Definition, table, column string, rule gdpr.ColumnRule) {
	d.Tables[table].Columns[column] = rule
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	stay := func(d *gdpr.Definition) { // users whose rows stay
		change(d, "companies", func(r *gdpr.TableRule) { r.Rule, r.Basis = gdpr.Keep, "law" })
		change(d, "users", func(r *gdpr.TableRule) {
			r.Rule = gdpr.Anonymise
			r.Columns = gdpr.Columns(gdpr.ColumnRule{Rule: gdpr.Ignore}, "id", "company_id", "email", "gone")
		})
	}
	anonymise := func(column string, method gdpr.Method) func(*gdpr.Definition) {
		return func(d *gdpr.Definition) {
			stay(d)
			set(d, "users", column, gdpr.ColumnRule{Rule: gdpr.Anonymise, Method: method})
		}
	}
	for want, spoil := range map[string]func(*gdpr.Definition){
		"nowhere: the root is not there":                 func(d *gdpr.Definition) { d.Root.Table = "nowhere" },
		"companies.slug: the root's column is not there": func(d *gdpr.Definition) { d.Root.Key = "slug" },
		"users: is not classified; it is owned":          func(d *gdpr.Definition) { delete(d.Tables, "users") },
		"rates: is not classified; it is unrelated":      func(d *gdpr.Definition) { delete(d.Tables, "rates") },
		"users.email: is not classified":                 func(d *gdpr.Definition) { delete(d.Tables["users"].Columns, "email") },
		"users: has no rule":                             func(d *gdpr.Definition) { change(d, "users", func(r *gdpr.TableRule) { r.Rule = "" }) },
		"rates: is to be deleted from, and nothing says": func(d *gdpr.Definition) { change(d, "rates", func(r *gdpr.TableRule) { r.Rule = gdpr.Delete }) },
		"posts: is owned and ignored":                    func(d *gdpr.Definition) { change(d, "posts", func(r *gdpr.TableRule) { r.Rule = gdpr.Ignore }) },
		"posts: is kept without a legal basis":           func(d *gdpr.Definition) { change(d, "posts", func(r *gdpr.TableRule) { r.Rule = gdpr.Keep }) },
		"posts.user_id: refers by key author to rows that": func(d *gdpr.Definition) {
			change(d, "posts", func(r *gdpr.TableRule) { r.Rule, r.Basis = gdpr.Keep, "law" })
		},
		"notes: is classified and not there":       func(d *gdpr.Definition) { d.Tables["notes"] = gdpr.TableRule{Rule: gdpr.Ignore} },
		"users.phone: is classified and not there": func(d *gdpr.Definition) { set(d, "users", "phone", gdpr.ColumnRule{}) },
		"users: has no reference boss": func(d *gdpr.Definition) {
			change(d, "users", func(r *gdpr.TableRule) { r.Mentions = []string{"boss"} })
		},
		"users: has no reference pal":                      func(d *gdpr.Definition) { set(d, "users", "email", gdpr.ColumnRule{With: "pal"}) },
		"users.born: the column for marks is not there":    func(d *gdpr.Definition) { change(d, "users", func(r *gdpr.TableRule) { r.Mark = "born" }) },
		"users.email: the column for marks is a timestamp": func(d *gdpr.Definition) { change(d, "users", func(r *gdpr.TableRule) { r.Mark = "email" }) },
		"rates.id: marks rows of a table that is not":      func(d *gdpr.Definition) { change(d, "rates", func(r *gdpr.TableRule) { r.Mark = "id" }) },
		"users.email: whose is one of":                     func(d *gdpr.Definition) { set(d, "users", "email", gdpr.ColumnRule{Whose: "mine"}) },
		"users.email: is anonymised by no method":          anonymise("email", ""),
		"users.email: is not null":                         anonymise("email", gdpr.SetNull),
		"users.email: text has no year":                    anonymise("email", gdpr.SetYear),
		"users.company_id: bigint cannot be empty":         anonymise("company_id", gdpr.SetEmpty),
		"users.company_id: bigint cannot hold a token":     anonymise("company_id", gdpr.SetToken),
		"users.id: identifies the row":                     anonymise("id", gdpr.SetToken),
		"users.email: a column cannot be deleted": func(d *gdpr.Definition) {
			stay(d)
			set(d, "users", "email", gdpr.ColumnRule{Rule: gdpr.Delete})
		},
		"users.email: is kept without a legal basis": func(d *gdpr.Definition) {
			stay(d)
			set(d, "users", "email", gdpr.ColumnRule{Rule: gdpr.Keep})
		},
		"posts.short: is computed: anonymise what it is computed from": func(d *gdpr.Definition) {
			set(d, "posts", "short", gdpr.ColumnRule{Rule: gdpr.Anonymise, Method: gdpr.SetEmpty})
		},
		"posts.user_id: is part of key author: it can only be anonymised to null": func(d *gdpr.Definition) {
			change(d, "posts", func(r *gdpr.TableRule) { r.Rule, r.Basis = gdpr.Keep, "law" })
			set(d, "posts", "user_id", gdpr.ColumnRule{Rule: gdpr.Anonymise, Method: gdpr.SetToken})
		},
		"posts.about: reference odd does not fit": func(d *gdpr.Definition) {
			d.References = []gdpr.Reference{{Name: "odd", From: "posts", Columns: []string{"about"}, To: "users", ToColumns: []string{"nick"}}}
		},
		"posts: several references say whose its rows are": func(d *gdpr.Definition) {
			d.References = []gdpr.Reference{{Name: "topic", From: "posts", Columns: []string{"about"}, To: "users", ToColumns: []string{"id"}}}
		},
	} {
		tables, keys, def := firm()
		require.NoError(t, def.Check(def.Chart(tables, keys)))
		spoil(def)
		err := def.Check(def.Chart(tables, keys))
		require.ErrorContains(t, err, want)
		require.ErrorIs(t, err, gdpr.ErrUnclassified)
		require.ErrorIs(t, err, tenon.ErrConflict)
	}
}

func TestATableWithoutAKeyIsNamedOnlyWhenItIsTouched(t *testing.T) {
	t.Parallel()
	tables, keys, def := firm()
	for i := range tables {
		tables[i].Key = nil
	}
	err := def.Check(def.Chart(tables, keys))
	require.ErrorContains(t, err, "posts: has no primary key")
	require.NotContains(t, err.Error(), "rates")
}

func TestRowsComeBeforeThoseThatTheyReferToAndCirclesTogether(t *testing.T) {
	t.Parallel()
	tables, keys, def := firm()
	works := def.Works(def.Chart(tables, keys), time.Now())
	require.Len(t, works, 3)
	require.Equal(t, "posts", works[0].Table)
	require.ElementsMatch(t, []string{"companies", "users"}, []string{works[1].Table, works[2].Table})
	require.Equal(t, works[1].Group, works[2].Group)
	require.NotEqual(t, works[0].Group, works[1].Group)
}

func TestTheNearestReferenceThatIsNeverNullDecidesWhoseARowIs(t *testing.T) {
	t.Parallel()
	tables, keys, def := firm()
	m := def.Chart(tables, keys)
	require.Equal(t, gdpr.Owned, m.Table("posts").Relation)
	require.Equal(t, "author", m.Table("posts").OwnedBy[0].Name)
	require.Empty(t, m.Table("companies").OwnedBy, "the root is the subject itself")
	require.Equal(t, gdpr.Unrelated, m.Table("rates").Relation)
	require.Nil(t, m.Table("nothing"))

	change(def, "posts", func(r *gdpr.TableRule) { r.Mentions = []string{"author"} })
	require.Equal(t, gdpr.Mentions, def.Chart(tables, keys).Table("posts").Relation)

	before := m.Hash()
	tables[1].Columns[2].Type = "character varying(90)"
	require.NotEqual(t, before, def.Chart(tables, keys).Hash())
}

func TestWhatInheritsTakesPartInTheReferences(t *testing.T) {
	t.Parallel()
	tables, keys, def := firm()
	child := tables[2]
	child.Name, child.Parent, child.Key, child.Unique = "posts_2026", "posts", nil, false
	m := def.Chart(append(tables, child), keys)
	inherited := m.Table("posts_2026")
	require.Equal(t, gdpr.Owned, inherited.Relation)
	require.False(t, inherited.OwnedBy[0].Key(), "Postgres does not enforce it there")
}

func TestADefinitionIsReadFromJSON(t *testing.T) {
	t.Parallel()
	def, err := gdpr.ParseDefinition([]byte(`{"root": {"table": "users", "key": "id", "tenant": "company_id"}, "tables": {
		"users": {"rule": "keep", "basis": "tax law", "until": {"years": 10}, "columns": {
			"id": "ignore", "email": {"rule": "anonymise", "method": "token", "known": true}, "amount": {"whose": "given"}}}}}`))
	require.NoError(t, err)
	require.Equal(t, gdpr.ColumnRule{Rule: gdpr.Ignore}, def.Tables["users"].Columns["id"])
	rule, ok := def.ColumnRule("users", "amount")
	require.True(t, ok)
	require.Equal(t, gdpr.ColumnRule{Rule: gdpr.Keep, Basis: "tax law", Whose: gdpr.Given}, rule)
	require.Equal(t, asked.AddDate(10, 0, 0), def.Tables["users"].Until.After(asked))
	for _, bad := range []string{``, `{`, `[]`, `{"rot": 1}`, `{} {}`, `{"tables": {"users": {"columns": {"id": {"rul": "keep"}}}}}`} {
		_, err := gdpr.ParseDefinition([]byte(bad))
		require.ErrorIs(t, err, tenon.ErrInvalid, bad)
	}
}

var asked = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func FuzzParseDefinition(f *testing.F) {
	f.Add([]byte(`{"root": {"table": "users", "key": "id"}, "tables": {"users": {"rule": "delete", "columns": {"id": "delete"}}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		def, err := gdpr.ParseDefinition(body)
		if err != nil {
			return
		}
		tables, keys, _ := firm()
		_ = def.Check(def.Chart(tables, keys)) // whatever it says, it does not panic
	})
}

func TestAPlanAndACertificateCannotBeChanged(t *testing.T) {
	t.Parallel()
	p := gdpr.Plan{Subject: tenon.Subject{Tenant: "acme"}, Work: []gdpr.Work{{Table: "users", Rows: 3}}}.Sealed()
	body, err := json.Marshal(p)
	require.NoError(t, err)
	var read gdpr.Plan
	require.NoError(t, json.Unmarshal(body, &read))
	require.True(t, read.Sound())
	read.Work[0].Rows++
	require.False(t, read.Sound())
	require.False(t, gdpr.Plan{}.Sound())

	secret, other := gdpr.NewSecret("one"), gdpr.NewSecret("another")
	c := gdpr.Certificate{ID: "1", StartedAt: asked, Tables: []gdpr.Proof{{Table: "users", Rows: 3}}}.Sign(secret)
	require.NoError(t, c.Verify(secret.CertificateKey()))
	require.ErrorIs(t, c.Verify(other.CertificateKey()), gdpr.ErrSignature)
	c.Tables[0].Rows = 4
	require.ErrorIs(t, c.Verify(secret.CertificateKey()), tenon.ErrInvalid)
	require.ErrorIs(t, c.Verify(nil), gdpr.ErrSignature)
}

func TestAPseudonymTellsSubjectsApart(t *testing.T) {
	t.Parallel()
	secret := gdpr.NewSecret("one")
	seen := map[string]bool{}
	for _, s := range []tenon.Subject{{Tenant: "a"}, {Tenant: "ab"}, {Tenant: "a", User: "b"}, {Tenant: "b", User: "a"}} {
		require.Len(t, secret.Pseudonym(s), 64)
		require.Equal(t, secret.Pseudonym(s), secret.Pseudonym(s))
		seen[secret.Pseudonym(s)] = true
		require.NotEqual(t, secret.Pseudonym(s), gdpr.NewSecret("two").Pseudonym(s))
	}
	require.Len(t, seen, 4)
	require.True(t, gdpr.Secret{}.IsZero())
}
