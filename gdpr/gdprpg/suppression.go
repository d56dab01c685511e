package gdprpg

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
)

const suppressionsSQL = `
select subject, person, deletion, at
from tenon.gdpr_suppressions
order by at, subject`

// Suppressions returns everybody who was erased, as pseudonyms, the oldest first. Keep the list where a restore of this
// database does not reach.
func (h *Host) Suppressions(ctx context.Context) ([]gdpr.Suppression, error) {
	rows, err := h.db.Query(ctx, suppressionsSQL)
	if err != nil {
		return nil, translate(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s gdpr.Suppression, err error) {
		err = row.Scan(&s.Subject, &s.Person, &s.Deletion, &s.At)
		s.At = tenon.Instant(s.At)
		return s, err
	})
	return list, translate(err)
}

// Suppress adds a list to the one that is kept, after a restore. Adding it twice is not an error.
func (h *Host) Suppress(ctx context.Context, list []gdpr.Suppression) error {
	return inTx(ctx, h.db, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		for _, s := range list {
			b.Queue(suppressSQL, s.Subject, s.Person, s.Deletion, s.At)
		}
		if b.Len() == 0 {
			return nil
		}
		return tx.SendBatch(ctx, b).Close()
	})
}

// Suppressed returns the subjects that were erased and are there again, since a backup was restored. It computes the
// pseudonym of every subject. One whose row stays after an erasure is always among them; erasing it again does no harm.
func (h *Host) Suppressed(ctx context.Context) ([]tenon.Subject, error) {
	if h.options.Secret.IsZero() {
		return nil, errNoSecret
	}
	list, err := h.Suppressions(ctx)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	erased := map[string]bool{}
	for _, s := range list {
		erased[s.Subject] = true
	}
	var back []tenon.Subject
	for _, def := range []*gdpr.Definition{h.options.Company, h.options.Person} {
		if def == nil {
			continue
		}
		err := h.subjects(ctx, def, func(s tenon.Subject) {
			if erased[h.options.Secret.Pseudonym(s)] {
				back = append(back, s)
			}
		})
		if err != nil {
			return nil, translate(err)
		}
	}
	return back, nil
}

// subjects calls f for every row of the definition's root.
func (h *Host) subjects(ctx context.Context, def *gdpr.Definition, f func(tenon.Subject)) error {
	m, err := Discover(ctx, h.db, def)
	if err != nil {
		return err
	}
	root := m.Table(def.Root.Table)
	if root == nil {
		return def.Check(m)
	}
	tenant, user := quoted("t", def.Root.Key)+"::text", "''"
	if def.Root.Tenant != "" {
		tenant, user = quoted("t", def.Root.Tenant)+"::text", tenant
	}
	sql := fmt.Sprintf("select %[1]s, %[2]s from %[3]s t where %[1]s is not null and %[2]s is not null", tenant, user, (&atlas{}).from(root))
	var s tenon.Subject
	return forEach(ctx, h.db, sql, nil, []any{&s.Tenant, &s.User}, func() error {
		f(s)
		return nil
	})
}

// Replay erases everybody again whom a restore has brought back, satellites too, and returns the certificates. Call it
// before the restored database serves anybody, with the list from before the restore added by [Host.Suppress]. What
// fails holds up no other; call it again for those.
func (h *Host) Replay(ctx context.Context, satellites ...gdpr.Satellite) ([]gdpr.Certificate, error) {
	back, err := h.Suppressed(ctx)
	if err != nil {
		return nil, err
	}
	begun, err := h.begun(ctx)
	if err != nil {
		return nil, err
	}
	var certificates []gdpr.Certificate
	var failures []error
	for _, s := range union(back, begun) {
		c, err := h.replay(ctx, s, satellites)
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", h.options.Secret.Pseudonym(s), err))
			continue
		}
		certificates = append(certificates, c)
	}
	return certificates, errors.Join(failures...)
}

const begunSQL = `
select distinct tenant_id, user_id
from tenon.gdpr_deletions
where state = 'erasing'
order by 1, 2`

// begun returns the subjects in the list whose rows may be gone, and who are not certified: a replay was interrupted.
func (h *Host) begun(ctx context.Context) ([]tenon.Subject, error) {
	list, err := h.Suppressions(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := h.db.Query(ctx, begunSQL)
	if err != nil {
		return nil, translate(err)
	}
	subjects, err := pgx.CollectRows(rows, pgx.RowToStructByPos[tenon.Subject])
	return slices.DeleteFunc(subjects, func(s tenon.Subject) bool {
		pseudonym := h.options.Secret.Pseudonym(s)
		return !slices.ContainsFunc(list, func(l gdpr.Suppression) bool { return l.Subject == pseudonym })
	}), translate(err)
}

func union(a, b []tenon.Subject) []tenon.Subject {
	all := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

func (h *Host) replay(ctx context.Context, s tenon.Subject, satellites []gdpr.Satellite) (c gdpr.Certificate, err error) {
	d := gdpr.Deletion{Subject: s}
	if err := h.db.QueryRow(ctx, underwaySQL, s.Tenant, s.User).Scan(&d.ID, &d.At); err != nil {
		return c, translate(err)
	}
	p, err := h.Plan(ctx, s)
	if errors.Is(err, gdpr.ErrUnknownSubject) { // erased and not certified
		p, err = h.frozen(ctx, d)
	}
	if err == nil {
		_, err = h.Erase(ctx, d, p)
	}
	if err != nil {
		return c, err
	}
	erased := map[string]map[string]int64{}
	for _, satellite := range inOrder(satellites) {
		if erased[satellite.Name], err = satellite.Eraser.Erase(ctx, s); err != nil {
			return c, fmt.Errorf("%s: %w", satellite.Name, err)
		}
	}
	return h.Certify(ctx, d, erased)
}

// underwaySQL returns the erasure of a subject that was begun, or a new one.
const underwaySQL = `
select id::text, coalesce(started_at, clock_timestamp())
from (
  select id, started_at
  from tenon.gdpr_deletions
  where tenant_id = $1
    and user_id = $2
    and state = 'erasing'
  union all
  select gen_random_uuid(), null) d
order by started_at nulls last
limit 1`

func (h *Host) frozen(ctx context.Context, d gdpr.Deletion) (gdpr.Plan, error) {
	var row deletion
	err := inTx(ctx, h.db, func(tx pgx.Tx) (err error) {
		row, err = lockDeletion(ctx, tx, d)
		return err
	})
	return row.plan, err
}

// inOrder returns satellites after those that they name; in a circle, in the order given.
func inOrder(satellites []gdpr.Satellite) []gdpr.Satellite {
	var sorted []gdpr.Satellite
	placed := map[string]bool{}
	var place func(s gdpr.Satellite)
	place = func(s gdpr.Satellite) {
		if placed[s.Name] {
			return
		}
		placed[s.Name] = true
		for _, other := range satellites {
			if slices.Contains(s.After, other.Name) {
				place(other)
			}
		}
		sorted = append(sorted, s)
	}
	for _, s := range satellites {
		place(s)
	}
	return sorted
}
