package entitlements

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/transbotai/tenon"
)

// Consume checks, counts and de-duplicates in one step, in the store. What it allowed is durable when it returns, and
// the limit is never exceeded, whoever else consumes at the same time. A refusal is a Decision and is not stored: the
// next call is decided afresh. A key that was accepted before is answered as Replayed and counts nothing.
//
// Quantity 0 only checks. A negative quantity, an unknown feature, an empty tenant, a key over 255 bytes and a time
// that lies ahead are errors that name the field. When the store is away the feature's [Fallback] decides: what it
// lets through is spooled (Options.SpoolDir); what it does not is a Decision with Answer Unknown together with the
// error. When ctx ends during the call the error is [ErrOutcomeUnknown]; calling again with the same Key is safe.
func (g *Gate) Consume(ctx context.Context, u Use) (Decision, error) {
	op, err := g.op(ctx, OpConsume, u)
	if err != nil {
		return refused(u, err)
	}
	if g.skips(u.Feature) {
		return g.accept(ctx, op, errAway)
	}
	o, err := g.settle(ctx, op)
	if err != nil {
		return g.accept(ctx, op, err)
	}
	return o.Decision, nil
}

// decided takes note of an outcome and completes its Decision.
func (g *Gate) decided(op *Op, o *Outcome) Decision {
	g.learn(op.Use.Tenant, o.After, op.Now)
	g.tally(op.Kind, o.Decision.Allowed)
	if !o.Decision.Allowed {
		g.addUpgrade(&o.Decision, op.Use.Quantity)
	}
	return o.Decision
}

// Return takes away from a gauge what Consume added. Taking away more than is in use is [tenon.ErrInvalid].
func (g *Gate) Return(ctx context.Context, u Use) (Decision, error) {
	op, err := g.op(ctx, OpReturn, u)
	if err != nil {
		return Decision{Feature: u.Feature}, prefix(err)
	}
	o, err := g.settle(ctx, op)
	return o.Decision, err
}

// Reservation is what [Gate.Reserve] answers. The Hold is empty when the Decision refuses. Settled says of a replayed one
// that its hold was committed meanwhile: what it was taken for is done.
type Reservation struct {
	Hold     Hold
	Decision Decision
	Settled  bool
}

// Reserve sets a quantity aside for ttl, for work whose size is known at the end. The hold counts against the limit
// until [Gate.Commit], [Gate.Release] or its expiry, which needs no job: ttl is between a millisecond and 30 days, by
// the store's clock. With the Key of an earlier Reserve it returns the same
// hold, unless that was released or has expired: then it is decided afresh. When the store is away the
// Decision's Answer is Unknown and there is no hold, whatever the feature's policy.
func (g *Gate) Reserve(ctx context.Context, u Use, ttl time.Duration) (Reservation, error) {
	if ttl < time.Millisecond || ttl > 30*24*time.Hour {
		return Reservation{}, prefix(tenon.Invalid("ttl", "%s is not within a millisecond and 30 days", ttl))
	}
	if u.Quantity == 0 {
		return Reservation{}, prefix(tenon.Invalid("quantity", "a hold needs at least 1"))
	}
	op, err := g.op(ctx, OpReserve, u)
	if err != nil {
		return Reservation{}, prefix(err)
	}
	op.Until = op.Now.Add(ttl).Truncate(time.Microsecond)
	o, err := g.settle(ctx, op)
	if err != nil {
		o.Decision = Decision{Feature: u.Feature, Answer: Unknown, Reason: ReasonUnavailable}
	}
	return Reservation{Hold: o.Hold, Decision: o.Decision, Settled: o.Settled}, err
}

// Settlement is what [Gate.Commit] answers. Ungated is the part that exceeded the hold, or came after its expiry, and
// fitted no limit: it was recorded all the same, since the work is done.
type Settlement struct {
	Decision Decision
	Ungated  int64
}

// Commit turns a hold into use of actual units. Up to the held quantity it always succeeds while the hold lives, and
// counts in the period in which the hold was made; what exceeds it, or comes after expiry, is guarded again, now. Of
// h only Tenant and ID are read. Committing again with the same actual returns the same; with another, or after
// Release, it is [ErrHoldClosed].
func (g *Gate) Commit(ctx context.Context, h Hold, actual int64) (Settlement, error) {
	op, err := g.holdOp(ctx, OpCommit, h, actual)
	if err != nil {
		return Settlement{}, prefix(err)
	}
	o, err := g.settle(ctx, op)
	return Settlement{Decision: o.Decision, Ungated: o.Ungated}, err
}

// Release gives a hold back, to the period and the grants that it was taken from. Of h only Tenant and ID are read.
// Releasing again, or after expiry, is not an error; after Commit it is [ErrHoldClosed].
func (g *Gate) Release(ctx context.Context, h Hold) error {
	op, err := g.holdOp(ctx, OpRelease, h, 0)
	if err != nil {
		return prefix(err)
	}
	_, err = g.settle(ctx, op)
	return err
}

// Record counts use that already happened, without a gate, in bulk. Each counts in the period that holds its At,
// however late. A key counts once. All uses are checked before any is written; those that conflict with a stored key
// fail alone, and the error joins one for each, named by its index. When the store is away nothing is spooled: the
// error says so, and calling again with the same keys is safe.
func (g *Gate) Record(ctx context.Context, uses ...Use) error {
	ops, err := g.ops(ctx, OpRecord, uses)
	if err != nil {
		return err
	}
	outcomes, err := g.store.Settle(ctx, ops)
	var failed []error
	for i, o := range outcomes {
		g.learn(ops[i].Use.Tenant, o.After, ops[i].Now)
		if o.Err != nil {
			failed = append(failed, prefix(indexed(i, o.Err)))
		}
	}
	return errors.Join(append(failed, err)...)
}

// ops makes an operation of each use, or says which is wrong.
func (g *Gate) ops(ctx context.Context, kind OpKind, uses []Use) ([]Op, error) {
	ops := make([]Op, len(uses))
	for i, u := range uses {
		op, err := g.op(ctx, kind, u)
		if err != nil {
			return nil, prefix(indexed(i, err))
		}
		ops[i] = op
	}
	return ops, nil
}

func indexed(i int, err error) error {
	var field *tenon.FieldError
	if errors.As(err, &field) {
		return tenon.Invalid(fmt.Sprintf("uses[%d].%s", i, field.Field), "%s", field.Reason)
	}
	return fmt.Errorf("uses[%d]: %w", i, err)
}

// Correct takes back what was counted under a key, in the periods in which it was counted and to the grants that it
// drew from. Correcting twice takes back once. An unknown key is [ErrUnknownKey].
func (g *Gate) Correct(ctx context.Context, c Correction) (Decision, error) {
	if err := errors.Join(validText("tenant", c.Tenant, true), validText("key", c.Key, true)); err != nil {
		return Decision{}, prefix(err)
	}
	if err := validNote("reason", c.Reason); err != nil {
		return Decision{}, prefix(err)
	}
	now, err := g.now(ctx)
	if err != nil {
		return Decision{}, err
	}
	metadata, err := encodeMetadata(map[string]any{"corrects": c.Key, "reason": c.Reason})
	if err != nil {
		return Decision{}, prefix(err)
	}
	op := Op{Kind: OpCorrect, Use: Use{Tenant: c.Tenant, Key: c.Key}, ID: tenon.NewID(now), Now: now, At: now, Metadata: metadata}
	o, err := g.settle(ctx, op)
	return o.Decision, err
}

// op makes an operation of u, or says what is wrong with u.
func (g *Gate) op(ctx context.Context, kind OpKind, u Use) (Op, error) {
	if err := u.validate(); err != nil {
		return Op{}, err
	}
	metadata, err := encodeMetadata(u.Metadata)
	if err != nil {
		return Op{}, err
	}
	now, err := g.now(ctx)
	if err != nil {
		return Op{}, err
	}
	if err := g.known(ctx, u.Feature); err != nil {
		return Op{}, err
	}
	return makeOp(kind, u, metadata, now)
}

// known says whether the catalogue has the feature. A feature once declared stays, so the copy in memory may say yes,
// also for a Gate bound to a transaction; only the store may say no.
func (g *Gate) known(ctx context.Context, feature string) error {
	shared := g.shared
	if g.bound {
		shared = g.parent
	}
	if v := shared.catalog.Load(); v != nil {
		if _, ok := v.Features[feature]; ok {
			return nil
		}
	}
	v, err := g.reloadCatalog(ctx)
	if err != nil {
		return err
	}
	if _, ok := v.Features[feature]; !ok {
		return ErrUnknownFeature
	}
	return nil
}

func makeOp(kind OpKind, u Use, metadata json.RawMessage, now time.Time) (Op, error) {
	u.At = tenon.Instant(u.At)
	if u.At.After(now.Add(maxAhead)) {
		return Op{}, tenon.Invalid("at", "%s lies ahead of %s", u.At.Format(time.RFC3339), now.Format(time.RFC3339))
	}
	op := Op{Kind: kind, Use: u, ID: tenon.NewID(now), Now: now, At: orElse(u.At, now), Metadata: metadata}
	op.Digest = digest(kind, u, metadata)
	if u.Key == "" {
		op.Use.Key = op.ID // so that sending it twice counts once
	}
	return op, nil
}

func (g *Gate) holdOp(ctx context.Context, kind OpKind, h Hold, actual int64) (Op, error) {
	u := Use{Tenant: h.Tenant, Feature: "-", Quantity: actual}
	if err := u.validate(); err != nil {
		return Op{}, err
	}
	if !isUUID(h.ID) {
		return Op{}, tenon.Invalid("hold", "%.60q is not the id of a hold", h.ID)
	}
	now, err := g.now(ctx)
	if err != nil {
		return Op{}, err
	}
	u.Feature = ""
	return Op{Kind: kind, Use: u, ID: tenon.NewID(now), Now: now, At: now, Hold: h.ID}, nil
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// settle carries out one operation, once more when the store broke off: it has a key, so that is safe.
func (g *Gate) settle(ctx context.Context, op Op) (Outcome, error) {
	o, err := g.settleOnce(ctx, op)
	if isAway(err) && !errors.Is(err, context.DeadlineExceeded) && !g.bound && ctx.Err() == nil && op.Kind != OpRelease {
		o, err = g.settleOnce(ctx, op)
	}
	if isAway(err) && !errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		g.away.Store(time.Now().UnixNano()) // it cannot be reached; a deadline may be one account's lock
	}
	if err != nil {
		return o, g.named(ctx, err)
	}
	g.decided(&op, &o)
	return o, nil
}

// skips says whether a feature's policy answers at once, because the store was away a moment ago and the policy does
// not need it.
func (g *Gate) skips(feature string) bool {
	v := g.catalog.Load()
	return !g.bound && g.wasAway() && v != nil && v.Features[feature].Fallback.Policy != FailClosed
}

func (g *Gate) tally(kind OpKind, allowed bool) {
	switch {
	case kind != OpConsume && kind != OpReserve:
	case allowed:
		g.stats.allowed.Add(1)
	default:
		g.stats.refused.Add(1)
	}
}

func (g *Gate) settleOnce(ctx context.Context, op Op) (Outcome, error) {
	outcomes, err := g.store.Settle(ctx, []Op{op})
	if len(outcomes) == 1 && err == nil {
		return outcomes[0], prefix(outcomes[0].Err)
	}
	return Outcome{}, err
}

// named says that the outcome is unknown where it is.
func (g *Gate) named(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return err
}

func (g *Gate) addUpgrade(d *Decision, quantity int64) {
	v := g.catalog.Load()
	if g.bound {
		v = g.parent.catalog.Load()
	}
	if v != nil {
		v.advise(d, quantity)
	}
}

// refused answers a use that could not be made an operation: the store may be away before anything was known.
func refused(u Use, err error) (Decision, error) {
	if isAway(err) {
		return Decision{Feature: u.Feature, Answer: Unknown, Reason: ReasonUnavailable}, err
	}
	return Decision{Feature: u.Feature, Answer: No}, prefix(err)
}

// accept lets the feature's policy answer a Consume that the store could not, and keeps what it lets through.
func (g *Gate) accept(ctx context.Context, op Op, cause error) (Decision, error) {
	if !isAway(cause) {
		return Decision{Feature: op.Use.Feature, Answer: Unknown, Reason: ReasonUnavailable}, cause
	}
	d, err := g.fallback(ctx, op.Use.Tenant, op.Use.Feature, op.Use.Quantity, cause)
	if err != nil {
		return d, err
	}
	if !d.Allowed {
		return d, cause
	}
	return g.keepLate(op, d)
}

// keepLate writes an accepted use to disk, or says that it is not counted.
func (g *Gate) keepLate(op Op, d Decision) (Decision, error) {
	if op.Use.Quantity == 0 {
		return d, nil
	}
	if !g.spool.Given() {
		d.Uncounted = true
		g.stats.uncounted.Add(1)
		g.options.Logger.Error("use accepted and not counted", "tenant", op.Use.Tenant, "feature", op.Use.Feature, "quantity", op.Use.Quantity)
		g.assume(op)
		return d, nil
	}
	if err := g.spool.Write(spooledOf(op)); err != nil {
		d.Allowed = false
		return d, fmt.Errorf("entitlements: spool: %w: %w", tenon.ErrUnavailable, err)
	}
	d.Spooled = true
	g.options.Logger.Warn("use spooled", "tenant", op.Use.Tenant, "feature", op.Use.Feature, "quantity", op.Use.Quantity)
	g.assume(op)
	return d, nil
}

// assume takes a late use off the last known answer, so that LastKnown does not allow more than was left.
func (g *Gate) assume(op Op) {
	w := g.views.get(op.Use.Tenant)
	if w == nil {
		return
	}
	at, known := w.slot(op.Use.Feature)
	if at == nil {
		return
	}
	at.change(func(a answer) (answer, bool) {
		var d Decision
		a.read(&d)
		d.Used += op.Use.Quantity
		if d.Remaining != Unlimited {
			over := max(0, op.Use.Quantity-d.Remaining)
			d.Remaining = max(0, d.Remaining-op.Use.Quantity)
			if d.Overage != Unlimited {
				d.Overage = max(0, d.Overage-over)
			}
		}
		return known.pack(d, a.at, a.until), true
	})
}
