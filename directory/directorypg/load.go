package directorypg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
)

// companyColumns are those of a partner, its draft as c and what is published as p, in the order in which scanCompany
// reads them.
const companyColumns = `c.tenant_id, c.id::text, c.version, c.status, c.company_name, c.description, c.services, c.regions,
  c.contact_email, c.website, c.show_contact, c.is_public, c.language, c.zone, c.created_at, c.updated_at,
  c.published_at, c.fresh_at, c.verified_at, c.verified_by, c.deleted_at, c.required, c.visible_until, c.next_at,
  c.policy, p.id is not null, coalesce(p.company_name, ''), coalesce(p.description, ''), p.services, p.regions,
  coalesce(p.contact_email, ''), coalesce(p.website, ''), coalesce(p.show_contact, false),
  coalesce(p.is_public, false), coalesce(p.language, ''), coalesce(p.zone, '')
from tenon.directory_companies c
left join tenon.public_partners p on p.tenant_id = c.tenant_id and p.id = c.id`

func scanCompany(row pgx.CollectableRow) (*directory.Dossier, error) {
	d, f, shown := &directory.Dossier{}, directory.Profile{}, false
	g := &d.Draft
	var created, updated time.Time
	var published, fresh, verified, deleted, visible, next *time.Time
	err := row.Scan(&d.Tenant, &d.ID, &d.Version, &d.Status, &g.Name, &g.Description, &g.Services, &g.Regions,
		&g.Contact, &g.Website, &g.ShowContact, &g.Public, &g.Language, &g.Zone, &created, &updated,
		&published, &fresh, &verified, &d.VerifiedBy, &deleted, &d.Required, &visible, &next,
		&d.Policy, &shown, &f.Name, &f.Description, &f.Services, &f.Regions,
		&f.Contact, &f.Website, &f.ShowContact, &f.Public, &f.Language, &f.Zone)
	if err != nil {
		return nil, err
	}
	d.CreatedAt, d.UpdatedAt = tenon.Instant(created), tenon.Instant(updated)
	d.PublishedAt, d.FreshAt, d.VerifiedAt = instant(published), instant(fresh), instant(verified)
	d.DeletedAt, d.VisibleUntil, d.NextAt = instant(deleted), instant(visible), instant(next)
	d.Required, g.Services, g.Regions = some(d.Required), some(g.Services), some(g.Regions)
	if shown {
		f.Services, f.Regions = some(f.Services), some(f.Regions)
		d.Published = &f
	}
	return d, nil
}

// some is nil for an empty list, as dossiers have it.
func some(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

func list(some []string) []string {
	if some == nil {
		return []string{}
	}
	return some
}

func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return tenon.Instant(*t)
}

// null returns t for a column that is null when there is none.
func null(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

const docColumns = `d.tenant_id, d.partner_id::text, d.kind, d.version, d.number, d.issuer, d.issued_at, d.expires_at, d.zone,
  d.file, d.added_at, d.added_by, d.verified_at, d.verified_by, d.expired_from, d.soon_from, d.next_alert, d.told
from tenon.directory_docs d`

// filed is a document and the partner that it belongs to.
type filed struct {
	directory.Ref
	directory.Document
}

func scanDoc(row pgx.CollectableRow) (filed, error) {
	var f filed
	d := &f.Document
	var issued, expires, verified, expired, soon, next *time.Time
	err := row.Scan(&f.Tenant, &f.ID, &d.Kind, &d.Version, &d.Number, &d.Issuer, &issued, &expires, &d.Zone,
		&d.File, &d.AddedAt, &d.AddedBy, &verified, &d.VerifiedBy, &expired, &soon, &next, &d.Told)
	if err != nil {
		return f, err
	}
	d.Issued, d.Expires, d.AddedAt = date(issued), date(expires), tenon.Instant(d.AddedAt)
	d.VerifiedAt, d.ExpiresFrom, d.SoonFrom, d.NextAlert = instant(verified), instant(expired), instant(soon), instant(next)
	if len(d.Told) == 0 {
		d.Told = nil
	}
	return f, nil
}

func date(t *time.Time) directory.Date {
	if t == nil {
		return directory.Date{}
	}
	return directory.DateOf(*t)
}

func nullDate(d directory.Date) *string {
	if d.IsZero() {
		return nil
	}
	text := d.String()
	return &text
}

const loadSQL = `
select ` + companyColumns + `
where c.tenant_id = $1
  and c.id = $2::uuid`

const loadDocsSQL = `
select ` + docColumns + `
where d.tenant_id = $1
  and d.partner_id = $2::uuid
order by d.kind collate "C", d.version desc`

const loadLogSQL = `
select l.at, l.status, l.by, l.note
from tenon.directory_status_log l
where l.tenant_id = $1
  and l.partner_id = $2::uuid
order by l.n`

const listedSQL = `
select count(*)
from tenon.public_partners
where tenant_id = $1
  and is_public
  and deleted_at is null`

// batcher is what statements are sent to together.
type batcher interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// Load implements [directory.Store].
func (s *Store) Load(ctx context.Context, ref directory.Ref) (*directory.Dossier, error) {
	d, err := load(ctx, s.db, ref)
	if err == nil && d.Version == 0 {
		return nil, directory.ErrUnknownPartner
	}
	return d, translate(err)
}

// load returns the dossier; with the Ref alone when there is none.
func load(ctx context.Context, db batcher, ref directory.Ref) (*directory.Dossier, error) {
	d := &directory.Dossier{Partner: directory.Partner{Ref: ref}}
	var docs []filed
	var log []directory.Step
	var listed int64
	b := &pgx.Batch{}
	b.Queue(loadSQL, ref.Tenant, ref.ID).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, scanCompany)
		if len(found) > 0 {
			d = found[0]
		}
		return err
	})
	b.Queue(loadDocsSQL, ref.Tenant, ref.ID).Query(func(rows pgx.Rows) (err error) {
		docs, err = pgx.CollectRows(rows, scanDoc)
		return err
	})
	b.Queue(loadLogSQL, ref.Tenant, ref.ID).Query(func(rows pgx.Rows) (err error) {
		log, err = pgx.CollectRows(rows, scanStep)
		return err
	})
	b.Queue(listedSQL, ref.Tenant).QueryRow(func(row pgx.Row) error { return row.Scan(&listed) })
	if err := db.SendBatch(ctx, b).Close(); err != nil {
		return nil, err
	}
	for _, f := range docs {
		d.Documents = append(d.Documents, f.Document)
	}
	d.Log, d.TenantListed = log, listed
	if len(log) == 0 {
		d.Log = nil
	}
	return d, nil
}

func scanStep(row pgx.CollectableRow) (directory.Step, error) {
	var s directory.Step
	err := row.Scan(&s.At, &s.What, &s.By, &s.Note)
	s.At = tenon.Instant(s.At)
	return s, err
}

const listSQL = `
select ` + companyColumns + `
where c.deleted_at is null
  and ($1 = '' or c.tenant_id = $1)
  and ($2 = '' or c.status = $2)
  and ($3::uuid is null or c.id > $3)
  and ($4::timestamptz is null
    or exists (
      select
      from tenon.directory_docs d
      where d.tenant_id = c.tenant_id
        and d.partner_id = c.id
        and d.in_force
        and d.soon_from <= $4)
    or exists (
      select
      from unnest(c.required) k (kind)
      where not exists (
        select
        from tenon.directory_docs d
        where d.tenant_id = c.tenant_id
          and d.partner_id = c.id
          and d.kind = k.kind)))
order by c.id
limit $5`

const listDocsSQL = `
select ` + docColumns + `
join unnest($1::text[], $2::text[]) u (tenant_id, id) on u.tenant_id = d.tenant_id and u.id::uuid = d.partner_id
where d.in_force
order by d.kind collate "C"`

// List implements [directory.Store].
func (s *Store) List(ctx context.Context, q directory.ListQuery) ([]*directory.Dossier, error) {
	var after *string
	if q.After != "" {
		after = &q.After
	}
	rows, err := s.db.Query(ctx, listSQL, q.Tenant, string(q.Status), after, null(q.StaleAt), q.Limit)
	if err != nil {
		return nil, translate(err)
	}
	found, err := pgx.CollectRows(rows, scanCompany)
	if err != nil || len(found) == 0 {
		return nil, translate(err)
	}
	return found, translate(withDocs(ctx, s.db, listDocsSQL, found))
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// withDocs puts documents into the dossiers.
func withDocs(ctx context.Context, db querier, sql string, found []*directory.Dossier) error {
	of := map[directory.Ref]*directory.Dossier{}
	var tenants, ids []string
	for _, d := range found {
		of[d.Ref] = d
		tenants, ids = append(tenants, d.Tenant), append(ids, d.ID)
	}
	rows, err := db.Query(ctx, sql, tenants, ids)
	if err != nil {
		return err
	}
	docs, err := pgx.CollectRows(rows, scanDoc)
	for _, f := range docs {
		d := of[f.Ref]
		d.Documents = append(d.Documents, f.Document)
	}
	return err
}
