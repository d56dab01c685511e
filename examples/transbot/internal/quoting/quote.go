package quoting

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

// Request asks for a quote.
type Request struct {
	Company string // the tenant
	Lane    freight.Lane
	Key     string // the caller's idempotency key: a repeated request gives the same quote and counts once; may be empty
	Call    bool   // it came by the API, and counts as a call as well, repeated or not
}

// Answer is a quote, or a Decision that does not allow one.
type Answer struct {
	Quote    freight.Quote
	Decision entitlements.Decision
	Replayed bool // the quote was made by an earlier request with the same key
}

// Quote prices a lane and keeps the quote. The use of the company's plan, the call, the quote and what is told of it are
// one transaction: none is there without the others, and a refusal leaves no trace. A key that was used for another lane is
// [entitlements.ErrKeyReused].
func (d *Desk) Quote(ctx context.Context, r Request) (Answer, error) {
	if err := checkKey(r.Key); err != nil {
		return Answer{}, err
	}
	rate, err := freight.RateLane(r.Lane, time.Now())
	if err != nil {
		return Answer{}, err
	}
	var a Answer
	err = freight.InTenant(ctx, d.app, r.Company, func(tx pgx.Tx) (keep bool, err error) {
		a, err = d.quoteIn(ctx, tx, r, rate)
		return a.Decision.Allowed, err
	})
	if errors.Is(err, errTaken) {
		return d.earlier(ctx, r, rate)
	}
	return a, err
}

// QuoteIn is Quote as a part of tx, which may belong to a probe and be rolled back. A key that was used before is not
// looked up.
func (d *Desk) QuoteIn(ctx context.Context, tx pgx.Tx, r Request) (Answer, error) {
	rate, err := freight.RateLane(r.Lane, time.Now())
	if err != nil {
		return Answer{}, err
	}
	return d.quoteIn(ctx, tx, r, rate)
}

// errTaken says that there is a quote under the key of a request that the gate took for new: the gate forgets keys in
// the end.
var errTaken = errors.New("key taken")

func (d *Desk) quoteIn(ctx context.Context, tx pgx.Tx, r Request, rate freight.Rate) (Answer, error) {
	decision, err := d.count(ctx, tx, r, rate)
	a := Answer{Decision: decision, Replayed: decision.Replayed}
	if err != nil || !decision.Allowed {
		return a, err
	}
	if decision.Replayed {
		a.Quote, err = freight.NewStore(tx).QuoteByKey(ctx, r.Company, r.Key)
		return a, err
	}
	a.Quote = freight.NewQuote(rate, tenon.Instant(time.Now()))
	a.Quote.Key = r.Key
	together, added := &freight.Together{Tx: tx}, false
	together.QueueQuote(r.Company, a.Quote, &added)
	if err := d.tellCreated(ctx, together, r.Company, a.Quote); err != nil {
		return a, err
	}
	if !added { // what is told of it goes with the transaction
		return a, errTaken
	}
	return a, nil
}

// count counts the quote and, where it came by one, the call, both by one statement. It returns the quote's decision, or
// that of the call where that is refused: tx is then rolled back, and neither counts.
func (d *Desk) count(ctx context.Context, tx pgx.Tx, r Request, rate freight.Rate) (entitlements.Decision, error) {
	uses := []entitlements.Use{r.use(rate.Lane)}
	if r.Call && !d.uncounted(ctx, r.Company) {
		uses = append(uses, call(r.Company))
	}
	decisions, err := d.gateIn(tx).ConsumeEach(ctx, uses...)
	if err != nil {
		return entitlements.Decision{}, err
	}
	for _, decision := range decisions[1:] {
		if !decision.Allowed {
			return decision, nil
		}
	}
	return decisions[0], nil
}

// earlier answers with the quote that was made under the key before the gate forgot it.
func (d *Desk) earlier(ctx context.Context, r Request, rate freight.Rate) (Answer, error) {
	var quote freight.Quote
	err := freight.Read(ctx, d.app, r.Company, func(store *freight.Store) (err error) {
		quote, err = store.QuoteByKey(ctx, r.Company, r.Key)
		return err
	})
	if err == nil && quote.Rate.Lane != rate.Lane {
		err = entitlements.ErrKeyReused
	}
	if errors.Is(err, tenon.ErrNotFound) { // a deleted quote keeps its key
		err = entitlements.ErrKeyReused
	}
	if err != nil {
		return Answer{}, err
	}
	if r.Call {
		if decision, err := d.Call(ctx, r.Company); err != nil || !decision.Allowed {
			return Answer{Decision: decision}, err
		}
	}
	decision, err := d.standing(ctx, r.Company)
	return Answer{Quote: quote, Decision: decision, Replayed: true}, err
}

// use is what the quote counts as. The lane goes with it, so that a key is not taken for two lanes.
func (r Request) use(l freight.Lane) entitlements.Use {
	u := entitlements.Use{Tenant: r.Company, Feature: Rates, Quantity: 1, Metadata: map[string]any{
		"origin": l.Origin, "destination": l.Destination, "weight_kg": l.WeightKG, "pallets": l.Pallets, "ready_on": l.ReadyOn,
	}}
	if r.Key != "" {
		u.Key = "quote/" + r.Key // apart from other keys of the company
	}
	return u
}
