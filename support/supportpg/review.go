package supportpg

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/support"
)

// clean returns text that Postgres can keep.
func clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "?")
}

// It also takes away the marks of cancelled timers whose workers are gone.
const sweepSQL = `
delete from tenon.timers
where cancelled
  and lease_until < clock_timestamp()`

const tallySQL = `
select kind,
  count(*) filter (where dead_at is null),
  count(*) filter (where dead_at is null and ready_at <= now() and (lease_until is null or lease_until <= now())),
  count(*) filter (where dead_at is not null),
  coalesce(max(now() - ready_at) filter (
    where dead_at is null and ready_at <= now() and (lease_until is null or lease_until <= now())), '0')
from tenon.timers
where not cancelled
group by kind
order by kind collate "C"`

// TallyTimers implements [support.TimerReviewer]. It reads every timer.
func (s *Store) TallyTimers(ctx context.Context) ([]support.TimerTally, error) {
	if _, err := s.db.Exec(ctx, sweepSQL); err != nil {
		return nil, translate(err)
	}
	rows, err := s.db.Query(ctx, tallySQL)
	if err != nil {
		return nil, translate(err)
	}
	tallies, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t support.TimerTally, err error) {
		err = row.Scan(&t.Kind, &t.Waiting, &t.Due, &t.Dead, &t.Oldest)
		return t, err
	})
	return tallies, translate(err)
}

const deadSQL = `
select tenant_id, key, kind, payload, at, attempts, last_error, dead_at
from tenon.timers
where dead_at is not null
  and not cancelled
order by dead_at, tenant_id collate "C", key collate "C"
limit $1`

// DeadTimers implements [support.TimerReviewer].
func (s *Store) DeadTimers(ctx context.Context, limit int) ([]support.DeadTimer, error) {
	rows, err := s.db.Query(ctx, deadSQL, limit)
	if err != nil {
		return nil, translate(err)
	}
	dead, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d support.DeadTimer, err error) {
		var payload []byte
		var at, deadAt time.Time
		err = row.Scan(&d.Tenant, &d.Key, &d.Kind, &payload, &at, &d.Attempts, &d.Reason, &deadAt)
		d.Payload, d.At, d.DeadAt = payload, tenon.Instant(at), tenon.Instant(deadAt)
		return d, err
	})
	return dead, translate(err)
}

const reviveSQL = `
update tenon.timers
set dead_at = null, attempts = 0, last_error = '', ready_at = clock_timestamp()
where tenant_id = $1
  and key = $2
  and dead_at is not null
  and not cancelled`

// ReviveTimer implements [support.TimerReviewer].
func (s *Store) ReviveTimer(ctx context.Context, ref support.TimerRef) error {
	tag, err := s.db.Exec(ctx, reviveSQL, ref.Tenant, ref.Key)
	if err == nil && tag.RowsAffected() == 0 {
		return support.ErrUnknownTimer
	}
	return translate(err)
}
