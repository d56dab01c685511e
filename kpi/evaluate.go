package kpi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// Evaluate looks at every KPI that has a goal, over all tenants and in its own grain and zone, and judges the newest
// period that is over and mature, and whose sample is large enough. When a goal is crossed, in either direction, that is
// told once, by however many instances evaluate: what is decided and what is told are one transaction. The first
// judgement of a goal is told when it is missed. It returns what was judged, by KPI, also when some could
// not be read.
func (b *Board) Evaluate(ctx context.Context) ([]GoalState, error) {
	judged, err := b.evaluate(ctx)
	b.stats.note(err)
	return judged, err
}

func (b *Board) evaluate(ctx context.Context) ([]GoalState, error) {
	s, err := b.load(ctx)
	if err != nil {
		return nil, err
	}
	now, err := b.now(ctx)
	if err != nil {
		return nil, err
	}
	var judged []GoalState
	var failed error
	for _, k := range s.KPIs {
		if k.Goal == nil {
			continue
		}
		report, err := b.read(ctx, k, Query{KPI: k.Name}, now)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%q: %w", k.Name, err))
			continue
		}
		if g, ok := k.judge(report, now); ok {
			judged = append(judged, g)
		}
	}
	if !s.moves(judged) {
		return judged, failed
	}
	return judged, errors.Join(failed, b.tell(ctx, judged))
}

// tell stores what was judged, and tells of goals that were crossed.
func (b *Board) tell(ctx context.Context, judged []GoalState) error {
	told := 0
	err := b.change(ctx, func(s *State) (e Effects, err error) {
		told = 0
		for _, g := range judged {
			if n, ok := s.judged(g); ok {
				e.Notifications = append(e.Notifications, n)
				told++
			}
		}
		return e, nil
	})
	if err == nil {
		b.stats.notified.Add(int64(told))
	}
	return err
}

// judge returns what the newest period says that can be judged.
func (k KPI) judge(r Report, now time.Time) (GoalState, bool) {
	for _, p := range slices.Backward(r.Points) {
		if p.Immature || !p.Known || p.Sample < max(k.Goal.MinSample, 1) {
			continue
		}
		return GoalState{
			KPI: k.Name, Goal: *k.Goal, Met: k.Goal.met(p.Value), Value: p.Value, Sample: p.Sample, Period: p.Start, Since: now,
		}, true
	}
	return GoalState{}, false
}

// moves says whether anything would be stored.
func (s *State) moves(judged []GoalState) bool {
	c := s.Clone()
	for _, g := range judged {
		c.judged(g)
	}
	return !slices.EqualFunc(c.Goals, s.Goals, GoalState.same)
}

func (g GoalState) same(o GoalState) bool {
	return g.KPI == o.KPI && g.Goal == o.Goal && g.Met == o.Met && g.Period.Equal(o.Period) && g.Value == o.Value
}

// judged lays g over the state, and returns what to tell. A period before the one that was judged last, which another
// instance may have read earlier, decides nothing, nor does a goal that was changed or retired meanwhile.
func (s *State) judged(g GoalState) (tenon.Notification, bool) {
	k, ok := s.kpi(g.KPI)
	if !ok || k.Goal == nil || *k.Goal != g.Goal {
		return tenon.Notification{}, false
	}
	i, found := slices.BinarySearchFunc(s.Goals, g.KPI, func(o GoalState, name string) int { return strings.Compare(o.KPI, name) })
	if !found {
		s.Goals = slices.Insert(s.Goals, i, g)
		return k.crossing(g), !g.Met
	}
	old := s.Goals[i]
	if old.Goal == g.Goal && g.Period.Before(old.Period) {
		return tenon.Notification{}, false
	}
	crossed := old.Met != g.Met
	if !crossed {
		g.Since = old.Since
	}
	s.Goals[i] = g
	return k.crossing(g), crossed
}

// crossing tells that a goal was crossed.
func (k KPI) crossing(g GoalState) tenon.Notification {
	state, severity := "missed", tenon.SeverityWarning
	if g.Met {
		state, severity = "reached", tenon.SeverityInfo
	}
	return tenon.Notification{
		Key:  fmt.Sprintf("kpi.goal/%s/%s/%s", k.Name, g.Since.Format(time.RFC3339Nano), state),
		Kind: "kpi.goal", Severity: severity, At: g.Since,
		Title: fmt.Sprintf("%s: goal %s", k.title(), state),
		Text: fmt.Sprintf("%s was %.4g in the period from %s, on a sample of %d. The goal is %s.", k.title(), g.Value,
			g.Period.Format(time.RFC3339), g.Sample, &g.Goal),
		Data: map[string]string{
			"kpi": k.Name, "state": state, "value": fmt.Sprintf("%g", g.Value), "target": fmt.Sprintf("%g", g.Goal.Target),
			"sample": fmt.Sprint(g.Sample), "period": g.Period.Format(time.RFC3339),
		},
	}
}

// Run evaluates the goals every Options.Every until ctx is done. It is safe to run on every instance at once. A round
// that fails is logged, shown by Stats and tried again.
func (b *Board) Run(ctx context.Context) error {
	tick := time.NewTicker(b.options.Every)
	defer tick.Stop()
	for {
		if _, err := b.Evaluate(ctx); err != nil && ctx.Err() == nil {
			b.options.Logger.Error("kpi goals not evaluated", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
