package directorypg

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
)

// tenantTables are the tables with rows of a tenant, those that depend on others first, and the columns that name a person.
var tenantTables = []struct {
	table   string
	persons []string
}{
	{"directory_status_log", []string{"by"}},
	{"directory_docs", []string{"added_by", "verified_by"}},
	{"public_partners", nil},
	{"directory_companies", []string{"verified_by"}},
}

// What is kept in step with the rest: entries, their places in lists, and words.
const (
	entriesTable  = "tenon.directory_entries"
	listingsTable = "tenon.directory_listings"
	wordsTable    = "tenon.directory_words"
)

// Export implements [tenon.Exporter]. Of a person there are the rows that the person wrote or verified. What everybody
// may see is a part of tenon.public_partners, and not handed over twice.
func (s *Store) Export(ctx context.Context, subject tenon.Subject) iter.Seq2[tenon.Row, error] {
	return func(yield func(tenon.Row, error) bool) {
		if subject.Tenant == "" {
			yield(tenon.Row{}, tenon.Invalid("tenant", "is empty"))
			return
		}
		for _, t := range tenantTables {
			if subject.User != "" && t.persons == nil {
				continue
			}
			if !s.exportTable(ctx, subject, t.table, t.persons, yield) {
				return
			}
		}
	}
}

func (s *Store) exportTable(
	ctx context.Context, subject tenon.Subject, table string, persons []string, yield func(tenon.Row, error) bool,
) bool {
	sql := "select to_jsonb(t) - 'terms' from tenon." + pgx.Identifier{table}.Sanitize() + " t where tenant_id = $1"
	args := []any{subject.Tenant}
	if subject.User != "" {
		sql, args = sql+" and $2 in ("+columns(persons)+")", append(args, subject.User)
	}
	rows, err := s.db.Query(ctx, sql, args...)
	if err != nil {
		yield(tenon.Row{}, translate(err))
		return false
	}
	defer rows.Close()
	for rows.Next() {
		var data json.RawMessage
		if err := rows.Scan(&data); err != nil {
			yield(tenon.Row{}, translate(err))
			return false
		}
		if !yield(tenon.Row{Table: "tenon." + table, Data: data}, nil) {
			return false
		}
	}
	if err := rows.Err(); err != nil {
		yield(tenon.Row{}, translate(err))
		return false
	}
	return true
}

// columns quotes names.
func columns(names []string) string {
	text := ""
	for i, n := range names {
		if i > 0 {
			text += ", "
		}
		text += pgx.Identifier{n}.Sanitize()
	}
	return text
}

// Erase implements [tenon.Eraser], in one transaction. Of a person it empties the authorship of log entries, documents
// and verifications; of a company it removes everything, and the words that nobody else has, for which it asks the index
// for every word that there is: seconds among a million partners.
func (s *Store) Erase(ctx context.Context, subject tenon.Subject) (erased map[string]int64, err error) {
	if subject.Tenant == "" {
		return nil, tenon.Invalid("tenant", "is empty")
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		erased = map[string]int64{entriesTable: 0, listingsTable: 0, wordsTable: 0}
		for _, t := range tenantTables {
			erased["tenon."+t.table] = 0
		}
		if err := lockAll(ctx, tx, subject.Tenant); err != nil {
			return err
		}
		if subject.User != "" {
			return forgetPerson(ctx, tx, subject, erased)
		}
		return eraseTenant(ctx, tx, subject.Tenant, erased)
	})
	return erased, err
}

const lockPartnersSQL = `
select
from tenon.directory_companies
where tenant_id = $1
order by id
for update`

func lockAll(ctx context.Context, tx pgx.Tx, tenant string) error {
	b := &pgx.Batch{}
	b.Queue(lockTenantSQL, tenant)
	b.Queue(lockPartnersSQL, tenant)
	return tx.SendBatch(ctx, b).Close()
}

func forgetPerson(ctx context.Context, tx pgx.Tx, subject tenon.Subject, erased map[string]int64) error {
	for _, t := range tenantTables {
		for _, column := range t.persons {
			name := pgx.Identifier{column}.Sanitize()
			sql := "update tenon." + pgx.Identifier{t.table}.Sanitize() + " set " + name + " = '' where tenant_id = $1 and " + name + " = $2"
			tag, err := tx.Exec(ctx, sql, subject.Tenant, subject.User)
			if err != nil {
				return err
			}
			erased["tenon."+t.table] += tag.RowsAffected()
		}
	}
	return nil
}

const countEntriesSQL = `
select count(*), coalesce(sum(cardinality(e.services) * cardinality(e.regions)), 0)
from tenon.public_partners p
join tenon.directory_entries e on e.id = p.id
where p.tenant_id = $1`

// wordsSQL finds the words that no entry has: those of the tenant's, and what it or others published before.
const wordsSQL = `
select w.word
from tenon.directory_words w
where not exists (
    select
    from tenon.directory_entries e
    where e.terms @@ ('''w' || w.word || '''')::tsquery)`

// forgetSQL runs after the words are locked, in a statement of its own: what it sees was committed by then, and who adds
// an entry with one of the words meanwhile waits, and adds the word anew.
const lockWordsSQL = `
select
from tenon.directory_words
where word = any ($1)
order by word
for update`

const forgetSQL = `
delete from tenon.directory_words w
where w.word = any ($1)
  and not exists (
    select
    from tenon.directory_entries e
    where e.terms @@ ('''w' || w.word || '''')::tsquery)`

func eraseTenant(ctx context.Context, tx pgx.Tx, tenant string, erased map[string]int64) error {
	var entries, listings int64
	if err := tx.QueryRow(ctx, countEntriesSQL, tenant).Scan(&entries, &listings); err != nil {
		return err
	}
	erased[entriesTable], erased[listingsTable] = entries, listings
	for _, t := range tenantTables {
		tag, err := tx.Exec(ctx, "delete from tenon."+pgx.Identifier{t.table}.Sanitize()+" where tenant_id = $1", tenant)
		if err != nil {
			return err
		}
		erased["tenon."+t.table] = tag.RowsAffected()
	}
	rows, err := tx.Query(ctx, wordsSQL)
	if err != nil {
		return err
	}
	words, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, lockWordsSQL, words); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, forgetSQL, words)
	erased[wordsTable] = tag.RowsAffected()
	return err
}
