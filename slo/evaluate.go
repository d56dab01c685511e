package slo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/transbotai/tenon"
)

// Evaluate looks at all objectives, opens, escalates and resolves episodes, freezes and thaws releases, ends overrides
// that expired, and tells of it. What it decides and what it tells are one transaction of the store, so that an
// incident is told once however many instances evaluate, and whatever ends on the way. It returns what it saw.
func (b *Board) Evaluate(ctx context.Context) (Report, error) {
	r, err := b.evaluate(ctx)
	b.stats.note(err)
	return r, err
}

func (b *Board) evaluate(ctx context.Context) (Report, error) {
	r, state, err := b.report(ctx)
	if err != nil {
		return r, err
	}
	if e := b.settle(state, r); e.empty() && !e.edited {
		return r, nil
	}
	var done outcome
	after, err := b.change(ctx, func(s *State) (Effects, error) {
		done = b.settle(s, r)
		return done.Effects, nil
	})
	if err != nil {
		return r, err
	}
	b.stats.count(done)
	r.refresh(after)
	return r, nil
}

// refresh lays what was decided over the report.
func (r *Report) refresh(s *State) {
	r.Freeze, r.Override = s.Freeze, s.override(r.At)
	for i := range r.Statuses {
		status := &r.Statuses[i]
		status.Alerts = nil
		for _, e := range s.Episodes {
			if e.Key == status.Objective.Key && e.ResolvedAt.IsZero() {
				status.Alerts = append(status.Alerts, e)
			}
		}
	}
}

// outcome is what an evaluation came to.
type outcome struct {
	Effects
	edited           bool
	opened, resolved int
}

func (o *outcome) empty() bool { return len(o.Changes)+len(o.Notifications) == 0 }

func (o *outcome) tell(n tenon.Notification) { o.Notifications = append(o.Notifications, n) }

// overtaken is how much older than the last decision a report may be and still be one that another instance overtook.
// What is older yet is the work of a clock that was set back, and must not silence alerts until it has caught up.
const overtaken = time.Minute

// settle decides, from what r saw, what becomes of the state. A report that was overtaken decides nothing.
func (b *Board) settle(s *State, r Report) (e outcome) {
	if behind := s.Evaluated.Sub(r.At); behind > 0 && behind <= overtaken {
		return e
	}
	for i := range r.Statuses {
		status := &r.Statuses[i]
		if !s.promises(status.Objective) {
			continue
		}
		for _, a := range []Alert{AlertBurn, AlertBudget, AlertAbsence} {
			s.settleAlert(a, status, &e)
		}
	}
	b.settleFreeze(s, r, &e)
	s.endOverrides(r.At, &e)
	if e.edited = e.edited || !e.empty(); e.edited {
		s.Evaluated = r.At
	}
	return e
}

// promises says whether o is an objective still, and not one that was retired or defined anew since it was looked at.
func (s *State) promises(o Objective) bool {
	now, ok := s.objective(o.Key)
	return ok && now.Version == o.Version && now.CreatedAt.Equal(o.CreatedAt)
}

// signal is a reason to alert; the zero signal is none.
type signal struct {
	level    int64
	name     string
	severity tenon.Severity
	text     string
	resolves string
}

func (s *State) settleAlert(a Alert, status *Status, e *outcome) {
	strongest := status.signal(a)
	i := slices.IndexFunc(s.Episodes, func(ep Episode) bool {
		return ep.Key == status.Objective.Key && ep.Alert == a && ep.ResolvedAt.IsZero()
	})
	switch {
	case i < 0 && strongest.level > 0:
		ep := Episode{
			ID: tenon.NewID(status.At), Key: status.Objective.Key, Alert: a, OpenedAt: status.At,
			Version: status.Objective.Version,
		}
		ep.raise(strongest, status.At)
		s.Episodes = append(s.Episodes, ep)
		e.opened++
		e.tell(ep.opened())
	case i >= 0 && strongest.level > s.Episodes[i].Level:
		ep := &s.Episodes[i]
		ep.raise(strongest, status.At)
		e.tell(ep.escalated())
	case i >= 0 && strongest.level == 0 && status.over(&s.Episodes[i]):
		ep := &s.Episodes[i]
		ep.ResolvedAt = status.At
		e.resolved++
		e.tell(ep.resolved(status.summary()))
	}
}

func (ep *Episode) raise(to signal, at time.Time) {
	ep.Level, ep.Signal, ep.Severity, ep.ToldAt = to.level, to.name, to.severity, at
	ep.Text, ep.Resolves = to.text, to.resolves
}

// signal returns the strongest signal of an alert.
func (s *Status) signal(a Alert) signal {
	switch a {
	case AlertBurn:
		return s.burning()
	case AlertBudget:
		return s.spent()
	}
	if !s.silent {
		return signal{}
	}
	return signal{
		level: 1, name: "no data", severity: tenon.SeverityWarning,
		text:     fmt.Sprintf("Nothing was counted for %s.", s.Objective.absence()),
		resolves: "something is counted",
	}
}

func (s *Status) burning() signal {
	for _, b := range s.Burns {
		if !b.Firing {
			continue
		}
		bound := percent(b.Tier.Burn.Float() * float64(s.Objective.Target.left()) / float64(Whole))
		return signal{
			level: int64(b.Tier.Burn), name: b.Tier.String(), severity: b.Tier.Severity,
			text: fmt.Sprintf("The budget of %s burns %.4g times as fast as it may: %s bad over %s and %s over %s.",
				s.Objective, b.Long.Burn(s.Objective.Target), badShare(b.Long), b.Tier.Long, badShare(b.Short), b.Tier.Short),
			resolves: fmt.Sprintf("no more than %s are bad over %s or over %s", bound, b.Tier.Short, b.Tier.Long),
		}
	}
	return signal{}
}

func (s *Status) spent() signal {
	o := s.Objective
	if !o.enough(s.Count) || s.Count.Bad() == 0 {
		return signal{}
	}
	for _, share := range o.EffectiveBudgetAlerts() {
		used := s.Count.CompareUsed(o.Target, share)
		if used < 0 || used == 0 && share < Whole {
			continue
		}
		severity := tenon.SeverityWarning
		if share == Whole {
			severity = tenon.SeverityCritical
		}
		return signal{
			level: int64(share), name: share.String(), severity: severity, text: s.summary(),
			resolves: fmt.Sprintf("no more than %s of the budget is consumed", recovered(o)),
		}
	}
	return signal{}
}

// recovered is how little of the budget must be consumed for a budget alert to end: 4/5 of the lowest share told.
func recovered(o Objective) PPM {
	alerts := o.EffectiveBudgetAlerts()
	return alerts[len(alerts)-1] * 4 / 5
}

// over says whether an episode without a signal is over. What has no data is not.
func (s *Status) over(ep *Episode) bool {
	if ep.Alert == AlertAbsence {
		return s.heard || s.Objective.absence() < 0
	}
	if s.Count.Valid == 0 {
		return false
	}
	if ep.Alert == AlertBudget {
		return len(s.Objective.EffectiveBudgetAlerts()) == 0 || !s.acts(recovered(s.Objective))
	}
	for _, b := range s.Burns {
		if int64(b.Tier.Burn) == ep.Level {
			return b.Short.Valid > 0
		}
	}
	return true
}

// summary says how the objective does, in a sentence.
func (s *Status) summary() string {
	if s.Count.Valid == 0 {
		return fmt.Sprintf("%s: nothing was counted.", s.Objective)
	}
	return fmt.Sprintf("%s: %d of %d were bad, %s of the budget is consumed.", s.Objective, s.Count.Bad(), s.Count.Valid,
		percent(s.Consumed))
}

// badShare writes which part of a count is bad. What burns has counted something.
func badShare(c Count) string { return percent(float64(c.Bad()) / float64(c.Valid)) }

func percent(f float64) string { return strconv.FormatFloat(100*f, 'g', 4, 64) + "%" }

func (s *State) endOverrides(now time.Time, e *outcome) {
	for i := range s.Overrides {
		if o := &s.Overrides[i]; o.EndedAt.IsZero() && !o.active(now) {
			before := *o
			o.EndedAt = o.Until
			e.Changes = append(e.Changes, o.change("slo.override_expired", before, "", now))
		}
	}
}
