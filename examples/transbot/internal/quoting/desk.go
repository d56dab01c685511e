// Package quoting answers companies that ask what a lane costs. It is where the platform's trade and its plans meet: a
// quote and the use that it counts as are one transaction.
package quoting

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/examples/transbot/internal/insight"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
)

// The features that quoting uses up.
const (
	Rates  = "rates"       // one for each quote
	Bulk   = "bulk_rating" // one for each job
	Access = "api_access"  // one for each call that succeeds
)

// MaxKey bounds a caller's idempotency key, in bytes.
const MaxKey = 200

// Desk answers requests for quotes. Its methods may be called concurrently.
type Desk struct {
	pool   *pgxpool.Pool // sees every company
	app    *pgxpool.Pool // sees the one that its transaction names
	gate   *entitlements.Gate
	teller *insight.Teller
	logger *slog.Logger
}

// NewDesk returns a Desk that keeps quotes by app, whose role sees one company at a time, and counts by gate, which works
// with pool.
func NewDesk(pool, app *pgxpool.Pool, gate *entitlements.Gate, logger *slog.Logger) *Desk {
	return &Desk{pool: pool, app: app, gate: gate, teller: insight.NewTeller(), logger: logger}
}

// gateIn returns the gate as part of a transaction: what it counts holds when tx commits.
func (d *Desk) gateIn(tx pgx.Tx) *entitlements.Gate {
	return d.gate.WithStore(entitlementspg.New(tx, &entitlementspg.Options{Notifier: ops.Tell}))
}

// Call counts a call of the API that is about to succeed, and says whether it may.
func (d *Desk) Call(ctx context.Context, company string) (entitlements.Decision, error) {
	if d.uncounted(ctx, company) {
		return entitlements.Decision{Allowed: true, Feature: Access, Reason: entitlements.ReasonNotInPlan}, nil
	}
	return d.gate.Consume(ctx, call(company))
}

// call is what a call counts as.
func call(company string) entitlements.Use {
	return entitlements.Use{Tenant: company, Feature: Access, Quantity: 1}
}

// uncounted says whether the company's plan has no API access. Such a company is not shut out, and nothing is counted: its
// people work through the same routes, and are bounded by their rates.
func (d *Desk) uncounted(ctx context.Context, company string) bool {
	known, err := d.gate.Check(ctx, company, Access)
	return err == nil && known.Reason == entitlements.ReasonNotInPlan
}

// standing is what is left of the company's rates, for an answer that uses nothing. It is read from the database: the
// gate's memory does not know yet what a transaction of ours counted.
func (d *Desk) standing(ctx context.Context, company string) (entitlements.Decision, error) {
	decision, err := d.gate.WithStore(entitlementspg.New(d.pool, nil)).Check(ctx, company, Rates)
	decision.Allowed = true
	return decision, err
}

func checkKey(key string) error {
	if len(key) > MaxKey {
		return tenon.Invalid("idempotency_key", "has %d bytes, more than %d", len(key), MaxKey)
	}
	for _, c := range []byte(key) {
		if c <= ' ' || c > '~' {
			return tenon.Invalid("idempotency_key", "holds what is no visible ASCII character")
		}
	}
	return nil
}
