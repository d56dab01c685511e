package quoting

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/insight"
	"github.com/transbotai/tenon/kpi"
)

// Step is what is to happen to a quote.
type Step struct {
	Company    string
	Quote      string
	To         string // sent, accepted or booked
	Recipients int    // of a quote that is sent; 0 means 1
}

// Move takes a quote a step further and tells of it, all or nothing. A step that was taken before changes nothing.
func (d *Desk) Move(ctx context.Context, s Step) (freight.Quote, error) {
	if s.Recipients < 0 || s.Recipients > 100 {
		return freight.Quote{}, tenon.Invalid("recipients", "%d is not within 1 and 100", s.Recipients)
	}
	now := tenon.Instant(time.Now())
	var moved freight.Moved
	err := freight.InTx(ctx, d.pool, func(tx pgx.Tx) (keep bool, err error) {
		if moved, err = freight.NewStore(tx).MoveQuote(ctx, s.Company, s.Quote, s.To, now); err != nil || moved.Before {
			return false, err
		}
		return true, d.teller.Track(ctx, tx, s.event(ctx, moved, now))
	})
	return moved.Quote, err
}

// event is what the step tells.
func (s Step) event(ctx context.Context, m freight.Moved, now time.Time) kpi.Event {
	by := deed(ctx, s.Company, now)
	switch s.To {
	case "sent":
		return by.Sent(m.ID, max(s.Recipients, 1))
	case "accepted":
		return by.Accepted(m.ID, now.Sub(m.SentAt))
	default:
		return by.Booked(m.ID, m.Rate.PriceCents)
	}
}

// deed is something that the caller does now for a company.
func deed(ctx context.Context, company string, now time.Time) insight.Deed {
	caller, _ := tenon.CallerFrom(ctx)
	return insight.Deed{Company: company, User: caller.Actor, At: now}
}

// tellCreated tells that quotes were made.
func (d *Desk) tellCreated(ctx context.Context, tx pgx.Tx, company string, quotes ...freight.Quote) error {
	events := make([]kpi.Event, len(quotes))
	for i, q := range quotes {
		events[i] = deed(ctx, company, q.CreatedAt).Created(q.ID, q.Rate.PriceCents, 1)
	}
	return d.teller.Track(ctx, tx, events...)
}
