package entitlements

import (
	"context"
	"errors"
)

// ConsumeEach is Consume for several uses in one call of the store, which is for what counts in several ways: a call of an
// API and what it does. Each use is decided by itself and has its Decision; a refused one keeps no other from counting. On a
// Gate of [Gate.WithStore] they are all or none: roll the transaction back when one is refused. It leaves no choice to the
// features' policies: when the store is away nothing is spooled, and the error says so. All uses are checked before any is
// counted; those that conflict with a stored key fail alone, and the error joins one for each, named by its index.
func (g *Gate) ConsumeEach(ctx context.Context, uses ...Use) ([]Decision, error) {
	ops, err := g.ops(ctx, OpConsume, uses)
	if err != nil {
		return nil, err
	}
	outcomes, err := g.store.Settle(ctx, ops)
	if err != nil {
		return nil, g.named(ctx, err)
	}
	decisions, failed := make([]Decision, len(uses)), []error(nil)
	for i := range outcomes {
		o, op := &outcomes[i], &ops[i]
		if o.Err != nil {
			decisions[i] = Decision{Feature: op.Use.Feature, Answer: No}
			failed = append(failed, prefix(indexed(i, o.Err)))
			continue
		}
		decisions[i] = g.decided(op, o)
	}
	return decisions, errors.Join(failed...)
}
