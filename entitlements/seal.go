package entitlements

import "time"

// Check returns what one more unit would meet at now, from the account as it stands, and seals the counters of the
// present windows so that a store or a view can answer from them alone.
func (a *Account) Check(now time.Time) Decision {
	if a.Terms.Reason != ReasonAllowed {
		return a.describe(a.Terms.Reason, now, nil)
	}
	if a.Terms.Kind == Boolean || a.Terms.Kind == Config {
		return a.describe(ReasonAllowed, now, nil)
	}
	ws := a.windows(now)
	free := a.capacity(ws, now)
	a.seal(ws, free, now)
	if free.total() == 0 {
		return a.describe(ReasonLimitReached, now, fullest(ws))
	}
	return a.describe(a.reason(ws, free.included+free.granted == 0), now, a.tightest(now))
}

// reason tells the three ways to be allowed apart.
func (a *Account) reason(ws []window, overage bool) Reason {
	reason := ReasonAllowed
	for _, w := range ws {
		if w.Soft > 0 && w.Used >= w.Soft {
			reason = ReasonOverSoft
		}
	}
	if overage {
		return ReasonOverage
	}
	return reason
}

// tightest returns the window with the least of the plan left.
func (a *Account) tightest(t time.Time) *window {
	ws := a.windows(t)
	if len(ws) == 0 {
		return nil
	}
	least := &ws[0]
	for i := range ws {
		if ws[i].allowance() < least.allowance() {
			least = &ws[i]
		}
	}
	return least
}

// fullest returns the window with the least room.
func fullest(ws []window) *window {
	least := &ws[0]
	for i := range ws {
		if ws[i].room() < least.room() {
			least = &ws[i]
		}
	}
	return least
}

// describe fills a decision. w is the window that binds; nil when none does.
func (a *Account) describe(reason Reason, now time.Time, w *window) Decision {
	d := Decision{
		Allowed: reason.allows(), Answer: No, Reason: reason, Source: a.Terms.Source,
		Feature: a.Terms.Feature, Plan: a.Terms.Plan, PlanVersion: a.Terms.PlanVersion, Value: a.Terms.Value,
	}
	if d.Allowed {
		d.Answer = Yes
	}
	if w == nil {
		a.describeBare(&d)
		return d
	}
	d.Hard, d.Soft, d.Used, d.Held = w.Hard, w.Soft, w.Used, w.Held
	d.ResetsAt = resets(w.Period, w.End)
	free := a.capacity(a.windows(now), now)
	d.Remaining, d.Overage = remaining(free.included, free.granted), unlimited(free.overage)
	return d
}

func (a *Account) describeBare(d *Decision) {
	if d.Allowed && a.Terms.Kind == Boolean {
		d.Hard, d.Soft, d.Remaining = a.Terms.Limits[0].Hard, a.Terms.Limits[0].Soft, Unlimited
	}
	if d.Allowed && a.Terms.Kind == Config {
		d.Remaining = Unlimited
	}
}

func resets(p Period, end time.Time) time.Time {
	if p.Unit == Lifetime {
		return time.Time{}
	}
	return end
}

func remaining(included, granted int64) int64 {
	if included >= maxLevel {
		return Unlimited
	}
	return included + granted
}

// unlimited is n as a Decision says it.
func unlimited(n int64) int64 {
	if n > MaxQuantity {
		return Unlimited
	}
	return n
}

// seal seals the counter of a feature with one window. With several, each counter says nothing alone.
func (a *Account) seal(ws []window, free split, now time.Time) {
	if len(ws) != 1 {
		for _, w := range ws {
			w.Seal = Seal{}
		}
		return
	}
	w := ws[0]
	base := w.Used + w.Held
	ceiling := maxLevel
	if w.Hard != Unlimited {
		ceiling = base + free.stretch()
	}
	for _, t := range w.thresholds() {
		if !a.Alerts[Alert{CounterKey: w.CounterKey, Name: t.Name}] {
			ceiling = min(ceiling, t.At-1)
		}
	}
	w.Seal = Seal{
		Until: a.until(w, now), Ceiling: max(base, ceiling),
		Hard: w.Hard, Soft: w.Soft, Overage: w.Limit.Overage, Spare: free.granted,
		Plan: a.Terms.Plan, PlanVersion: a.Terms.PlanVersion, Source: a.Terms.Source,
	}
}

// stretch is how much fits before the way of covering changes.
func (s split) stretch() int64 {
	switch {
	case s.included > 0:
		return s.included
	case s.granted > 0:
		return 0
	default:
		return s.overage
	}
}

// until is when a seal ends: with the period, the terms, the first hold that expires, and the first grant that begins
// or ends.
func (a *Account) until(w window, now time.Time) time.Time {
	until := earliest(w.End, a.Terms.Until)
	return earliest(until, a.nextExpiry())
}

// Decide answers for one use of quantity that the seal covered and that left the counter at c. Quantity 0 answers a
// check: what one more unit would meet.
func (c *Counter) Decide(feature string, quantity int64) Decision {
	included, overage := c.left()
	d := Decision{
		Allowed: true, Answer: Yes, Reason: ReasonAllowed, Source: c.Source, Feature: feature,
		Plan: c.Plan, PlanVersion: c.PlanVersion, Hard: c.Hard, Soft: c.Soft, Used: c.Used, Held: c.Held,
		Remaining: remaining(included, c.Spare), Overage: unlimited(overage), ResetsAt: resets(c.Period, c.End),
	}
	switch over := included+c.Spare == 0; {
	case quantity == 0 && over && overage == 0:
		d.Allowed, d.Answer, d.Reason = false, No, ReasonLimitReached
	case quantity == 0 && over, quantity > 0 && c.Hard != Unlimited && c.level() > c.Hard:
		d.Reason = ReasonOverage
	case c.Soft > 0 && c.Used >= c.Soft:
		d.Reason = ReasonOverSoft
	}
	return d
}

// Counted answers for a use that the counter holds already, whatever stands in the way of the next one.
func (c *Counter) Counted(feature string) Decision {
	d := c.Decide(feature, 0)
	if d.Allowed {
		return d
	}
	d.Allowed, d.Answer, d.Reason = true, Yes, ReasonAllowed
	if c.Soft > 0 && c.Used >= c.Soft {
		d.Reason = ReasonOverSoft
	}
	if c.Hard != Unlimited && c.level() > c.Hard {
		d.Reason = ReasonOverage
	}
	return d
}

// left is what the plan includes and is left, and what may go past it.
func (c *Counter) left() (included, overage int64) {
	w := window{Limit: Limit{Hard: c.Hard, Overage: c.Overage}, Counter: c}
	return w.allowance(), w.room() - w.allowance()
}
