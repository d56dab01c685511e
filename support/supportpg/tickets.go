package supportpg

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/support"
)

// The page is chosen before its histories are read.
const ticketsSQL = `
with page as materialized (
  select tenant_id, id
  from tenon.tickets
  where ($1 = '' or tenant_id = $1)
    and ($2 = '' or id = nullif($2, '')::uuid)
    and ($3::text[] is null or state = any ($3))
    and ($4::timestamptz is null or opened_at >= $4)
    and ($5::timestamptz is null or opened_at < $5)
    and ($6 = '' or id < nullif($6, '')::uuid)
  order by id desc
  fetch first $7 rows with ties)
select p.tenant_id, p.id::text, e.at, e.kind, e.by, e.data
from page p
join tenon.ticket_events e on e.tenant_id = p.tenant_id and e.ticket_id = p.id
order by p.id desc, p.tenant_id collate "C", e.seq`

// Tickets implements [support.TicketStore].
func (s *Store) Tickets(ctx context.Context, q support.TicketQuery) ([]support.Ticket, error) {
	var states []string
	for _, state := range q.States {
		states = append(states, string(state))
	}
	rows, err := s.db.Query(ctx, ticketsSQL, q.Tenant, q.ID, states, orNull(q.OpenedSince), orNull(q.OpenedBefore), q.Before,
		cmp.Or(q.Limit, 100))
	if err != nil {
		return nil, translate(err)
	}
	defer rows.Close()
	var found []support.Ticket
	var ref support.Ref
	var history []support.Event
	for rows.Next() {
		var next support.Ref
		var e support.Event
		if err := scanEvent(rows, &e, &next.Tenant, &next.ID); err != nil {
			return nil, translate(err)
		}
		if next != ref && len(history) > 0 {
			found, history = append(found, support.Replay(ref, history)), nil
		}
		ref, history = next, append(history, e)
	}
	if len(history) > 0 {
		found = append(found, support.Replay(ref, history))
	}
	return found, translate(rows.Err())
}

// scanEvent reads an event behind what else its row has.
func scanEvent(row pgx.Row, e *support.Event, before ...any) error {
	var data []byte
	var at time.Time
	var kind, by string
	if err := row.Scan(append(before, &at, &kind, &by, &data)...); err != nil {
		return err
	}
	if err := json.Unmarshal(data, e); err != nil {
		return err
	}
	e.At, e.Kind, e.By = tenon.Instant(at), support.Kind(kind), by
	return nil
}

const rulesLock = 4_838_271_130_558_337 // of advisory locks: the rules of tenon.support_rules

// Each is a statement of its own: what follows a lock sees what was committed while it waited.
const (
	shareRulesSQL = `
select pg_advisory_xact_lock_shared($1)`

	takeRulesSQL = `
select pg_advisory_xact_lock($1)`

	rulesSQL = `
select version, body
from tenon.support_rules`

	lockTicketSQL = `
select
from tenon.tickets
where tenant_id = $1
  and id = $2
for no key update`

	eventsSQL = `
select at, kind, by, data
from tenon.ticket_events
where tenant_id = $1
  and ticket_id = $2
order by seq`
)

// errRaced says that somebody else opened the ticket meanwhile.
var errRaced = errors.New("the ticket was opened meanwhile")

// ChangeTicket implements [support.TicketStore].
func (s *Store) ChangeTicket(
	ctx context.Context, ref support.Ref, edit func(t *support.Ticket, r support.Rules) (support.Effects, error),
) (changed support.Ticket, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		for {
			changed, err = s.changeTicket(ctx, tx, ref, edit)
			if !errors.Is(err, errRaced) {
				return err
			}
		}
	})
	if err != nil {
		return support.Ticket{}, err
	}
	return changed, nil
}

func (s *Store) changeTicket(
	ctx context.Context, tx pgx.Tx, ref support.Ref, edit func(t *support.Ticket, r support.Rules) (support.Effects, error),
) (support.Ticket, error) {
	t, rules, err := readTicket(ctx, tx, ref)
	if err != nil {
		return t, err
	}
	before := len(t.History)
	e, err := edit(&t, rules)
	if err != nil {
		return t, pgerr.Hosts(err)
	}
	if err := writeTicket(ctx, tx, &t, before); err != nil {
		return t, err
	}
	return t, s.follow(ctx, tx, e)
}

// readTicket locks a ticket and reads it with the rules, in one round trip.
func readTicket(ctx context.Context, tx pgx.Tx, ref support.Ref) (t support.Ticket, rules support.Rules, err error) {
	var history []support.Event
	b := &pgx.Batch{}
	b.Queue(shareRulesSQL, int64(rulesLock))
	b.Queue(rulesSQL).QueryRow(func(row pgx.Row) (err error) {
		rules, err = scanRules(row)
		return err
	})
	b.Queue(lockTicketSQL, ref.Tenant, ref.ID)
	b.Queue(eventsSQL, ref.Tenant, ref.ID).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var e support.Event
			if err := scanEvent(rows, &e); err != nil {
				return err
			}
			history = append(history, e)
		}
		return rows.Err()
	})
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return t, rules, err
	}
	return support.Replay(ref, history), rules, nil
}

const (
	insertTicketSQL = `
insert into tenon.tickets (tenant_id, id, priority, state, opened_at, events)
values ($1, $2, $3, $4, $5, $6)
on conflict (tenant_id, id) do nothing`

	updateTicketSQL = `
update tenon.tickets
set priority = $3, state = $4, opened_at = $5, events = $6
where tenant_id = $1
  and id = $2`

	appendEventsSQL = `
insert into tenon.ticket_events (tenant_id, ticket_id, seq, at, kind, by, data)
select $1, $2, $3 + u.position, u.at, u.kind, u.by, u.data::jsonb
from unnest($4::timestamptz[], $5::text[], $6::text[], $7::text[]) with ordinality as u(at, kind, by, data, position)`
)

// writeTicket writes what was appended to a history that had so many events before.
func writeTicket(ctx context.Context, tx pgx.Tx, t *support.Ticket, before int) error {
	if len(t.History) == before {
		return nil
	}
	sql := updateTicketSQL
	if before == 0 {
		sql = insertTicketSQL
	}
	tag, err := tx.Exec(ctx, sql, t.Tenant, t.ID, string(t.Priority), string(t.State), t.OpenedAt, len(t.History))
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return errRaced
	}
	var times []time.Time
	var kinds, actors, datas []string
	for _, e := range t.History[before:] {
		data, err := json.Marshal(e)
		if err != nil {
			return err
		}
		times, kinds = append(times, e.At), append(kinds, string(e.Kind))
		actors, datas = append(actors, e.By), append(datas, string(data))
	}
	_, err = tx.Exec(ctx, appendEventsSQL, t.Tenant, t.ID, before, times, kinds, actors, datas)
	return err
}
