package growth

import (
	"context"
	"errors"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
)

// State is how far a lead has come.
type State string

// The states of a lead.
const (
	Asked     State = "asked"
	Confirmed State = "confirmed"
	Expired   State = "expired" // nobody confirmed the address in time
)

// Lead is somebody who asked for a trial.
type Lead struct {
	ID          string
	Ticket      string
	Email       string
	Lanes       int
	State       State
	Mails       int
	Sent        bool // the newest mail was
	CreatedAt   time.Time
	ExpiresAt   time.Time
	ConfirmedAt *time.Time
	Company     string // that it became; empty: none
	Standing    string // of the company: on trial, paid or not paid
}

// leadSQL reads leads with what became of them. A trial that ended was paid for when the figures say so.
const leadSQL = `
with ended as materialized (
  select tenant_id, converted
  from tenon.kpi_ended_trials(now() - interval '1 year')
)
select l.id::text, l.ticket::text, l.email, l.lanes,
  case when l.state = 'asked' and l.expires_at <= now() then 'expired' else l.state end,
  l.mails, l.token_hash is not null, l.created_at, l.expires_at, l.confirmed_at, coalesce(l.company_id, ''),
  case
    when l.company_id is null then ''
    when e.status = 'trialing' and e.trial_ends_at > now() then 'on trial'
    when exists (select from ended t where t.tenant_id = l.company_id and t.converted) then 'paid'
    else 'not paid'
  end as standing
from public.trial_leads l
left join tenon.org_entitlements e on e.tenant_id = l.company_id`

const newestLeads = leadSQL + `
order by l.id desc
limit $1`

// Leads returns at most limit leads, the newest first.
func (d *Desk) Leads(ctx context.Context, limit int) ([]Lead, error) {
	rows, err := d.db.Query(ctx, newestLeads, limit)
	if err != nil {
		return nil, class(err)
	}
	leads, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Lead])
	return leads, class(err)
}

const leadByTicket = leadSQL + `
where l.ticket = $1
order by l.id desc
limit 1`

// LeadOf returns the newest lead that public answers call by a ticket, for the staff alone; [tenon.ErrNotFound] for none.
func (d *Desk) LeadOf(ctx context.Context, ticket string) (Lead, error) {
	if !isID(ticket) {
		return Lead{}, tenon.ErrNotFound
	}
	rows, err := d.db.Query(ctx, leadByTicket, ticket)
	if err != nil {
		return Lead{}, class(err)
	}
	l, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Lead])
	return l, class(err)
}

// Funnel counts the leads of the last 30 days by how far they came: each number contains the next.
type Funnel struct {
	Asked     int64
	Confirmed int64
	Stayed    int64 // on trial still, or paid
	Paid      int64
}

const funnelSQL = `
select count(*), count(*) filter (where standing <> ''), count(*) filter (where standing in ('on trial', 'paid')),
  count(*) filter (where standing = 'paid')
from (` + leadSQL + `
where l.created_at > now() - $1::interval) leads`

// Funnel returns how far the leads of the last 30 days came.
func (d *Desk) Funnel(ctx context.Context) (f Funnel, err error) {
	err = d.db.QueryRow(ctx, funnelSQL, KeepFor).Scan(&f.Asked, &f.Confirmed, &f.Stayed, &f.Paid)
	return f, class(err)
}

const deleteLead = `
delete from public.trial_leads
where id = $1
  and state <> 'confirmed'`

const hasLead = `
select exists (select from public.trial_leads where id = $1)`

// Delete forgets a lead and what was mailed to it. One that was confirmed is its company's, goes when that is deleted, and
// is a [tenon.ErrConflict] here.
func (d *Desk) Delete(ctx context.Context, lead string) error {
	if !isID(lead) {
		return tenon.ErrNotFound
	}
	tag, err := d.db.Exec(ctx, deleteLead, lead)
	if err != nil {
		return class(err)
	}
	if tag.RowsAffected() == 1 {
		return d.forgetMails(lead)
	}
	var there bool
	if err := d.db.QueryRow(ctx, hasLead, lead).Scan(&there); err != nil {
		return class(err)
	}
	if there {
		return tenon.ErrConflict
	}
	return tenon.ErrNotFound
}

const expireLeads = `
update public.trial_leads
set state = 'expired'
where state = 'asked'
  and expires_at <= now()`

const forgetLeads = `
delete from public.trial_leads
where state = 'expired'
  and expires_at <= now() - $1::interval
returning id::text`

// Tidy notes who did not confirm in time, and forgets those who did not for [KeepFor] longer, with their mails.
func (d *Desk) Tidy(ctx context.Context) error {
	if _, err := d.db.Exec(ctx, expireLeads); err != nil {
		return err
	}
	rows, err := d.db.Query(ctx, forgetLeads, KeepFor)
	if err != nil {
		return err
	}
	forgotten, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, lead := range forgotten {
		err = errors.Join(err, d.forgetMails(lead))
	}
	if box := d.Box(); box != nil {
		err = errors.Join(err, box.Prune(time.Now().Add(-KeepFor)))
	}
	return err
}

var idForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func isID(s string) bool { return idForm.MatchString(s) }

// class gives an error of the database its class of package tenon.
func class(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return tenon.ErrNotFound
	}
	return pgerr.Translate(err, "transbot")
}
