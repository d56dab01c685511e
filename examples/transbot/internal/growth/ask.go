package growth

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

// Request asks for a trial.
type Request struct {
	Email string // any that [ParseAddress] takes
	Lanes int    // within 1 and MaxLanes
}

const expireLead = `
update public.trial_leads
set state = 'expired'
where lower(email) = lower($1)
  and state = 'asked'
  and expires_at <= now()`

// The index trial_leads_email makes one lead of however many ask at once for one address.
const askLead = `
insert into public.trial_leads as l (id, ticket, email, lanes, state, mails, mail_after, created_at, expires_at)
values ($1, $2, $3, $4, 'asked', 1, now() + $5::interval, now(), now() + $6::interval)
on conflict (lower(email)) where state <> 'expired' do update
set ticket = excluded.ticket,
  lanes = case when l.state = 'asked' then excluded.lanes else l.lanes end,
  mails = case when l.mail_after <= now() then l.mails + 1 else l.mails end,
  mail_after = case
    when l.mail_after <= now() then now() + $5::interval * power(2, least(l.mails, $7))
    else l.mail_after
  end
returning id::text, state, mails`

// Ask takes a lead in and has its mail sent. An address that has a lead keeps it, and gets another mail when the last one
// was a while ago; one that became a company is mailed a way in. The answer is the same for all of them.
func (d *Desk) Ask(ctx context.Context, r Request) (ticket string, err error) {
	address, err := ParseAddress(r.Email)
	if err != nil {
		return "", err
	}
	if err := checkLanes(r.Lanes); err != nil {
		return "", err
	}
	ticket = d.Ticket(address)
	return ticket, freight.InTx(ctx, d.db, func(tx pgx.Tx) (bool, error) {
		if _, err := tx.Exec(ctx, expireLead, address); err != nil {
			return false, err
		}
		var m post
		row := tx.QueryRow(ctx, askLead, tenon.NewID(time.Now()), ticket, address, r.Lanes, Pause, LinkFor, maxDoubled)
		if err := row.Scan(&m.lead, &m.state, &m.number); err != nil {
			return false, err
		}
		return true, m.notify(ctx, mails(tx))
	})
}

// post is a mail on its way.
type post struct {
	lead   string
	state  State // of the lead, when it was written
	number int   // of the lead's mails, from 1
}

// key is the name of a mail. The outbox leaves out what was written already, so that nobody is sent the same mail twice,
// and asking takes as long whether there is a new one or not.
func (p post) key() string { return fmt.Sprintf("trial/%s/%d", p.lead, p.number) }

func (p post) notify(ctx context.Context, to tenon.Notifier) error {
	return to.Notify(ctx, tenon.Notification{
		Key: p.key(), Kind: "growth.mail", Severity: tenon.SeverityInfo, Title: "a mail to a trial lead",
		Data: map[string]string{"lead": p.lead, "state": string(p.state), "number": strconv.Itoa(p.number)},
	})
}

const resendMail = `
update public.trial_leads
set mails = mails + 1, mail_after = now() + $2::interval
where id = $1
  and (state = 'confirmed' or state = 'asked' and expires_at > now())
returning state, mails`

// Resend has another mail sent, whenever the last one was. A lead that is not there or has expired is a
// [tenon.ErrNotFound].
func (d *Desk) Resend(ctx context.Context, lead string) error {
	if !isID(lead) {
		return tenon.ErrNotFound
	}
	return freight.InTx(ctx, d.db, func(tx pgx.Tx) (bool, error) {
		m := post{lead: lead}
		if err := class(tx.QueryRow(ctx, resendMail, lead, Pause).Scan(&m.state, &m.number)); err != nil {
			return false, err
		}
		return true, m.notify(ctx, mails(tx))
	})
}
