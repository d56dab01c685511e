package notifypg

import (
	"cmp"
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/notify"
)

const listSQL = `
select ` + columns + `
from tenon.notifications n
where ($1 = '' or n.tenant_id = $1)
  and ($2 = '' or n.destination = $2)
  and ($3 = '' or n.state = $3 or $3 = 'pending' and n.state in ('new', 'queued'))
order by case when $5 then -n.seq else n.seq end
limit $4`

// List implements [notify.Reviewer].
func (s *Store) List(ctx context.Context, q notify.Query) ([]notify.Entry, error) {
	rows, err := s.db.Query(ctx, listSQL, q.Tenant, q.Destination, string(q.State), cmp.Or(q.Limit, 100), q.Newest)
	if err != nil {
		return nil, translate(err)
	}
	list, err := pgx.CollectRows(rows, scanEntry)
	return list, translate(err)
}

// A settled entry becomes a new one in its old place. Whether there was one is told beside whether it changed.
const replaySQL = `
with named as (
  select n.tenant_id, n.id, n.state
  from tenon.notifications n
  where n.tenant_id = $1
    and n.id = $2::text::uuid
  for update),
renewed as (
  update tenon.notifications n
  set state = 'new',
    attempts = 0,
    last_error = '',
    pending_since = $3,
    settled_at = null
  from named
  where n.tenant_id = named.tenant_id
    and n.id = named.id
    and named.state in ('delivered', 'dead'))
select count(*)
from named`

// Replay implements [notify.Reviewer].
func (s *Store) Replay(ctx context.Context, ref notify.Ref, now time.Time) error {
	if !isID(ref.ID) {
		return notify.ErrUnknownEntry
	}
	var found int
	if err := s.db.QueryRow(ctx, replaySQL, ref.Tenant, ref.ID, now).Scan(&found); err != nil {
		return translate(err)
	}
	if found == 0 {
		return notify.ErrUnknownEntry
	}
	return nil
}

// isID says whether Postgres takes the text for a UUID; what it does not take would abort a caller's transaction.
func isID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i, c := range []byte(text) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
		if dash && c != '-' || !dash && !hex {
			return false
		}
	}
	return true
}
