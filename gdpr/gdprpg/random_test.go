package gdprpg_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
)

// A random world is a schema and rows of several companies. Every row has an owner, and carries its name: "of-2-" in a
// row of the company 2. References that say whose a row is lead to rows made before it; all others lead anywhere in the
// same company, so that rows refer to each other in circles.

const companies = 3

func companyName(c int) string { return fmt.Sprintf("company-%d", c) }

// randomTable is a table of a random world.
type randomTable struct {
	name        string
	key         []gdpr.Column
	refs        []randomRef
	rule        gdpr.Rule
	partitioned bool
	rows        []randomRow
}

// randomRef is a reference; its columns are named after it.
type randomRef struct {
	gdpr.Reference
	to      int
	owner   bool
	null    bool
	foreign bool // leads to rows of other companies: a mention
}

type randomRow struct {
	company int
	key     []string
	values  map[string]*string // of references, by column
}

type world struct {
	*rand.Rand
	schema string
	tables []*randomTable
	serial int
}

func quote(parts ...string) string { return pgx.Identifier(parts).Sanitize() }

// newWorld makes up a schema and rows.
func newWorld(seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 8)), schema: fmt.Sprintf("World %d", seed)}
	n := 3 + w.IntN(9)
	for i := range n {
		w.addTable(i)
	}
	for i := range n {
		w.addRefs(i)
	}
	w.classify()
	w.fill()
	return w
}

func (w *world) chance(percent int) bool { return w.IntN(100) < percent }

var keyKinds = [][]gdpr.Column{
	{{Name: "id", Type: "bigint"}},
	{{Name: "id", Type: "uuid"}},
	{{Name: "The Key", Type: "text"}},
	{{Name: "a", Type: "integer"}, {Name: "b", Type: "character varying(60)"}},
}

func (w *world) addTable(i int) {
	t := &randomTable{name: fmt.Sprintf("t%d", i), key: keyKinds[w.IntN(len(keyKinds))], rule: gdpr.Delete}
	if i == 0 {
		t.key = []gdpr.Column{{Name: "id", Type: "text"}}
	}
	if w.chance(30) {
		t.name = fmt.Sprintf(`Table "%d"`, i)
	}
	t.partitioned = i > 0 && len(t.key) == 1 && w.chance(12)
	w.tables = append(w.tables, t)
}

func (w *world) addRefs(i int) {
	t := w.tables[i]
	if i == 0 {
		if w.chance(40) { // back from the root: a cycle
			w.addRef(t, 1+w.IntN(len(w.tables)-1), randomRef{null: w.chance(50)})
		}
		return
	}
	if w.chance(40) {
		w.addRef(t, w.IntN(len(w.tables)), randomRef{owner: true, null: true})
	}
	w.addRef(t, w.IntN(i), randomRef{owner: true})
	for range w.IntN(4) {
		w.addRef(t, w.IntN(len(w.tables)), randomRef{null: w.chance(50)})
	}
	if w.chance(25) {
		w.addRef(t, w.IntN(len(w.tables)), randomRef{null: true, foreign: true})
	}
}

var actions = []gdpr.Action{gdpr.NoAction, gdpr.Restrict, gdpr.Cascade, gdpr.Restrict}

func (w *world) addRef(t *randomTable, to int, r randomRef) {
	r.to, r.Name, r.To = to, fmt.Sprintf("r%d", len(t.refs)), w.of(w.tables[to])
	r.From = w.of(t)
	target := w.tables[to].key
	for i, c := range target {
		r.ToColumns = append(r.ToColumns, c.Name)
		r.Columns = append(r.Columns, fmt.Sprintf("%s %d", r.Name, i))
	}
	switch kind := w.IntN(10); {
	case kind < 6 && !r.foreign:
		r.OnDelete = actions[w.IntN(len(actions))]
		if r.null && w.chance(30) {
			r.OnDelete = gdpr.Nullify
		}
		r.Deferrable = r.OnDelete != gdpr.Restrict && w.chance(20)
	case kind == 8 && len(target) == 1 && r.null:
		r.Path = []string{"deep", "Id's"}
	case kind == 9 && r.null:
		r.Type, r.Is = r.Name+" type", "it's t"+fmt.Sprint(to)
	}
	t.refs = append(t.refs, r)
}

// of returns a table's name as Postgres prints it.
func (w *world) of(t *randomTable) string {
	name := quote(t.name)
	if !strings.ContainsAny(t.name, ` "`) {
		name = t.name
	}
	return quote(w.schema) + "." + name
}

// classify lets the rows of some tables stay, as far as what they refer to does.
func (w *world) classify() {
	for _, t := range w.tables {
		if w.chance(25) {
			t.rule = gdpr.Anonymise
		}
	}
	for changed := true; changed; {
		changed = false
		for _, t := range w.tables {
			cannot := slices.ContainsFunc(t.refs, func(r randomRef) bool {
				return r.Key() && !r.null && w.tables[r.to].rule == gdpr.Delete
			})
			if t.rule == gdpr.Anonymise && cannot {
				t.rule, changed = gdpr.Delete, true
			}
		}
	}
}

func (w *world) definition() *gdpr.Definition {
	d := &gdpr.Definition{Root: gdpr.Root{Table: w.of(w.tables[0]), Key: "id"}, Tables: map[string]gdpr.TableRule{}}
	for _, t := range w.tables {
		rule := gdpr.TableRule{Rule: t.rule, Columns: map[string]gdpr.ColumnRule{}}
		for _, c := range t.key {
			rule.Columns[c.Name] = gdpr.ColumnRule{Rule: gdpr.Ignore}
			if t == w.tables[0] {
				rule.Columns[c.Name] = gdpr.ColumnRule{Rule: gdpr.Keep, Basis: "tombstone"}
			}
		}
		rule.Columns["body"] = gdpr.ColumnRule{Rule: gdpr.Anonymise, Method: gdpr.SetToken, Known: true}
		rule.Columns["tags"] = gdpr.ColumnRule{Rule: gdpr.Anonymise, Method: gdpr.SetEmpty}
		rule.Columns["doc"] = gdpr.ColumnRule{Rule: gdpr.Anonymise, Method: gdpr.SetNull}
		rule.Columns["at"] = gdpr.ColumnRule{Rule: gdpr.Anonymise, Method: gdpr.SetYear}
		for _, r := range t.refs {
			w.classifyRef(d, t, r, &rule)
		}
		d.Tables[w.of(t)] = rule
	}
	return d
}

func (w *world) classifyRef(d *gdpr.Definition, t *randomTable, r randomRef, rule *gdpr.TableRule) {
	if !r.Key() {
		d.References = append(d.References, r.Reference)
	}
	for _, column := range r.Columns {
		rule.Columns[column] = gdpr.ColumnRule{Rule: gdpr.Ignore}
		switch {
		case len(r.Path) > 0 && t.rule == gdpr.Anonymise && !r.foreign:
			rule.Columns[column] = gdpr.ColumnRule{Rule: gdpr.Anonymise, Method: gdpr.SetNull}
		case r.Key() && r.null && t.rule == gdpr.Anonymise && w.tables[r.to].rule == gdpr.Delete:
			rule.Columns[column] = gdpr.ColumnRule{Rule: gdpr.Anonymise, Method: gdpr.SetNull}
		case t.rule == gdpr.Anonymise && r.to == 0:
			rule.Columns[column] = gdpr.ColumnRule{Rule: gdpr.Keep, Basis: "tombstone"}
		}
	}
	if r.Type != "" {
		rule.Columns[r.Type] = gdpr.ColumnRule{Rule: gdpr.Ignore}
	}
	switch {
	case r.owner:
		rule.OwnedBy = append(rule.OwnedBy, r.Name)
	default:
		rule.Mentions = append(rule.Mentions, r.Name)
	}
}

// fill makes rows: one in each table for each company, then some more.
func (w *world) fill() {
	for c := range companies {
		w.tables[0].rows = append(w.tables[0].rows, randomRow{company: c, key: []string{companyName(c)}})
		for i := 1; i < len(w.tables); i++ {
			w.addRow(i, c)
		}
		for range w.IntN(40) {
			w.addRow(1+w.IntN(len(w.tables)-1), c)
		}
	}
	for _, t := range w.tables {
		for i := range t.rows {
			for _, r := range t.refs {
				if !r.owner {
					w.refer(&t.rows[i], r)
				}
			}
		}
	}
}

func (w *world) addRow(i, company int) {
	t := w.tables[i]
	row := randomRow{company: company}
	for _, c := range t.key {
		w.serial++
		value := fmt.Sprint(w.serial)
		if c.Type == "uuid" {
			value = fmt.Sprintf("00000000-0000-4000-8000-%012d", w.serial)
		}
		row.key = append(row.key, value)
	}
	for _, r := range t.refs {
		if r.owner {
			w.refer(&row, r)
		}
	}
	t.rows = append(t.rows, row)
}

// refer lets row refer to some row that is there, of its company or, when the reference is foreign, of another.
func (w *world) refer(row *randomRow, r randomRef) {
	var candidates []randomRow
	for _, other := range w.tables[r.to].rows {
		if (other.company != row.company) == r.foreign {
			candidates = append(candidates, other)
		}
	}
	if row.values == nil {
		row.values = map[string]*string{}
	}
	if len(candidates) == 0 || r.null && w.chance(35) {
		return
	}
	to := candidates[w.IntN(len(candidates))]
	for i, column := range r.Columns {
		row.values[column] = &to.key[i]
	}
	if r.Type != "" {
		row.values[r.Type] = &r.Is
	}
}

// dump returns every row of the world as text, by company; those that are nobody's under -1.
func (w *world) dump(t *testing.T, pool *pgxpool.Pool) map[int][]string {
	t.Helper()
	all := map[int][]string{}
	for _, table := range w.tables {
		for _, row := range pgtest.List[string](t, pool, fmt.Sprintf("select t::text from %s t order by 1", w.of(table))) {
			company := -1
			for c := range companies {
				if strings.Contains(row, fmt.Sprintf("of-%d-", c)) {
					company = c
				}
			}
			all[company] = append(all[company], table.name+" "+row)
		}
	}
	return all
}

// valid requires that no reference is broken that Postgres enforces.
func (w *world) valid(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	for _, table := range w.tables {
		for _, r := range table.refs {
			if !r.Key() {
				continue
			}
			var set, same []string
			for i := range r.Columns {
				set = append(set, "c."+quote(r.Columns[i])+" is not null")
				same = append(same, "c."+quote(r.Columns[i])+" = p."+quote(r.ToColumns[i]))
			}
			broken := pgtest.List[int](t, pool, fmt.Sprintf("select count(*) from %s c where %s and not exists (select from %s p where %s)",
				w.of(table), strings.Join(set, " and "), w.of(w.tables[r.to]), strings.Join(same, " and ")))
			require.Zero(t, broken[0], "%s.%s", table.name, r.Name)
		}
	}
}

// eraseOne erases company 1 from a world, and looks at what is left.
func eraseOne(t *testing.T, pool *pgxpool.Pool, seed uint64) {
	t.Helper()
	w := newWorld(seed)
	_, err := pool.Exec(t.Context(), w.sql())
	require.NoError(t, err, "seed %d", seed)
	before := w.dump(t, pool)
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: w.definition(), Secret: secret, Batch: 1 + w.IntN(7), Rest: -1})
	d := deletion(companyName(1))

	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err, "seed %d", seed)
	require.Empty(t, plan.Problems, "seed %d", seed)
	erasure, err := host.Erase(t.Context(), d, plan)
	require.NoError(t, err, "seed %d", seed)
	for _, erased := range erasure.Tables {
		require.Equal(t, erased.Work.Rows, erased.Rows, "seed %d: %s", seed, erased.Name())
	}
	certificate, err := host.Certify(t.Context(), d, nil)
	require.NoError(t, err, "seed %d", seed)
	require.NoError(t, certificate.Verify(secret.CertificateKey()))

	after := w.dump(t, pool)
	require.Empty(t, after[1], "seed %d", seed)
	for _, c := range []int{0, 2} {
		require.Equal(t, before[c], after[c], "seed %d", seed)
	}
	w.valid(t, pool)
	_, err = pool.Exec(t.Context(), fmt.Sprintf("drop schema %s cascade", quote(w.schema)))
	require.NoError(t, err)
}

func TestRandomSchemasForgetOneCompanyAndKeepTheOthersByteForByte(t *testing.T) {
	t.Parallel()
	const lanes = 4
	worlds := 200
	if conform.Soak() {
		worlds = 1000
	}
	for lane := range lanes {
		t.Run(fmt.Sprint(lane), func(t *testing.T) {
			t.Parallel()
			pool := database(t)
			for seed := lane; seed < worlds; seed += lanes {
				eraseOne(t, pool, uint64(seed))
			}
		})
	}
}
