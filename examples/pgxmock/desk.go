// Package pgxmock shows how a team unit-tests its own code against tenon with github.com/pashagolub/pgxmock.
//
// [Desk] is the team's code: it meters in the transaction in which it works. The tests beside it have no database.
// They prove what the team's code does with an answer: that a refusal rolls back, that an error passes on. That the
// answer is right is proved by tenon's own tests, on a real Postgres; a mock cannot.
//
// pgxmock knows no batches: what tenon sends as one (a use at a threshold, a hold, a change of plan) panics there and is
// tested on a real database.
package pgxmock

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
)

// Beginner starts transactions; a *pgxpool.Pool is one.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Desk takes in quotes.
type Desk struct {
	db   Beginner
	gate *entitlements.Gate
}

// NewDesk returns a desk that keeps quotes in db.
func NewDesk(db Beginner, gate *entitlements.Gate) *Desk { return &Desk{db: db, gate: gate} }

// Quote is what a tenant asks for. Its id makes asking twice harmless.
type Quote struct{ ID, Tenant, Lane string }

// Refused says why a quote was not taken in.
type Refused struct{ Decision entitlements.Decision }

// Error returns the reason in words for the customer.
func (r *Refused) Error() string { return r.Decision.Text() }

const insertSQL = `
insert into quotes (id, tenant_id, lane)
values ($1, $2, $3)`

// Take counts and keeps q in one transaction: both or neither. What the plan does not allow is a [*Refused].
func (d *Desk) Take(ctx context.Context, q Quote) error {
	return pgx.BeginFunc(ctx, d.db, func(tx pgx.Tx) error {
		use := entitlements.Use{Tenant: q.Tenant, Feature: "rates", Quantity: 1, Key: "quote " + q.ID}
		decision, err := d.gate.WithStore(entitlementspg.New(tx, nil)).Consume(ctx, use)
		if err != nil {
			return err
		}
		if !decision.Allowed {
			return &Refused{decision}
		}
		_, err = tx.Exec(ctx, insertSQL, q.ID, q.Tenant, q.Lane)
		return err
	})
}
