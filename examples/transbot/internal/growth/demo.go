package growth

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

// tale is a lead of the demo that nobody has confirmed.
type tale struct {
	email string
	lanes int
	ago   time.Duration
}

var tales = []tale{
	{"dispatch@birchwood-haulage.example", 35, 2 * time.Hour},
	{"j.ortega@sunrise-produce.example", 12, 26 * time.Hour},
	{"logistics@northern-tiles.example", 140, 5 * day},
	{"info@quay-and-sons.example", 3, 9 * day},
	{"buyer@meridian-textiles.example", 60, 21 * day},
}

const hasLeads = `
select exists (select from public.trial_leads)`

// Fill makes the demo's leads, once: some that wait, some that never came, and those whom companies on trial were.
func (d *Desk) Fill(ctx context.Context) error {
	return freight.InTx(ctx, d.db, func(tx pgx.Tx) (bool, error) {
		var there bool
		if err := tx.QueryRow(ctx, hasLeads).Scan(&there); err != nil || there {
			return false, err
		}
		now := time.Now()
		for _, t := range tales {
			if err := d.tell(ctx, tx, t, now.Add(-t.ago)); err != nil {
				return false, fmt.Errorf("growth: %w", err)
			}
		}
		_, err := tx.Exec(ctx, tellCustomers)
		return err == nil, err
	})
}

const tellLead = `
insert into public.trial_leads (id, ticket, email, lanes, state, mails, mail_after, token_hash, created_at, expires_at)
values ($1, $2, $3, $4, case when $5::timestamptz + $6::interval <= now() then 'expired' else 'asked' end,
  1, $5, $7, $5, $5::timestamptz + $6::interval)
on conflict do nothing`

// tell writes a lead as if it had asked at an instant. Nobody has its link.
func (d *Desk) tell(ctx context.Context, tx pgx.Tx, t tale, at time.Time) error {
	_, hash := newToken()
	_, err := tx.Exec(ctx, tellLead, tenon.NewID(at), d.Ticket(t.email), t.email, t.lanes, at, LinkFor, hash)
	return err
}

// The lead of a company has the company's age, and its id begins with that, as all ids do.
const tellCustomers = `
insert into public.trial_leads (
  id, ticket, email, lanes, state, mails, mail_after, created_at, expires_at, confirmed_at, company_id)
select (lpad(to_hex((extract(epoch from c.created_at) * 1000)::bigint), 12, '0')
    || '7' || substr(md5(c.id), 1, 3) || '8' || substr(md5(c.id), 4, 15))::uuid,
  gen_random_uuid(), u.email, 20 + length(c.name), 'confirmed', 1,
  c.created_at, c.created_at, c.created_at, c.created_at, c.id
from public.companies c
join tenon.org_entitlements e on e.tenant_id = c.id and e.trial_used
cross join lateral (
  select email
  from public.users
  where company_id = c.id
    and role = 'owner'
  limit 1
) u
on conflict do nothing`
