package entitlementspg

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/transbotai/tenon"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/entitlements"
)

// write writes what the rules changed: keys first, since another transaction may have taken one meanwhile.
func (l *ledger) write(ctx context.Context) error {
	if err := l.claim(ctx); err != nil {
		return err
	}
	if err := l.notify(ctx); err != nil {
		return l.undo(ctx, err)
	}
	b := &pgx.Batch{}
	for _, key := range slices.Sorted(maps.Keys(l.Effects.Moved)) {
		b.Queue(moveKeySQL, l.account.tenant, key, l.Effects.Moved[key].ID)
	}
	l.queueCounters(b)
	l.queueGrants(b)
	l.queueHoldsOut(b)
	l.queueEvents(b)
	l.queueCorrected(b)
	l.queueAlerts(b)
	if b.Len() == 0 {
		return nil
	}
	return l.tx.SendBatch(ctx, b).Close()
}

// undo leaves a transaction of the caller's as it was before the operations: people are told before anything but keys
// is written. What an SQL error aborted needs no undoing.
func (l *ledger) undo(ctx context.Context, cause error) error {
	if l.store.bound && l.tx.Conn().PgConn().TxStatus() == 'T' {
		return errors.Join(cause, l.unclaim(ctx))
	}
	return cause
}

const claimSQL = `
insert into tenon.usage_keys (tenant_id, key, id, digest)
select $1, u.key, u.id::uuid, u.digest
from unnest($2::text[], $3::text[], $4::bigint[]) as u(key, id, digest)
order by u.key
on conflict do nothing
returning key`

const moveKeySQL = `
update tenon.usage_keys
set id = $3::text::uuid
where tenant_id = $1
  and key = $2`

const unclaimSQL = `
delete from tenon.usage_keys
where tenant_id = $1
  and key = any ($2::text[])`

// claim writes the new keys, or none and [errKeyTaken].
func (l *ledger) claim(ctx context.Context) error {
	keys := slices.Sorted(maps.Keys(l.Effects.Keys))
	if len(keys) == 0 {
		return nil
	}
	ids, digests := make([]string, len(keys)), make([]int64, len(keys))
	for i, key := range keys {
		ids[i], digests[i] = l.Effects.Keys[key].ID, l.Effects.Keys[key].Digest
	}
	rows, err := l.tx.Query(ctx, claimSQL, l.account.tenant, keys, ids, digests)
	l.claimed, err = collect(rows, err, pgx.RowTo[string])
	if err != nil || len(l.claimed) == len(keys) {
		return err
	}
	if err := l.unclaim(ctx); err != nil {
		return err
	}
	return errKeyTaken
}

// unclaim takes back what claim wrote.
func (l *ledger) unclaim(ctx context.Context) error {
	_, err := l.tx.Exec(ctx, unclaimSQL, l.account.tenant, l.claimed)
	return err
}

const putCounterSQL = `
update tenon.usage_counters
set used = $5, held = $6, granted = $7, ceiling = $8, sealed_until = $9, source = $10, plan_version = $11,
  hard_limit = $12, soft_limit = $13, overage_limit = $14, spare = $15, plan_id = $16
where tenant_id = $1
  and feature_key = $2
  and period = $3
  and period_start = $4`

const dropCounterSQL = `
delete from tenon.usage_counters
where tenant_id = $1
  and feature_key = $2
  and period = $3
  and period_start = $4`

// queueCounters writes the counters. One that overlaps the present periods and belongs to no limit any more goes, so that
// a sealed counter is the only one that its uses must be counted in; should its limit come back it is counted anew.
func (l *ledger) queueCounters(b *pgx.Batch) {
	present := l.Terms.Windows(l.now)
	for _, c := range l.Counters {
		wanted := slices.ContainsFunc(present, func(w entitlements.Counter) bool {
			return w.Period == c.Period && w.Start.Equal(c.Start)
		})
		if !wanted && slices.ContainsFunc(present, func(w entitlements.Counter) bool { return w.Start.Before(c.End) && c.Start.Before(w.End) }) {
			b.Queue(dropCounterSQL, l.account.tenant, l.account.feature, c.Period.String(), c.Start)
			continue
		}
		until := c.Until
		if until.IsZero() || !wanted {
			until = unsealed
		}
		b.Queue(putCounterSQL, l.account.tenant, l.account.feature, c.Period.String(), c.Start, c.Used, c.Held, c.Granted,
			c.Ceiling, until, int16(c.Source), c.PlanVersion, c.Hard, c.Soft, c.Overage, c.Spare, c.Plan)
	}
}

const drawGrantSQL = `
update tenon.grants
set used = $3, held = $4
where tenant_id = $1
  and id = $2::text::uuid`

func (l *ledger) queueGrants(b *pgx.Batch) {
	for _, g := range l.Grants {
		if was := l.wereGrant[g.ID]; was.Used != g.Used || was.Held != g.Held {
			b.Queue(drawGrantSQL, l.account.tenant, g.ID, g.Used, g.Held)
		}
	}
}

const putHoldSQL = `
insert into tenon.holds (tenant_id, id, feature_key, qty, included, state, created_at, expires_at, actual, ungated, extra_id)
values ($1, $2::text::uuid, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, '')::uuid)
on conflict (tenant_id, id) do update
set state = excluded.state, actual = excluded.actual, ungated = excluded.ungated, extra_id = excluded.extra_id`

const dropDrawsSQL = `
delete from tenon.grant_draws
where tenant_id = $1
  and source_id = $2::text::uuid`

const putDrawSQL = `
insert into tenon.grant_draws (tenant_id, source_id, grant_id, qty)
values ($1, $2::text::uuid, $3::text::uuid, $4)`

// queueHoldsOut writes the holds that are new or not as they were. The draws of a hold that is no longer open go; what
// it used of them comes back with its event, which has its id.
func (l *ledger) queueHoldsOut(b *pgx.Batch) {
	for _, h := range l.Holds {
		was, known := l.wereHolds[h.ID]
		if known && was == h.State {
			continue
		}
		b.Queue(putHoldSQL, l.account.tenant, h.ID, h.Feature, h.Quantity, h.Included, string(h.State), h.CreatedAt, h.ExpiresAt, h.Actual, h.Ungated, h.Extra)
		if known {
			b.Queue(dropDrawsSQL, l.account.tenant, h.ID)
		}
		l.queueDraws(b, h.ID, h.Draws)
	}
}

func (l *ledger) queueDraws(b *pgx.Batch, source string, draws []entitlements.Draw) {
	for _, d := range draws {
		b.Queue(putDrawSQL, l.account.tenant, source, d.Grant, d.Quantity)
	}
}

const putEventsSQL = `
insert into tenon.usage_events (tenant_id, id, feature_key, qty, occurred_at, metadata, corrects)
select $1, u.id::uuid, $2, u.qty, u.occurred_at, u.metadata::jsonb, nullif(u.corrects, '')::uuid
from unnest($3::text[], $4::bigint[], $5::timestamptz[], $6::text[], $7::text[]) as u(id, qty, occurred_at, metadata, corrects)`

func (l *ledger) queueEvents(b *pgx.Batch) {
	var u uses
	var corrects []string
	for _, e := range l.Effects.Events {
		metadata := "{}"
		if e.Metadata != nil {
			metadata = string(e.Metadata)
		}
		u.ids, u.qty, u.at = append(u.ids, e.ID), append(u.qty, e.Quantity), append(u.at, e.OccurredAt)
		u.metadata, corrects = append(u.metadata, metadata), append(corrects, e.Corrects)
	}
	if len(u.ids) == 0 {
		return
	}
	b.Queue(putEventsSQL, l.account.tenant, l.account.feature, u.ids, u.qty, u.at, u.metadata, corrects)
	for _, e := range l.Effects.Events {
		l.queueDraws(b, e.ID, e.Draws)
	}
}

const correctedSQL = `
update tenon.usage_keys
set corrected = true
where tenant_id = $1
  and key = $2`

// queueCorrected marks the keys that were taken back, and drops what their events had drawn.
func (l *ledger) queueCorrected(b *pgx.Batch) {
	for _, j := range l.jobs {
		if j.op.Kind == entitlements.OpCorrect && j.outcome.Err == nil {
			b.Queue(correctedSQL, l.account.tenant, j.op.Use.Key)
		}
	}
	for _, originals := range l.Originals {
		for _, e := range originals {
			if l.wereDrawn[e.ID] && len(e.Draws) == 0 {
				b.Queue(dropDrawsSQL, l.account.tenant, e.ID)
			}
		}
	}
}

const putAlertSQL = `
insert into tenon.usage_alerts (tenant_id, feature_key, period, period_start, period_end, threshold, crossed_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing`

func (l *ledger) queueAlerts(b *pgx.Batch) {
	for _, c := range l.Effects.Alerts {
		b.Queue(putAlertSQL, l.account.tenant, l.account.feature, c.Period.String(), c.Start, c.Counter.End, c.Name, c.At)
	}
}

// notify tells of thresholds in the transaction that crossed them.
func (l *ledger) notify(ctx context.Context) error {
	var news []tenon.Notification
	for _, c := range l.Effects.Alerts {
		news = append(news, c.Notification(l.account.tenant, l.account.feature))
	}
	return l.store.tell(ctx, l.tx, news)
}
