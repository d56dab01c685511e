// Package privacy gives companies their data and forgets them: the platform's tables, and everything that tenon and
// Stripe keep of them.
package privacy

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/examples/transbot/internal/billing"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/kpi/kpipg"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/slo/slopg"
	"github.com/transbotai/tenon/support/supportpg"
)

// Desk takes the requests of companies.
type Desk struct {
	*gdpr.Desk
	clock *clock
	fake  *billing.Fake
}

// store is what every package's store is.
type store interface {
	tenon.Eraser
	tenon.Exporter
}

// handle is what all of them need of a pool or a transaction.
type handle interface {
	gdprpg.DB
	auditpg.DB
}

// stores are those of tenon's packages that the platform uses, on a pool or in an export's own transaction.
var stores = []struct {
	name  string
	of    func(db handle) store
	after []string
	keeps bool // records that no longer say whose they are
}{
	{name: "audit", of: func(db handle) store { return auditpg.New(db, nil) }, keeps: true},
	{name: "directory", of: func(db handle) store { return directorypg.New(db, nil) }},
	{name: "flags", of: func(db handle) store { return flagspg.New(db, nil) }},
	{name: "kpi", of: func(db handle) store { return kpipg.New(db, nil) }},
	{name: "slo", of: func(db handle) store { return slopg.New(db, nil) }},
	// The link to the customer at Stripe is here, and must be until that is deleted.
	{name: "entitlements", of: func(db handle) store { return entitlementspg.New(db, nil) }, after: []string{"stripe"}},
	{name: "notify", of: func(db handle) store { return notifypg.New(db, nil) }},
	{name: "support", of: func(db handle) store { return supportpg.New(db, nil) }},
}

// New returns a desk. Owner is the role that may read every table, which proves that nothing is left; pool does the rest.
// Secret signs links and certificates: another one makes those of before worthless. Sells is nil
// where nothing is sold.
func New(owner, pool *pgxpool.Pool, sells *billing.Desk, secret string, logger *slog.Logger) *Desk {
	key := gdpr.NewSecret(secret)
	host := gdprpg.NewHost(owner, gdprpg.HostOptions{Company: Companies(), Secret: key})
	d := &Desk{clock: &clock{Store: gdprpg.New(pool, &gdprpg.Options{Notifier: ops.Tell})}}
	packer := gdprpg.PackerOptions{Names: names, Inside: map[string]func(pgx.Tx) tenon.Exporter{}}
	opts := gdpr.Options{
		Files: gdprpg.NewFiles(pool), Links: []gdpr.Secret{key}, Every: 2 * time.Second, Backoff: 5 * time.Second, Logger: logger,
	}
	if sells != nil {
		d.fake = sells.Fake
		packer.Outside = map[string]tenon.Exporter{"stripe": sells}
		opts.Satellites = append(opts.Satellites, gdpr.Satellite{Name: "stripe", Eraser: sells, Exporter: sells})
	}
	for _, s := range stores {
		on := s.of(pool)
		sat := gdpr.Satellite{Name: s.name, Eraser: on, Exporter: on, Keeps: s.keeps}
		if sells != nil {
			sat.After = s.after
		}
		opts.Satellites = append(opts.Satellites, sat)
		packer.Inside[s.name] = func(tx pgx.Tx) tenon.Exporter { return s.of(tx) }
	}
	opts.Packer = gdprpg.NewPacker(host, &packer)
	d.Desk = gdpr.NewDesk(d.clock, host, may, &opts)
	return d
}

// clock is the store with the demo's time.
type clock struct {
	*gdprpg.Store
	ahead atomic.Int64
}

// Clock implements [tenon.Clock].
func (c *clock) Clock(ctx context.Context) (time.Time, error) {
	t, err := c.Store.Clock(ctx)
	return t.Add(time.Duration(c.ahead.Load())), err
}

// Skip moves the desk's clock on, for a demonstration that does not wait for two weeks, and does what is due then.
func (d *Desk) Skip(ctx context.Context, by time.Duration) error {
	d.clock.ahead.Add(int64(by))
	return d.Round(ctx)
}

// Now returns the desk's time.
func (d *Desk) Now(ctx context.Context) (time.Time, error) { return d.clock.Clock(ctx) }

var errNotCompanies = errors.New("only the staff does that")

// may lets the staff do everything, and people of a company ask for its data and fetch it.
func may(_ context.Context, a gdpr.Asked) error {
	if a.Tenant == "" || a.Act == gdpr.ActAsk || a.Act == gdpr.ActRead || a.Act == gdpr.ActDownload {
		return nil
	}
	return errNotCompanies
}

// Confirmed hands in a request of somebody who is signed in, which is all that it takes to know who they are.
func (d *Desk) Confirmed(ctx context.Context, o gdpr.Order) (gdpr.Request, error) {
	r, err := d.Ask(ctx, o)
	if err != nil && !errors.Is(err, gdpr.ErrOpen) {
		return r, err
	}
	if r.State != gdpr.StateReceived {
		return r, nil
	}
	return d.Verify(tenon.WithCaller(ctx, tenon.Caller{Actor: "sign-in"}), r.Key, "signed in")
}
