package gdprpg

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/migrations"
)

// Plan implements [gdpr.Tables]: a dry run in one read-only snapshot. A definition that does not fit the schema is a
// [*gdpr.CheckError]; rows that make the plan impossible are its Problems.
func (h *Host) Plan(ctx context.Context, s tenon.Subject) (p gdpr.Plan, err error) {
	err = inTx(ctx, h.db, func(tx pgx.Tx) error {
		if _, bound := h.db.(pgx.Tx); !bound {
			if _, err := tx.Exec(ctx, "set transaction isolation level repeatable read, read only"); err != nil {
				return err
			}
		}
		a, err := h.atlas(ctx, tx, s)
		if err != nil {
			return err
		}
		if err := a.find(ctx, tx); err != nil {
			return err
		}
		p, err = a.plan(ctx, tx)
		return err
	})
	return p, err
}

func (a *atlas) plan(ctx context.Context, tx pgx.Tx) (gdpr.Plan, error) {
	at, err := now(ctx, tx)
	if err != nil {
		return gdpr.Plan{}, err
	}
	p := gdpr.Plan{Subject: a.subject, Schema: a.m.Hash(), Definition: a.def.Hash(), Work: a.def.Works(a.m, at), Salt: rand.Text()}
	if err := a.mayWork(ctx, tx, &p); err != nil {
		return p, err
	}
	if len(p.Problems) == 0 {
		p.Cascades = a.wider(p.Work)
		if err := a.count(ctx, tx, &p); err != nil {
			return p, err
		}
	}
	return p.Sealed(), nil
}

const mayWorkSQL = `
select w.name,
  has_table_privilege(w.name::regclass, 'select'),
  has_table_privilege(w.name::regclass, w.privilege)
from unnest($1::text[], $2::text[]) w (name, privilege)`

// mayWork finds tables on which row level security would hide rows, or the role may not work.
func (a *atlas) mayWork(ctx context.Context, tx pgx.Tx, p *gdpr.Plan) error {
	var names, privileges []string
	for _, w := range p.Work {
		privilege := "select"
		switch {
		case w.Rule == gdpr.Delete:
			privilege = "delete"
		case len(w.Columns) > 0:
			privilege = "update"
		}
		names, privileges = append(names, w.Table), append(privileges, privilege)
	}
	filtered, err := migrations.Filtered(ctx, tx, names)
	if err != nil {
		return err
	}
	for _, name := range filtered {
		p.Problems = append(p.Problems, gdpr.Problem{Table: name, Text: "row level security hides rows from this role"})
	}
	var name string
	var reads, works bool
	return forEach(ctx, tx, mayWorkSQL, []any{names, privileges}, []any{&name, &reads, &works}, func() error {
		if !reads || !works {
			p.Problems = append(p.Problems, gdpr.Problem{Table: name, Text: "this role may not do what is planned"})
		}
		return nil
	})
}

const filteredSQL = `
select coalesce(min(name), '')
from unnest($1::text[]) n (name)
where row_security_active(name::regclass)`

// unfiltered returns an error when row level security would hide rows: those would be missed without a word.
func (a *atlas) unfiltered(ctx context.Context, db DB) error {
	var names []string
	for i := range a.m.Tables {
		if t := &a.m.Tables[i]; t.Relation != gdpr.Unrelated {
			names = append(names, t.Name)
		}
	}
	var filtered string
	if err := db.QueryRow(ctx, filteredSQL, names).Scan(&filtered); err != nil || filtered == "" {
		return err
	}
	return hidden(filtered)
}

// readable returns an error unless the subject is there, with all of its rows.
func (a *atlas) readable(ctx context.Context, db DB) error {
	if err := a.unfiltered(ctx, db); err != nil {
		return err
	}
	return a.find(ctx, db)
}

func hidden(table string) error {
	return fmt.Errorf("gdpr: row level security hides rows of %s from this role: %w", table, tenon.ErrDenied)
}

// wider returns the keys by which rows of others may refer to rows that are deleted.
func (a *atlas) wider(works []gdpr.Work) []gdpr.Wider {
	deleted, handled := map[string]bool{}, map[string]bool{}
	for _, w := range works {
		deleted[w.Table] = deleted[w.Table] || w.Relation == gdpr.Owned && w.Rule == gdpr.Delete
		if w.Relation == gdpr.Mentions {
			handled[w.Table+" "+w.Reference] = true
		}
	}
	var wider []gdpr.Wider
	for _, r := range a.m.References {
		if r.Key() && deleted[r.To] && !a.always(r) {
			wider = append(wider, gdpr.Wider{Reference: r, Handled: handled[r.From+" "+r.Name]})
		}
	}
	return wider
}

// always says whether r alone decides whose a row is, so that no row of another can refer by it.
func (a *atlas) always(r gdpr.Reference) bool {
	owners := a.m.Table(r.From).OwnedBy
	return len(owners) > 0 && owners[0].Name == r.Name
}

// count counts the rows of each work, and those of others that refer to what is deleted.
func (a *atlas) count(ctx context.Context, tx pgx.Tx, p *gdpr.Plan) error {
	b := &pgx.Batch{}
	for i := range p.Work {
		w := &p.Work[i]
		t := a.m.Table(w.Table)
		sql := fmt.Sprintf("select count(*) from %s t where %s", a.from(t), a.concerned(*w, "t"))
		b.Queue(sql, a.args()...).QueryRow(func(row pgx.Row) error { return row.Scan(&w.Rows) })
	}
	for i := range p.Cascades {
		c := &p.Cascades[i]
		from := a.m.Table(c.Reference.From)
		sql := fmt.Sprintf("select count(*) from %s t where %s", a.from(from), a.mentioned(c.Reference, "t"))
		b.Queue(sql, a.args()...).QueryRow(func(row pgx.Row) error { return row.Scan(&c.Rows) })
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	all := p.Cascades
	p.Cascades = nil
	for _, c := range all {
		if c.Rows == 0 {
			continue
		}
		p.Cascades = append(p.Cascades, c)
		if !c.Handled {
			p.Problems = append(p.Problems, gdpr.Problem{
				Table: c.Reference.From, Column: strings.Join(c.Reference.Columns, ", "), Text: inTheWay(c),
			})
		}
	}
	return nil
}

// reaching returns the keys by which Postgres would change or delete rows of others that have come since the plan.
func (a *atlas) reaching(ctx context.Context, db DB, works []gdpr.Work, chosen func(gdpr.Wider) bool) ([]gdpr.Problem, error) {
	var problems []gdpr.Problem
	for _, c := range a.wider(works) {
		keeps := c.Reference.OnDelete == gdpr.NoAction || c.Reference.OnDelete == gdpr.Restrict
		if keeps || !chosen(c) {
			continue
		}
		sql := fmt.Sprintf("select count(*) from %s t where %s", a.from(a.m.Table(c.Reference.From)), a.mentioned(c.Reference, "t"))
		if err := db.QueryRow(ctx, sql, a.args()...).Scan(&c.Rows); err != nil {
			return nil, err
		}
		if c.Rows > 0 {
			problems = append(problems, gdpr.Problem{
				Table: c.Reference.From, Column: strings.Join(c.Reference.Columns, ", "), Text: inTheWay(c),
			})
		}
	}
	return problems, nil
}

func inTheWay(c gdpr.Wider) string {
	does := "would keep them"
	switch c.Reference.OnDelete {
	case gdpr.Cascade:
		does = "would delete its own rows too"
	case gdpr.Nullify, gdpr.SetDefault:
		does = "would change its own rows too"
	}
	return fmt.Sprintf("%d rows that are not the subject's refer by key %s to rows of %s that are deleted, and the key %s: "+
		"anonymise its column to null, or let those rows stay", c.Rows, c.Reference.Name, c.Reference.To, does)
}

// concerned returns the predicate for the rows of a work.
func (a *atlas) concerned(w gdpr.Work, alias string) string {
	t := a.m.Table(w.Table)
	if w.Relation == gdpr.Owned {
		return a.owned(t, alias)
	}
	return a.mentioned(a.reference(w), alias)
}

// reference returns the one by which a work's rows mention the subject.
func (a *atlas) reference(w gdpr.Work) gdpr.Reference {
	for _, r := range a.m.References {
		if r.From == w.Table && r.Name == w.Reference {
			return r
		}
	}
	return gdpr.Reference{}
}
