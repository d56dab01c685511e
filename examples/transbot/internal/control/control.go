// Package control takes the platform through its launch: what is to be true on day 0, 1 and 7, most of which checks
// itself; the rollout by 5, 50 and 100 % of the companies, which goes on while the objectives are kept; and what the
// staff ticks by hand.
package control

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/billing"
	"github.com/transbotai/tenon/examples/transbot/internal/evidence"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/examples/transbot/internal/quoting"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/listenpg"
	"github.com/transbotai/tenon/migrations"
)

// Parts are what the desk looks at. All are required but for what says otherwise.
type Parts struct {
	Pool     *pgxpool.Pool // sees every company
	App      *pgxpool.Pool // sees one at a time
	Owner    *pgxpool.Pool // owns the tables
	Gate     *entitlements.Gate
	Flags    *flags.Set
	Guard    string // the name under which the flags know the release policy
	Ops      *ops.Desk
	Evidence *evidence.Desk
	Listener *listenpg.Listener
	Sets     []migrations.Set
	Billing  *billing.Desk // nil: nothing is sold
	// Recorder makes the recorder of a transaction.
	Recorder func(pgx.Tx) tenon.Recorder
	// LastRestore returns the last restore drill, and false when there was none. Nil: none was ever run.
	LastRestore func(context.Context) (Restore, bool, error)
	Logger      *slog.Logger
}

// Restore is what came of a restore drill.
type Restore struct {
	At time.Time
	OK bool
}

// Desk takes the platform through its launch. Its methods may be called concurrently.
type Desk struct {
	Parts
	companies  *freight.Store
	quoting    *quoting.Desk
	site       http.Handler
	jobs       []job
	lookWithin time.Duration
}

// New returns a desk. Attach gives it the site before anything is asked of it.
func New(p Parts) *Desk {
	d := &Desk{
		Parts: p, companies: freight.NewStore(p.Pool), quoting: quoting.NewDesk(p.Pool, p.App, p.Gate, p.Logger), lookWithin: lookWithin,
	}
	d.jobs = []job{
		{name: Smoke, every: 5 * time.Minute, first: time.Second, again: 20 * time.Second, look: d.smoke},
		{name: Objectives, every: time.Hour, first: 5 * time.Second, look: d.lookAtObjectives},
		{name: Billing, every: 15 * time.Minute, first: 10 * time.Second, look: d.roundTrip},
		{name: Isolation, every: 6 * time.Hour, first: 5 * time.Minute, look: d.isolation}, // it locks whole tables
	}
	return d
}

// Attach tells the desk what answers the platform's requests, through which smoke tests ask.
func (d *Desk) Attach(site http.Handler) { d.site = site }
