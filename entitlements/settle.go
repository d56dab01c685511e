package entitlements

import (
	"cmp"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Settle decides op on a, changes a accordingly and adds to a.Effects. An outcome with an error or a refusal has
// changed nothing, but that expired holds were given back.
func (a *Account) Settle(op Op) Outcome {
	if a.Effects.Keys == nil {
		a.Effects.Keys, a.Effects.Moved = map[string]*KeyRecord{}, map[string]*KeyRecord{}
	}
	a.expire(op.Now)
	if prior := a.Keys[op.Use.Key]; prior != nil && op.Kind != OpCorrect && !a.over(op, prior) {
		return a.replay(op, prior)
	}
	switch op.Kind {
	case OpConsume:
		return a.consume(op)
	case OpRecord:
		return a.record(op)
	case OpReturn:
		return a.giveBack(op)
	case OpReserve:
		return a.reserve(op)
	case OpCommit:
		return a.commit(op)
	case OpRelease:
		return a.release(op)
	case OpCorrect:
		return a.correct(op)
	}
	return Outcome{Err: tenon.Invalid("op", "unknown kind %d", op.Kind)}
}

// finish seals the counters and adds what a check would say next.
func (a *Account) finish(o Outcome, now time.Time) Outcome {
	o.After = a.Check(now)
	return o
}

func (a *Account) refuse(op Op, reason Reason, w *window) Outcome {
	d := a.describe(reason, op.Now, w)
	return Outcome{Decision: d, After: a.Check(op.Now)}
}

// accept describes an accepted use, after it was counted.
func (a *Account) accept(op Op, s split) Outcome {
	d := a.describe(a.reason(a.windows(op.At), s.overage > 0), op.Now, a.tightest(op.At))
	if s.granted > 0 {
		d.Source = FromGrant
	}
	return a.finish(Outcome{Decision: d}, op.Now)
}

func (a *Account) consume(op Op) Outcome {
	if op.Use.Quantity == 0 {
		check := a.Check(op.Now)
		return Outcome{Decision: check, After: check}
	}
	s, refusal := a.fit(op)
	if refusal != nil {
		return *refusal
	}
	a.count(op.At, op.Use.Quantity, 0, s.granted)
	a.event(op, op.ID, op.Use.Quantity, op.At, a.draw(s.granted, op.Now, false))
	a.remember(op)
	return a.accept(op, s)
}

// fit says how op is covered, or how it is refused.
func (a *Account) fit(op Op) (split, *Outcome) {
	if refusal := a.barred(op); refusal != nil {
		return split{}, refusal
	}
	ws := a.windows(op.At)
	s, ok := a.capacity(ws, op.Now).cut(op.Use.Quantity)
	if !ok {
		refusal := a.refuse(op, ReasonLimitReached, fullest(ws))
		return s, &refusal
	}
	return s, nil
}

// barred refuses what no quantity could make right.
func (a *Account) barred(op Op) *Outcome {
	if a.Terms.Reason != ReasonAllowed {
		refusal := a.refuse(op, a.Terms.Reason, nil)
		return &refusal
	}
	if bad := a.uncountable(); bad != nil {
		return bad
	}
	return a.overflows(op)
}

func (a *Account) uncountable() *Outcome {
	if a.Terms.Kind == Metered || a.Terms.Kind == Gauge {
		return nil
	}
	return &Outcome{Err: tenon.Invalid("feature", "%q is a %s feature: there is nothing to count", a.Terms.Feature, a.Terms.Kind)}
}

func (a *Account) overflows(op Op) *Outcome {
	for _, c := range a.Counters {
		if c.covers(op.At) && c.Used+c.Held > maxLevel-op.Use.Quantity {
			return &Outcome{Err: tenon.Invalid("quantity", "the counter would pass %d", maxLevel)}
		}
	}
	return nil
}

func (a *Account) record(op Op) Outcome {
	if a.Terms.Reason == ReasonNoPlan {
		return Outcome{Err: ErrUnknownTenant}
	}
	if bad := cmp.Or(a.uncountable(), a.overflows(op)); bad != nil {
		return *bad
	}
	if op.Use.Quantity > 0 {
		a.count(op.At, op.Use.Quantity, 0, 0)
		a.event(op, op.ID, op.Use.Quantity, op.At, nil)
		a.remember(op)
	}
	return a.finish(Outcome{Decision: a.counted(op.Now)}, op.Now)
}

// counted is the answer to what is not gated: allowed, with the standing's numbers.
func (a *Account) counted(now time.Time) Decision {
	d := a.Check(now)
	d.Allowed, d.Answer, d.Upgrade = true, Yes, ""
	if !d.Reason.allows() {
		ws := a.windows(now)
		d.Reason = a.reason(ws, slices.ContainsFunc(ws, func(w window) bool { return w.Hard != Unlimited && w.level() > w.Hard }))
	}
	return d
}

func (a *Account) giveBack(op Op) Outcome {
	if a.Terms.Reason == ReasonNoPlan {
		return Outcome{Err: ErrUnknownTenant}
	}
	if a.Terms.Kind != Gauge {
		return Outcome{Err: tenon.Invalid("feature", "%q is a %s feature: only a gauge is given back; see Correct", a.Terms.Feature, a.Terms.Kind)}
	}
	if used := a.inUse(op.At); used < op.Use.Quantity {
		return Outcome{Err: tenon.Invalid("quantity", "%d is more than the %d in use", op.Use.Quantity, used)}
	}
	if op.Use.Quantity > 0 {
		a.count(op.At, -op.Use.Quantity, 0, 0)
		a.event(op, op.ID, -op.Use.Quantity, op.At, nil)
		a.remember(op)
	}
	return a.finish(Outcome{Decision: a.counted(op.Now)}, op.Now)
}

// inUse is a gauge's present level.
func (a *Account) inUse(t time.Time) int64 {
	for _, c := range a.Counters {
		if c.covers(t) {
			return c.Used
		}
	}
	return 0
}

func (a *Account) reserve(op Op) Outcome {
	s, refusal := a.fit(op)
	if refusal != nil {
		return *refusal
	}
	a.count(op.At, 0, op.Use.Quantity, s.granted)
	h := &StoredHold{
		Hold:  Hold{ID: op.ID, Tenant: op.Use.Tenant, Feature: op.Use.Feature, Quantity: op.Use.Quantity, CreatedAt: op.At, ExpiresAt: op.Until},
		State: HoldOpen, Included: s.included, Draws: a.draw(s.granted, op.Now, true),
	}
	a.Holds = append(a.Holds, h)
	a.Effects.Holds = append(a.Effects.Holds, h)
	a.remember(op)
	o := a.accept(op, s)
	o.Hold = h.Hold
	return o
}

func (a *Account) remember(op Op) {
	if op.Use.Key == "" {
		return
	}
	k := &KeyRecord{ID: op.ID, Digest: op.Digest}
	if a.Keys == nil {
		a.Keys = map[string]*KeyRecord{}
	}
	if a.Keys[op.Use.Key] == nil || a.Effects.Keys[op.Use.Key] != nil {
		a.Effects.Keys[op.Use.Key] = k
	} else {
		a.Effects.Moved[op.Use.Key] = k
	}
	a.Keys[op.Use.Key] = k
}

// over says whether op repeats a Reserve whose hold was given back. Like a refusal it is decided afresh.
func (a *Account) over(op Op, prior *KeyRecord) bool {
	if op.Kind != OpReserve || prior.Digest != op.Digest {
		return false
	}
	h := a.hold(prior.ID)
	return h != nil && (h.State == HoldReleased || h.State == HoldExpired)
}

func (a *Account) event(op Op, id string, quantity int64, at time.Time, draws []Draw) {
	a.Effects.Events = append(a.Effects.Events, Event{
		ID: id, Feature: a.Terms.Feature, Quantity: quantity, OccurredAt: at, Metadata: op.Metadata, Draws: draws,
	})
	if quantity > 0 {
		a.cross(at, op.Now)
	}
}

// cross notes every threshold that the windows holding at have reached and had not before.
func (a *Account) cross(at, now time.Time) {
	if a.Terms.Reason != ReasonAllowed {
		return
	}
	for _, w := range a.windows(at) {
		if w.Counter == nil {
			continue // the terms changed since, and nobody counts this window of theirs
		}
		for _, t := range w.thresholds() {
			alert := Alert{CounterKey: w.CounterKey, Name: t.Name}
			if w.Used < t.At || a.Alerts[alert] {
				continue
			}
			if a.Alerts == nil {
				a.Alerts = map[Alert]bool{}
			}
			a.Alerts[alert] = true
			crossed := *w.Counter
			crossed.Hard = w.Limit.Hard
			a.Effects.Alerts = append(a.Effects.Alerts, Crossing{Alert: alert, Threshold: t, Counter: crossed, At: now})
		}
	}
}

// replay answers a key that was accepted before.
func (a *Account) replay(op Op, prior *KeyRecord) Outcome {
	if prior.Digest != op.Digest {
		return Outcome{Err: ErrKeyReused}
	}
	o := Outcome{Decision: a.counted(op.Now)}
	o.Decision.Replayed = true
	if op.Kind == OpReserve {
		o.Settled = true
		if h := a.hold(prior.ID); h != nil {
			o.Hold, o.Settled = h.Hold, h.State == HoldCommitted
		}
	}
	return a.finish(o, op.Now)
}
