package gdprpg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/internal/pgerr"
)

// Erase implements [gdpr.Tables]. It works table by table in the plan's order, in batches, each a transaction that also
// counts what it did; a table that fails holds up no other than those that its rows refer to. Done again after any
// failure it goes on, and every row is counted once. A new plan for a deletion that is under way takes the place of the
// old one. The error wraps [gdpr.ErrUnfinished] when tables failed, and the Erasure says which and why.
func (h *Host) Erase(ctx context.Context, d gdpr.Deletion, p gdpr.Plan) (gdpr.Erasure, error) {
	if !p.Sound() || p.Subject != d.Subject || len(p.Problems) > 0 {
		return gdpr.Erasure{Deletion: d}, planError(p.Problems)
	}
	if c, over, err := certified(ctx, h.db, d.ID); over || err != nil {
		return proven(d, c), translate(err)
	}
	e := &eraser{host: h, d: d, plan: p}
	if err := inTx(ctx, h.db, func(tx pgx.Tx) error { return e.begin(ctx, tx) }); err != nil {
		if c, over, _ := certified(ctx, h.db, d.ID); over { // meanwhile, by another instance
			return proven(d, c), nil
		}
		return gdpr.Erasure{Deletion: d, PlanHash: p.Hash}, err
	}
	workErr := e.work(ctx)
	progress, err := e.progress(ctx)
	if err != nil || ctx.Err() != nil {
		return progress, errors.Join(workErr, err, ctx.Err())
	}
	if !progress.Done() {
		return progress, errors.Join(gdpr.ErrUnfinished, workErr)
	}
	return progress, nil
}

func planError(problems []gdpr.Problem) error {
	err := gdpr.ErrPlan
	for _, problem := range problems {
		err = fmt.Errorf("%w; %s", err, problem)
	}
	return err
}

// proven is the erasure that a certificate proves.
func proven(d gdpr.Deletion, c gdpr.Certificate) gdpr.Erasure {
	e := gdpr.Erasure{Deletion: d, PlanHash: c.PlanHash, StartedAt: c.StartedAt}
	for _, t := range c.Tables {
		w := gdpr.Work{Table: t.Table, Relation: t.Relation, Rule: t.Rule, Basis: t.Basis, Until: t.Until}
		e.Tables = append(e.Tables, gdpr.Erased{Work: w, Done: true, Rows: t.Rows})
	}
	return e
}

// eraser carries out a plan.
type eraser struct {
	host *Host
	*atlas
	d    gdpr.Deletion
	plan gdpr.Plan
}

const beginErasingSQL = `
insert into tenon.gdpr_deletions (tenant_id, id, user_id, state, started_at, plan_hash, plan, known_values)
values ($1, $2, $3, 'erasing', clock_timestamp(), $4, $5::text::json, $6)
on conflict (tenant_id, id) do update
set state = 'erasing',
  started_at = coalesce(gdpr_deletions.started_at, excluded.started_at),
  plan_hash = excluded.plan_hash,
  plan = excluded.plan,
  known_values = excluded.known_values`

// begin freezes the plan with the deletion, or finds that it is there. Nothing is done for a schema that is not the
// plan's.
func (e *eraser) begin(ctx context.Context, tx pgx.Tx) (err error) {
	// The row is there before it is locked, so that two who begin at once see each other.
	_, err = tx.Exec(ctx, beginMarkingSQL, e.d.Subject.Tenant, e.d.ID, e.d.Subject.User, tenon.Instant(e.d.At))
	if err != nil {
		return err
	}
	row, err := lockDeletion(ctx, tx, e.d)
	if err != nil {
		return err
	}
	if row.state == restored {
		return gdpr.ErrDeletion
	}
	if e.atlas, err = e.host.atlas(ctx, tx, e.d.Subject); err != nil {
		if errors.Is(err, gdpr.ErrUnclassified) {
			err = fmt.Errorf("%w: %w", gdpr.ErrSchemaChanged, err)
		}
		return err
	}
	if e.m.Hash() != e.plan.Schema || e.def.Hash() != e.plan.Definition {
		return gdpr.ErrSchemaChanged
	}
	if err := e.unfiltered(ctx, tx); err != nil {
		return err
	}
	if row.state == erasing && row.planHash == e.plan.Hash {
		return nil
	}
	if row.state != erasing {
		if err := e.fits(ctx, tx); err != nil {
			return err
		}
	}
	values, err := e.knownValues(ctx, tx, e.host.options.Values, row.known)
	if err != nil {
		return err
	}
	return e.freeze(ctx, tx, values)
}

// fits returns why nothing is begun: the subject is not there, or its rows have rows of others in tow since the plan.
func (e *eraser) fits(ctx context.Context, tx pgx.Tx) error {
	if err := e.find(ctx, tx); err != nil {
		return err
	}
	problems, err := e.reaching(ctx, tx, e.plan.Work, func(c gdpr.Wider) bool { return !c.Handled })
	if err != nil || len(problems) == 0 {
		return err
	}
	return planError(problems)
}

// A new plan begins each work anew. What was deleted stays counted, and rows of others that mention the subject no
// longer; what was anonymised and stays the subject's is counted when it is again.
const beginWorkSQL = `
insert into tenon.gdpr_work (tenant_id, deletion_id, work, done)
values ($1, $2, $3, $4)
on conflict (tenant_id, deletion_id, work) do update
set done = excluded.done,
  after = null,
  rows = case when $5 then gdpr_work.rows else 0 end`

func (e *eraser) freeze(ctx context.Context, tx pgx.Tx, values []string) error {
	body, err := json.Marshal(e.plan)
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	b.Queue(beginErasingSQL, e.d.Subject.Tenant, e.d.ID, e.d.Subject.User, e.plan.Hash, string(body), values)
	for _, w := range e.plan.Work {
		b.Queue(beginWorkSQL, e.d.Subject.Tenant, e.d.ID, w.Name(), !active(w), vanishes(w))
	}
	return tx.SendBatch(ctx, b).Close()
}

// vanishes says whether rows that are done are not found again.
func vanishes(w gdpr.Work) bool { return w.Rule == gdpr.Delete || w.Relation == gdpr.Mentions }

// active says whether there is something to do.
func active(w gdpr.Work) bool { return w.Rule == gdpr.Delete || len(w.Columns) > 0 }

// work does each group of the plan that those before it do not hold up. It returns what failed.
func (e *eraser) work(ctx context.Context) error {
	state, err := e.states(ctx)
	if err != nil {
		return err
	}
	var failures []error
	failed := map[int]bool{}
	for _, works := range e.groups() {
		group := works[0].Group
		open := slices.ContainsFunc(works, func(w gdpr.Work) bool { return !state[w.Name()].Done })
		blocked := slices.IndexFunc(works, func(w gdpr.Work) bool {
			return slices.ContainsFunc(w.After, func(g int) bool { return failed[g] })
		})
		switch {
		case !open:
			continue
		case blocked >= 0:
			failed[group] = true
			e.note(ctx, works, errWaits)
			continue
		}
		if err := e.group(ctx, works); err != nil {
			if ctx.Err() != nil {
				return errors.Join(append(failures, err)...)
			}
			failed[group] = true
			failures = append(failures, fmt.Errorf("%s: %w", works[0].Name(), err))
			e.note(ctx, works, err)
			if pgerr.Is(err, foreignKeyViolation) || errors.Is(err, gdpr.ErrPlan) {
				e.reopen(ctx, works)
			}
		}
	}
	return errors.Join(failures...)
}

// errWaits is noted for what is held up.
var errWaits = errors.New("waits for a table whose rows refer to this one")

const foreignKeyViolation = "23503"

// groups returns the plan's works by group, in its order.
func (e *eraser) groups() [][]gdpr.Work {
	var groups [][]gdpr.Work
	for _, w := range e.plan.Work {
		if n := len(groups); n > 0 && groups[n-1][0].Group == w.Group {
			groups[n-1] = append(groups[n-1], w)
		} else {
			groups = append(groups, []gdpr.Work{w})
		}
	}
	return groups
}

func (e *eraser) group(ctx context.Context, works []gdpr.Work) error {
	works = slices.DeleteFunc(slices.Clone(works), func(w gdpr.Work) bool { return !active(w) })
	if len(works) == 1 && works[0].Rule == gdpr.Anonymise || len(works) == 1 && works[0].Rule == gdpr.Keep {
		return e.anonymise(ctx, works[0])
	}
	if e.circular(works) {
		return e.cycle(ctx, works)
	}
	return e.delete(ctx, works[0])
}

// circular says whether rows of a group may refer to each other.
func (e *eraser) circular(works []gdpr.Work) bool {
	return len(works) > 1 || slices.ContainsFunc(e.m.References, func(r gdpr.Reference) bool {
		return r.From == works[0].Table && r.To == works[0].Table && e.follows(r)
	})
}

// follows says whether a row must go before the one that it refers to by r.
func (e *eraser) follows(r gdpr.Reference) bool {
	return r.Key() || slices.ContainsFunc(e.m.Table(r.From).OwnedBy, func(o gdpr.Reference) bool { return o.Name == r.Name })
}

const noteSQL = `
update tenon.gdpr_work
set attempts = attempts + $4,
  last_error = $5
where tenant_id = $1
  and deletion_id = $2
  and work = $3
  and not done`

// note writes down why works are not done. That it cannot be written is no news: the error itself is returned.
func (e *eraser) note(ctx context.Context, works []gdpr.Work, why error) {
	attempts := 1
	if errors.Is(why, errWaits) {
		attempts = 0
	}
	b := &pgx.Batch{}
	for _, w := range works {
		b.Queue(noteSQL, e.d.Subject.Tenant, e.d.ID, w.Name(), attempts, firstLine(translate(why)))
	}
	_ = inTx(ctx, e.host.db, func(tx pgx.Tx) error { return tx.SendBatch(ctx, b).Close() })
}

const reopenSQL = `
update tenon.gdpr_work
set done = false,
  after = null
where tenant_id = $1
  and deletion_id = $2
  and work = any($3)`

// reopen lets the next attempt look again for rows that were added to tables that were done, mentions too.
func (e *eraser) reopen(ctx context.Context, works []gdpr.Work) {
	var names []string
	for _, w := range e.plan.Work {
		if vanishes(w) && slices.ContainsFunc(works, func(f gdpr.Work) bool { return slices.Contains(f.After, w.Group) }) {
			names = append(names, w.Name())
		}
	}
	_, _ = e.host.db.Exec(ctx, reopenSQL, e.d.Subject.Tenant, e.d.ID, names) // the next attempt fails as this one did
}

const progressSQL = `
select work, rows, done, attempts, last_error
from tenon.gdpr_work
where tenant_id = $1
  and deletion_id = $2`

func (e *eraser) states(ctx context.Context) (map[string]gdpr.Erased, error) {
	all := map[string]gdpr.Erased{}
	var name string
	var t gdpr.Erased
	args, into := []any{e.d.Subject.Tenant, e.d.ID}, []any{&name, &t.Rows, &t.Done, &t.Attempts, &t.Error}
	err := forEach(ctx, e.host.db, progressSQL, args, into, func() error {
		all[name] = t
		return nil
	})
	return all, translate(err)
}

// progress returns how far it has come, in the plan's order. Works of an earlier plan come last.
func (e *eraser) progress(ctx context.Context) (gdpr.Erasure, error) {
	p := gdpr.Erasure{Deletion: e.d, PlanHash: e.plan.Hash}
	all, err := e.states(ctx)
	if err != nil {
		return p, err
	}
	for _, w := range e.plan.Work {
		t := all[w.Name()]
		t.Work = w
		p.Tables = append(p.Tables, t)
		delete(all, w.Name())
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t := all[name]
		t.Work, t.Done = former(name), true
		p.Tables = append(p.Tables, t)
	}
	return p, nil
}

// former returns what a name tells of a work of an earlier plan, as [gdpr.Work.Name] made it. Of a table's name only what
// is in quotes holds a blank.
func former(name string) gdpr.Work {
	inQuotes := false
	for i := range len(name) {
		if name[i] == '"' {
			inQuotes = !inQuotes
		}
		if reference, ok := strings.CutPrefix(name[i:], " by "); ok && !inQuotes {
			return gdpr.Work{Table: name[:i], Relation: gdpr.Mentions, Reference: reference}
		}
	}
	return gdpr.Work{Table: name, Relation: gdpr.Owned}
}

func firstLine(err error) string {
	const most = 500
	text, _, _ := strings.Cut(err.Error(), "\n")
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}
