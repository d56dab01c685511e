package directorypg

import (
	"context"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgsubject"
)

// tenantTables are the tables with rows of a tenant, those that depend on others first.
var tenantTables = []pgsubject.Table{
	{Name: "directory_status_log", Person: "$2 in (by)", Hidden: "terms"},
	{Name: "directory_docs", Person: "$2 in (added_by, verified_by)", Hidden: "terms"},
	{Name: "public_partners", Hidden: "terms"},
	{Name: "directory_companies", Person: "$2 in (verified_by)", Hidden: "terms"},
}

// authors are the columns that name a person, by table.
var authors = map[string][]string{
	"directory_status_log": {"by"},
	"directory_docs":       {"added_by", "verified_by"},
	"directory_companies":  {"verified_by"},
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
	return pgsubject.Export(ctx, s.db, subject, tenantTables, translate)
}

// Erase implements [tenon.Eraser], in one transaction. Of a person it empties the authorship of log entries, documents
// and verifications; of a company it removes everything, and the words that nobody else has, for which it asks the index
// for every word that there is: seconds among a million partners.
func (s *Store) Erase(ctx context.Context, subject tenon.Subject) (erased map[string]int64, err error) {
	if subject.Tenant == "" {
		return nil, tenon.Invalid("tenant", "is empty")
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		erased = pgsubject.Nothing(tenantTables)
		erased[entriesTable], erased[listingsTable], erased[wordsTable] = 0, 0, 0
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
	for table, columns := range authors {
		for _, column := range columns {
			name := pgx.Identifier{column}.Sanitize()
			sql := "update tenon." + pgx.Identifier{table}.Sanitize() + " set " + name + " = '' where tenant_id = $1 and " + name + " = $2"
			tag, err := tx.Exec(ctx, sql, subject.Tenant, subject.User)
			if err != nil {
				return err
			}
			erased["tenon."+table] += tag.RowsAffected()
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
	if err := pgsubject.Delete(ctx, tx, tenant, tenantTables, erased); err != nil {
		return err
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
