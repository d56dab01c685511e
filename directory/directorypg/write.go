package directorypg

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/pgerr"
)

// lockTenantSQL is the lock of what a tenant has listed; lockSQL, a statement of its own, that of the partner. What
// follows them sees what was committed while they waited.
const lockTenantSQL = `
select pg_advisory_xact_lock(hashtextextended('tenon.directory/' || $1, 0))`

const lockSQL = `
select
from tenon.directory_companies
where tenant_id = $1
  and id = $2::uuid
for no key update`

// Change implements [directory.Store].
func (s *Store) Change(ctx context.Context, ref directory.Ref, edit directory.Edit) (after *directory.Dossier, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		after, err = s.change(ctx, tx, ref, edit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return after, nil
}

func (s *Store) change(ctx context.Context, tx pgx.Tx, ref directory.Ref, edit directory.Edit) (*directory.Dossier, error) {
	locks := &pgx.Batch{}
	locks.Queue(lockTenantSQL, ref.Tenant)
	locks.Queue(lockSQL, ref.Tenant, ref.ID)
	if err := tx.SendBatch(ctx, locks).Close(); err != nil {
		return nil, err
	}
	before, err := load(ctx, tx, ref)
	if err != nil {
		return nil, err
	}
	after := before.Clone()
	effects, err := edit(after)
	if err != nil {
		return nil, pgerr.Hosts(err)
	}
	if err := s.tell(ctx, tx, effects); err != nil {
		return nil, err
	}
	after.Tidy()
	b := &pgx.Batch{}
	queue(b, before, after)
	if b.Len() > 0 {
		err = tx.SendBatch(ctx, b).Close()
	}
	after.TenantListed += listed(after) - listed(before)
	return after, err
}

func listed(d *directory.Dossier) int64 {
	if d.Listed() {
		return 1
	}
	return 0
}

// queue adds the statements that store what differs.
func queue(b *pgx.Batch, before, after *directory.Dossier) {
	if after.Version == 0 {
		return
	}
	queueCompany(b, &before.Partner, &after.Partner)
	queuePublished(b, &before.Partner, &after.Partner)
	queueDocs(b, before, after)
	for n := len(before.Log); n < len(after.Log); n++ {
		step := after.Log[n]
		b.Queue(putStepSQL, after.Tenant, after.ID, n+1, step.At, step.What, step.By, step.Note)
	}
}

const putCompanySQL = `
insert into tenon.directory_companies (tenant_id, id, company_name, description, services, regions, contact_email, website,
  show_contact, is_public, language, zone, version, status, created_at, updated_at, published_at, fresh_at, verified_at,
  verified_by, deleted_at, required, visible_until, next_at, policy)
values ($1, $2::uuid, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
  $24, $25)
on conflict (tenant_id, id) do update
set company_name = excluded.company_name,
  description = excluded.description,
  services = excluded.services,
  regions = excluded.regions,
  contact_email = excluded.contact_email,
  website = excluded.website,
  show_contact = excluded.show_contact,
  is_public = excluded.is_public,
  language = excluded.language,
  zone = excluded.zone,
  version = excluded.version,
  status = excluded.status,
  updated_at = excluded.updated_at,
  published_at = excluded.published_at,
  fresh_at = excluded.fresh_at,
  verified_at = excluded.verified_at,
  verified_by = excluded.verified_by,
  deleted_at = excluded.deleted_at,
  required = excluded.required,
  visible_until = excluded.visible_until,
  next_at = excluded.next_at,
  policy = excluded.policy`

// settleSQL writes what follows from documents and policy alone, which is what ten thousand partners may need at once.
const settleSQL = `
update tenon.directory_companies
set required = $3,
  visible_until = $4,
  next_at = $5,
  policy = $6
where tenant_id = $1
  and id = $2::uuid`

func queueCompany(b *pgx.Batch, before, after *directory.Partner) {
	if reflect.DeepEqual(before, after) {
		return
	}
	settled := *before
	settled.Required, settled.VisibleUntil, settled.NextAt, settled.Policy =
		after.Required, after.VisibleUntil, after.NextAt, after.Policy
	if before.Version > 0 && reflect.DeepEqual(&settled, after) {
		b.Queue(settleSQL, after.Tenant, after.ID, list(after.Required), null(after.VisibleUntil), null(after.NextAt), after.Policy)
		return
	}
	p := after.Draft
	b.Queue(putCompanySQL, after.Tenant, after.ID, p.Name, p.Description, list(p.Services), list(p.Regions), p.Contact, p.Website,
		p.ShowContact, p.Public, p.Language, p.Zone, after.Version, string(after.Status), after.CreatedAt, after.UpdatedAt,
		null(after.PublishedAt), null(after.FreshAt), null(after.VerifiedAt), after.VerifiedBy, null(after.DeletedAt),
		list(after.Required), null(after.VisibleUntil), null(after.NextAt), after.Policy)
}

const putPublishedSQL = `
insert into tenon.public_partners (tenant_id, id, company_name, description, services, regions, contact_email, website,
  show_contact, is_public, language, zone, verified_at, fresh_at, visible_until, deleted_at, rank, sort_name, terms)
values ($1, $2::uuid, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19::text::tsvector)
on conflict (tenant_id, id) do update
set company_name = excluded.company_name,
  description = excluded.description,
  services = excluded.services,
  regions = excluded.regions,
  contact_email = excluded.contact_email,
  website = excluded.website,
  show_contact = excluded.show_contact,
  is_public = excluded.is_public,
  language = excluded.language,
  zone = excluded.zone,
  verified_at = excluded.verified_at,
  fresh_at = excluded.fresh_at,
  visible_until = excluded.visible_until,
  deleted_at = excluded.deleted_at,
  rank = excluded.rank,
  sort_name = excluded.sort_name,
  terms = excluded.terms`

const dropPublishedSQL = `
delete from tenon.public_partners
where tenant_id = $1
  and id = $2::uuid`

// queuePublished writes the projection when something differs that it shows.
func queuePublished(b *pgx.Batch, before, after *directory.Partner) {
	if after.Published == nil {
		if before.Published != nil {
			b.Queue(dropPublishedSQL, after.Tenant, after.ID)
		}
		return
	}
	if shown(before) != nil && reflect.DeepEqual(shown(before), shown(after)) {
		return
	}
	p, e := after.Published, entryOf(after)
	terms := e.Terms()
	if p.Public {
		queueWords(b, terms)
	}
	b.Queue(putPublishedSQL, after.Tenant, after.ID, p.Name, p.Description, list(p.Services), list(p.Regions), p.Contact,
		p.Website, p.ShowContact, p.Public, p.Language, p.Zone, null(after.VerifiedAt), after.FreshAt,
		null(after.VisibleUntil), null(after.DeletedAt), -e.Standing(), e.SortName(), document(&e, terms))
}

// projection is what the row of a published partner is made from.
type projection struct {
	directory.Profile
	fresh, verified, visible, deleted int64
}

func shown(p *directory.Partner) *projection {
	if p.Published == nil {
		return nil
	}
	return &projection{
		*p.Published, p.FreshAt.UnixMicro(), p.VerifiedAt.UnixMicro(), p.VisibleUntil.UnixMicro(), p.DeletedAt.UnixMicro(),
	}
}

// entryOf returns what of a published partner is searched when it is public.
func entryOf(p *directory.Partner) directory.Entry {
	public := *p
	profile := *p.Published
	profile.Public = true
	public.Published, public.DeletedAt = &profile, time.Time{}
	e, _ := public.Entry()
	return e
}

const putDocSQL = `
insert into tenon.directory_docs (tenant_id, partner_id, kind, version, number, issuer, issued_at, expires_at, zone, file,
  added_at, added_by, verified_at, verified_by, in_force, expired_from, soon_from, next_alert, told)
values ($1, $2::uuid, $3, $4, $5, $6, $7::text::date, $8::text::date, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
on conflict (tenant_id, partner_id, kind, version) do update
set verified_at = excluded.verified_at,
  verified_by = excluded.verified_by,
  in_force = excluded.in_force,
  expired_from = excluded.expired_from,
  soon_from = excluded.soon_from,
  next_alert = excluded.next_alert,
  told = excluded.told`

const putStepSQL = `
insert into tenon.directory_status_log (tenant_id, partner_id, n, at, status, by, note)
values ($1, $2::uuid, $3, $4, $5, $6, $7)`

// queueDocs writes documents that are new or differ, superseded ones first, so that one of a kind is in force.
func queueDocs(b *pgx.Batch, before, after *directory.Dossier) {
	for i, doc := range slices.Backward(after.Documents) {
		inForce := i == 0 || after.Documents[i-1].Kind != doc.Kind
		newest, _ := before.InForce(doc.Kind)
		was := slices.IndexFunc(before.Documents, func(d directory.Document) bool {
			return d.Kind == doc.Kind && d.Version == doc.Version
		})
		if was >= 0 && reflect.DeepEqual(before.Documents[was], doc) && inForce == (newest.Version == doc.Version) {
			continue
		}
		told := doc.Told
		if told == nil {
			told = []int{}
		}
		b.Queue(putDocSQL, after.Tenant, after.ID, doc.Kind, doc.Version, doc.Number, doc.Issuer, nullDate(doc.Issued),
			nullDate(doc.Expires), doc.Zone, doc.File, doc.AddedAt, doc.AddedBy, null(doc.VerifiedAt), doc.VerifiedBy, inForce,
			null(doc.ExpiresFrom), null(doc.SoonFrom), null(doc.NextAlert), told)
	}
}

const learnSQL = `
select tenon.directory_learn($1, $2, $3)`

// queueWords adds the words of an entry to those that misspellings meet.
func queueWords(b *pgx.Batch, terms []directory.Term) {
	var words, stems, neighbours []string
	for _, t := range terms {
		words, stems = append(words, t.Text), append(stems, directory.Stem(t.Text))
		neighbours = append(neighbours, strings.Join(directory.Neighbours(t.Text), " "))
	}
	if len(words) > 0 {
		b.Queue(learnSQL, words, stems, neighbours)
	}
}
