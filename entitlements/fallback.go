package entitlements

import (
	"context"
	"errors"
	"math"

	"github.com/transbotai/tenon"
)

// fallback answers when the store could not: by the feature's policy, as an unknown. What is not an unavailable store
// stays an error, and so does everything in a caller's transaction.
func (g *Gate) fallback(ctx context.Context, tenant, feature string, quantity int64, cause error) (Decision, error) {
	d := Decision{Feature: feature, Answer: Unknown, Reason: ReasonUnavailable}
	if g.bound || ctx.Err() != nil || !isAway(cause) {
		return d, cause
	}
	versions := g.catalog.Load()
	if versions == nil {
		return d, cause
	}
	f, ok := versions.Features[feature]
	if !ok {
		return Decision{Feature: feature, Answer: No, Reason: ReasonUnknownFeature}, ErrUnknownFeature
	}
	g.stats.unknown.Add(1)
	if last, ok := g.lastKnown(tenant, feature); ok {
		d = last
		d.Answer, d.Reason = Unknown, ReasonUnavailable
	}
	d.Allowed = g.permits(f.Fallback, tenant, feature, quantity)
	return d, nil
}

func isAway(err error) bool {
	return errors.Is(err, tenon.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

func (g *Gate) permits(f Fallback, tenant, feature string, quantity int64) bool {
	switch f.Policy {
	case FailOpen:
		return true
	case LastKnown:
		last, ok := g.lastKnown(tenant, feature)
		return ok && last.Age <= f.MaxAge && last.Allowed && last.covers(quantity)
	default:
		return false
	}
}

// covers says whether quantity is within what was left.
func (d Decision) covers(quantity int64) bool {
	return d.Remaining == Unlimited || d.Overage == Unlimited || quantity <= d.Remaining+d.Overage
}

// lastKnown returns the last answer that was had, however old, with its age. Its period must not have ended.
func (g *Gate) lastKnown(tenant, feature string) (d Decision, ok bool) {
	w, s := g.views.get(tenant), g.clock.sample.Load()
	if w == nil || s == nil {
		return d, false
	}
	at, _ := w.slot(feature)
	if at == nil {
		return d, false
	}
	a, now := *at.load(), s.now()
	a.until = a.lasts()
	a.tell(now, &d)
	return d, a.serves(now, math.MaxInt64)
}
