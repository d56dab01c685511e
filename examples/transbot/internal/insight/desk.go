// Package insight is what the platform knows of its own business: the events of its trade, and the figures that follow
// from them.
package insight

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
)

// The KPIs, in the order in which pages show them.
const (
	QuoteBook        = kpi.QuoteBookName
	DirectoryOnboard = kpi.DirectoryOnboardName
	QuoteFunnel      = "quote_funnel"
	BookingValue     = "booking_value"
	QuotesCreated    = "quotes_created"
)

// Names are the KPIs as pages show them.
var Names = []string{QuoteBook, DirectoryOnboard, QuoteFunnel, BookingValue, QuotesCreated}

// onboardWithin is how long a partner that was invited may take.
const onboardWithin = 30 * kpi.Day

// definitions are what the platform counts of its business.
func definitions() []kpi.KPI {
	book := kpi.QuoteBook("UTC")
	book.Description = "Which share of the quotes that went out were accepted."
	book.Conversion.Window = kpi.Duration(freight.Validity)
	book.Goal = &kpi.Goal{Target: 0.45, MinSample: 20}
	onboard := kpi.DirectoryOnboard("UTC", onboardWithin)
	onboard.Description = "Which share of the partners that were invited to the directory came."
	onboard.Goal = &kpi.Goal{Target: 0.5, MinSample: 5}
	steps := []kpi.Step{kpi.On(QuoteCreated), kpi.On(QuoteSent), kpi.On(QuoteAccepted), kpi.On(LoadBooked)}
	for i, label := range []string{"created", "sent", "accepted", "booked"} {
		steps[i].Label = label
	}
	return []kpi.KPI{
		book, onboard,
		{
			Name: QuoteFunnel, Title: "Created → booked", Description: "How far quotes get within two weeks.", Grain: kpi.Weekly, Last: 13,
			Funnel: &kpi.Funnel{Steps: steps, Subject: "quote_id", Window: 14 * kpi.Day},
		},
		{
			Name: BookingValue, Title: "Booked, in US dollars", Description: "What the loads cost that were booked.", Grain: kpi.Weekly, Last: 13,
			Sum: &kpi.Sum{Of: kpi.On(LoadBooked), Property: "booking_value"},
		},
		{
			Name: QuotesCreated, Title: "Quotes made", Description: "How many quotes were made.", Grain: kpi.Daily, Last: 30,
			Count: &kpi.Count{Of: kpi.On(QuoteCreated)},
		},
	}
}

// Desk takes the events of the trade in and shows the figures.
type Desk struct {
	Store   *kpipg.Store
	Board   *kpi.Board
	Tracker *kpi.Tracker

	pool   *pgxpool.Pool
	recent *recent
}

// New returns a desk that keeps everything in pool. Goals that are crossed are told to tell.
func New(pool *pgxpool.Pool, tell func(pgx.Tx) tenon.Notifier, logger *slog.Logger) *Desk {
	store := kpipg.New(pool, &kpipg.Options{Notifier: tell, Registry: registry, Logger: logger})
	return &Desk{
		Store: store, Board: kpi.NewBoard(store, &kpi.BoardOptions{Logger: logger}), Tracker: newTracker(store),
		pool: pool, recent: newRecent(),
	}
}

func newTracker(store kpi.Store) *kpi.Tracker {
	return kpi.NewTracker(store, &kpi.TrackerOptions{Registry: registry})
}

// Teller tells events in transactions.
type Teller struct{ tracker *kpi.Tracker }

// NewTeller returns a Teller. It knows the database's time for a while, so that not every event asks for it: keep it.
func NewTeller() *Teller { return &Teller{tracker: newTracker(nil)} }

// Track tells events in a transaction: they are there when it commits, with what they tell of.
func (t *Teller) Track(ctx context.Context, tx pgx.Tx, events ...kpi.Event) error {
	tracker := t.tracker.WithStore(kpipg.New(tx, nil))
	for len(events) > 0 {
		n := min(len(events), kpi.MaxEvents)
		if _, err := tracker.Track(ctx, events[:n]...); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

// Track tells events in a transaction, now and then.
func Track(ctx context.Context, tx pgx.Tx, events ...kpi.Event) error {
	return NewTeller().Track(ctx, tx, events...)
}

// Prepare declares the KPIs.
func (d *Desk) Prepare(ctx context.Context) error { return d.Board.Define(ctx, definitions()...) }

// Jobs are the desk's work in the background.
func (d *Desk) Jobs() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{"kpi rollups": d.Store.Run, "kpi goals": d.Board.Run}
}

// Lookback is how far back pages look.
const Lookback = 90 * 24 * time.Hour
