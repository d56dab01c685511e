package gdprpg

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
)

// errNoSecret says that the host cannot sign.
var errNoSecret = fmt.Errorf("gdpr: %w", tenon.Invalid("secret", "is required for certificates and pseudonyms"))

// Certify implements [gdpr.Certifier]. It reads every table, a few pages at a time. What is found in the subject's own
// rows, in a column that is not kept by law, is a [gdpr.ErrLeft], and there is no certificate. What is found in rows of
// others is listed; [Host.Findings] returns which rows.
func (h *Host) Certify(ctx context.Context, d gdpr.Deletion, satellites map[string]map[string]int64) (gdpr.Certificate, error) {
	if h.options.Secret.IsZero() {
		return gdpr.Certificate{}, errNoSecret
	}
	if c, over, err := certified(ctx, h.db, d.ID); over || err != nil {
		return c, translate(err)
	}
	row, err := h.finished(ctx, d)
	if err != nil {
		return gdpr.Certificate{}, err
	}
	a, err := h.atlas(ctx, h.db, d.Subject)
	if err != nil {
		return gdpr.Certificate{}, err
	}
	s := &scanner{atlas: a, db: h.db, matcher: newMatcher(row.known), hits: map[hit]int64{}, listed: map[hit][]string{}}
	if err := s.run(ctx); err != nil {
		return gdpr.Certificate{}, translate(err)
	}
	if err := s.left(); err != nil {
		return gdpr.Certificate{}, err
	}
	return h.issue(ctx, d, row, s, satellites)
}

// finished returns the deletion when nothing of its plan is left to do.
func (h *Host) finished(ctx context.Context, d gdpr.Deletion) (row deletion, err error) {
	var progress gdpr.Erasure
	err = inTx(ctx, h.db, func(tx pgx.Tx) error {
		if row, err = lockDeletion(ctx, tx, d); err != nil {
			return err
		}
		e := &eraser{host: &Host{db: tx, options: h.options}, d: d, plan: row.plan}
		progress, err = e.progress(ctx)
		return err
	})
	switch {
	case err != nil:
		return row, err
	case row.state != erasing:
		return row, gdpr.ErrDeletion
	case !progress.Done():
		return row, gdpr.ErrUnfinished
	}
	return row, nil
}

// left returns an error that names the columns of the subject's own rows in which something is left.
func (s *scanner) left() error {
	var err error
	for _, h := range s.sorted() {
		rule, known := s.def.ColumnRule(h.table, h.column)
		if h.own && (!known || rule.Rule != gdpr.Keep) {
			err = fmt.Errorf("%w; %d rows of %s in %s", cmp.Or(err, gdpr.ErrLeft), s.hits[h], h.table, h.column)
		}
	}
	return err
}

func (s *scanner) sorted() []hit {
	return slices.SortedFunc(maps.Keys(s.hits), func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.column, b.column), cmp.Compare(fmt.Sprint(a.own), fmt.Sprint(b.own)))
	})
}

// Found is a column of others' rows that holds a value of somebody who was erased, for a person to judge.
type Found struct {
	gdpr.Finding
	Keys []string `json:"keys"` // of the rows, as arrays of text; at most 100
}

func (s *scanner) findings() []Found {
	found := []Found{}
	for _, h := range s.sorted() {
		f := gdpr.Finding{Table: h.table, Column: h.column, Own: h.own, Rows: s.hits[h]}
		s.scan.Found = append(s.scan.Found, f)
		found = append(found, Found{f, s.listed[h]})
	}
	return found
}

const (
	issueSQL = `
insert into tenon.gdpr_certificates (id, body, findings, at)
values ($1, $2::text::json, $3::text::json, $4)`

	suppressSQL = `
insert into tenon.gdpr_suppressions (subject, person, deletion, at)
values ($1, $2, $3, $4)
on conflict (subject, person) do update
set deletion = excluded.deletion,
  at = excluded.at
where excluded.at > gdpr_suppressions.at`

	forgetWorkSQL = `
delete from tenon.gdpr_work
where tenant_id = $1
  and deletion_id in (select id from tenon.gdpr_deletions where tenant_id = $1 and ($2 = '' or user_id = $2))`

	forgetMarksSQL = `
delete from tenon.gdpr_marks
where tenant_id = $1
  and deletion_id in (select id from tenon.gdpr_deletions where tenant_id = $1 and ($2 = '' or user_id = $2))`

	forgetDeletionsSQL = `
delete from tenon.gdpr_deletions
where tenant_id = $1
  and ($2 = '' or user_id = $2)`
)

// issue signs the certificate, and forgets what it no longer needs in the same transaction.
func (h *Host) issue(
	ctx context.Context, d gdpr.Deletion, row deletion, s *scanner, satellites map[string]map[string]int64,
) (c gdpr.Certificate, err error) {
	pseudonym := h.options.Secret.Pseudonym(d.Subject)
	s.scan.Values, s.scan.Short = s.matcher.values, s.matcher.short
	s.scan.Cut = len(row.known) >= h.options.Values
	found, err := json.Marshal(s.findings())
	if err != nil {
		return c, err
	}
	err = inTx(ctx, h.db, func(tx pgx.Tx) error {
		again, err := lockDeletion(ctx, tx, d)
		if err != nil {
			return err
		}
		if again.state == "" { // somebody else was faster
			c, _, err = certified(ctx, tx, d.ID)
			return err
		}
		e := &eraser{host: &Host{db: tx, options: h.options}, d: d, plan: row.plan}
		progress, err := e.progress(ctx)
		if err != nil {
			return err
		}
		c = gdpr.Certificate{ID: d.ID, Subject: pseudonym, PlanHash: row.planHash, StartedAt: row.startedAt, Scan: s.scan}
		c.Tables, c.Satellites = proofs(progress), satelliteProofs(satellites)
		if c.EndedAt, err = now(ctx, tx); err != nil {
			return err
		}
		c = c.Sign(h.options.Secret)
		body, err := json.Marshal(c)
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		b.Queue(issueSQL, d.ID, string(body), string(found), c.EndedAt)
		b.Queue(suppressSQL, pseudonym, d.Subject.User != "", d.ID, c.EndedAt)
		for _, sql := range []string{forgetWorkSQL, forgetMarksSQL, forgetDeletionsSQL} {
			b.Queue(sql, d.Subject.Tenant, d.Subject.User)
		}
		return tx.SendBatch(ctx, b).Close()
	})
	return c, err
}

func proofs(e gdpr.Erasure) []gdpr.Proof {
	var all []gdpr.Proof
	for _, t := range e.Tables {
		all = append(all, gdpr.Proof{
			Table: t.Table, Relation: t.Relation, Rule: t.Rule, Basis: t.Basis, Until: t.Until, Rows: t.Rows,
		})
	}
	return all
}

func satelliteProofs(satellites map[string]map[string]int64) []gdpr.Proof {
	var all []gdpr.Proof
	for _, name := range slices.Sorted(maps.Keys(satellites)) {
		for _, table := range slices.Sorted(maps.Keys(satellites[name])) {
			all = append(all, gdpr.Proof{Satellite: name, Table: table, Rows: satellites[name][table]})
		}
	}
	return all
}

const findingsSQL = `
select findings
from tenon.gdpr_certificates
where id = $1`

// Findings returns in which rows of others values of the one who was erased were found.
func (h *Host) Findings(ctx context.Context, deletion string) (found []Found, err error) {
	var body []byte
	if err := h.db.QueryRow(ctx, findingsSQL, deletion).Scan(&body); err != nil {
		return nil, translate(missing(err))
	}
	return found, json.Unmarshal(body, &found)
}

const judgedSQL = `
update tenon.gdpr_certificates
set findings = '[]'
where id = $1`

// Judged says that a person has looked at the findings, which are then forgotten.
func (h *Host) Judged(ctx context.Context, deletion string) error {
	tag, err := h.db.Exec(ctx, judgedSQL, deletion)
	if err == nil && tag.RowsAffected() == 0 {
		return gdpr.ErrUnknownRequest
	}
	return translate(err)
}
