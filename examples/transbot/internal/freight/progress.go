package freight

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// progress is the order in which a quote's statuses follow each other when all goes well.
var progress = []string{"created", "sent", "accepted", "booked"}

// Moved is a quote that came a step further.
type Moved struct {
	Quote
	SentAt time.Time
	Before bool // it had come as far before: nothing changed
}

const moveQuote = `
update public.quotes
set status = $3,
  sent_at = case when $3 = 'sent' then $5 else sent_at end,
  accepted_at = case when $3 = 'accepted' then $5 else accepted_at end,
  booked_at = case when $3 = 'booked' then $5 else booked_at end
where company_id = $1
  and id = $2
  and status = $4
  and deleted_at is null
  and ($3 = 'booked' or valid_until > $5)
returning coalesce(sent_at, $5) as sent_at`

// MoveQuote takes the company's quote a step further: to sent, accepted or booked. One that has come as far is left as
// it is. [tenon.ErrConflict] when it lacks a step before, was declined, or holds no more.
func (s *Store) MoveQuote(ctx context.Context, company, id, to string, now time.Time) (Moved, error) {
	i := slices.Index(progress, to)
	if i < 1 {
		return Moved{}, tenon.Invalid("step", "is none of sent, accepted and booked")
	}
	r, moved := one[struct{ SentAt time.Time }](ctx, s.db, moveQuote, company, id, to, progress[i-1], now)
	if moved != nil && !errors.Is(moved, tenon.ErrNotFound) {
		return Moved{}, moved
	}
	q, err := s.Quote(ctx, company, id)
	if err != nil {
		return Moved{}, err
	}
	if moved != nil && slices.Index(progress, q.Status) < i {
		return Moved{}, tenon.ErrConflict
	}
	return Moved{Quote: q, SentAt: r.SentAt.UTC(), Before: moved != nil}, nil
}
