package web

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/transbotai/tenon/examples/transbot/internal/insight"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/slo"
)

// period is the days that a KPI is looked at over.
type period struct {
	days int
	now  time.Time
}

// staleAfter is how old the newest event may be before a figure says that it may be out of date.
const staleAfter = 36 * time.Hour

// kpiCard shows a conversion over the last days in which it is final: those that began within its window before now are
// drawn, and not counted.
func (s *Server) kpiCard(name string, p period) func(context.Context, *card) error {
	return func(ctx context.Context, c *card) error {
		k, err := s.kpiNamed(ctx, name)
		if err != nil {
			return err
		}
		final := p.now.Truncate(24 * time.Hour).Add(-time.Duration(k.Conversion.Window))
		r, err := s.Insight.Board.Read(ctx, kpi.Query{KPI: name, From: final.AddDate(0, 0, -p.days), To: p.now})
		if err != nil {
			return err
		}
		first := r.Points[0].Start
		then, err := s.Insight.Board.Read(ctx, kpi.Query{KPI: name, From: first.AddDate(0, 0, -p.days), To: first})
		if err != nil {
			return err
		}
		c.fillKPI(r, then, p)
		return nil
	}
}

// kpiNamed returns a definition; one that is not a conversion has no share to show.
func (s *Server) kpiNamed(ctx context.Context, name string) (kpi.KPI, error) {
	all, err := s.Insight.Board.KPIs(ctx)
	if err != nil {
		return kpi.KPI{}, err
	}
	for _, k := range all {
		if k.Name == name && k.Conversion != nil {
			return k, nil
		}
	}
	return kpi.KPI{}, fmt.Errorf("%s: %w", name, kpi.ErrUnknownKPI)
}

func (c *card) fillKPI(r, then kpi.Report, p period) {
	drawn := newKPIPlot(r)
	c.About, c.KPI = r.KPI.Description, &drawn
	c.Span = fmt.Sprintf("%d final days from %s", p.days, r.Points[0].Start.Format("2 Jan"))
	c.Legend = "Bars: the sample. Line: the share. Dashes: the target. Pale: not final yet, and not counted."
	c.judge(r.Total.Value, r.Total.Known && r.Total.Sample > 0, r.Total.Sample, r.KPI.Goal)
	c.Sample = count(r.Total.Sample)
	c.Change = changed(r.Total.Value, then.Total.Value, enough(r.Total.Sample, then.Total.Sample, r.KPI.Goal), before(p))
	c.freshKPI(r.Freshness)
	c.Heads = []string{"From", "Sample", "Converted", "Share", ""}
	for _, point := range r.Points {
		share, final := "–", ""
		if point.Known {
			share = percent(point.Value * 100)
		}
		if point.Immature {
			final = "not final"
		}
		c.Rows = append(c.Rows, []string{plainDate(point.Date), count(point.Sample), count(point.Count), share, final})
	}
}

func before(p period) string { return fmt.Sprintf("the %d days before", p.days) }

// enough says whether both samples are large enough to be compared.
func enough(now, then int64, g *kpi.Goal) bool {
	least := int64(1)
	if g != nil {
		least = max(g.MinSample, 1)
	}
	return min(now, then) >= least
}

// judge compares a share with its goal.
func (c *card) judge(value float64, known bool, sample int64, g *kpi.Goal) {
	c.Now, c.Target = "–", "–"
	if known {
		c.Now = percent(value * 100)
	}
	if g == nil {
		return
	}
	c.Target = "≥ " + percent(g.Target*100)
	switch {
	case !known:
	case sample < max(g.MinSample, 1):
		c.Few = true
	case value >= g.Target:
		c.Verdict = met
	default:
		c.Verdict = missed
	}
}

func (c *card) freshKPI(f kpi.Freshness) {
	if f.Newest.IsZero() {
		c.Fresh = "no event yet"
		return
	}
	age := f.AsOf.Sub(f.Newest)
	c.Fresh, c.Stale = "newest event "+ago(age), age > staleAfter
}

// ago says how long something is over.
func ago(d time.Duration) string {
	if d < time.Minute {
		return "less than a minute ago"
	}
	text := strings.TrimSuffix(lasting(d), " 0 min")
	return strings.TrimSuffix(text, " 0 h") + " ago"
}

// trialCard shows how many of the trials that ended went on to pay.
func (s *Server) trialCard(p period) func(context.Context, *card) error {
	return func(ctx context.Context, c *card) error {
		t, err := s.Insight.Trials(ctx, p.days, p.now)
		if err != nil {
			return err
		}
		drawn := newTrialPlot(t.Weeks)
		if len(drawn.Bars) > 0 {
			drawn.Goal = shareY(insight.TrialGoal.Target)
		}
		c.About, c.KPI = "Which share of the trials that ended went on to a paid plan within 30 days.", &drawn
		if t.Open > 0 {
			c.About += " Of those that did not, " + count(t.Open) + " still may."
		}
		c.Span = fmt.Sprintf("%d days from %s", p.days, t.From.Format("2 Jan"))
		c.Legend = "Bars: trials that ended, by week. Line: the share. Dashes: the target."
		c.judge(ratio(t.Paid, t.Ended), t.Ended > 0, t.Ended, &insight.TrialGoal)
		c.Sample = count(t.Ended)
		c.Change = changed(ratio(t.Paid, t.Ended), ratio(t.Before.Paid, t.Before.Ended),
			enough(t.Ended, t.Before.Ended, &insight.TrialGoal), before(p))
		c.Fresh = "no trial ended yet"
		if !t.Newest.IsZero() {
			c.Fresh = "newest trial ended " + ago(p.now.Sub(t.Newest))
		}
		c.Heads = []string{"Week of", "Ended", "Paid", "Share"}
		for _, w := range t.Weeks {
			c.Rows = append(c.Rows, []string{shortDay(w.Week), count(w.TrialsEnded), count(w.Converted), percent(w.ConvPct)})
		}
		return nil
	}
}

func ratio(some, all int64) float64 {
	if all == 0 {
		return 0
	}
	return float64(some) / float64(all)
}

// quietAfter is how long nothing may be counted before an objective says that it may be out of date.
const quietAfter = 15 * time.Minute

// sloCard shows an objective over its window, beside the window before.
func (s *Server) sloCard(name string) func(context.Context, *card) error {
	return func(ctx context.Context, c *card) error {
		report, err := s.Ops.Board.Current(ctx)
		if err != nil {
			return err
		}
		status, ok := report.Status(slo.Key{Name: name})
		if !ok {
			return fmt.Errorf("%s: %w", name, slo.ErrUnknownObjective)
		}
		step := stepOf(status)
		from := status.From.Truncate(step)
		points, err := s.Ops.Board.Series(ctx, status.Objective.Key, from.Add(-status.Objective.Window.Period()), status.At, step)
		if err != nil {
			return err
		}
		var then []slo.Point
		for len(points) > 0 && points[0].From.Before(from) {
			then, points = append(then, points[0]), points[1:]
		}
		c.fillSLO(status, points, then)
		return nil
	}
}

func (c *card) fillSLO(status slo.Status, points, then []slo.Point) {
	drawn := newPlot(status, points)
	window := hours(status.Objective.Window.Period())
	c.About, c.SLO = status.Objective.Description+".", &drawn
	c.Span, c.Legend = "the last "+window, "Line: the budget that is used. Bars: the share that went wrong."
	c.Target, c.Now, c.Budget = "≥ "+exactly(status.Objective.Target.Float()), "–", "–"
	c.Sample = count(status.Count.Valid)
	if status.Count.Valid > 0 {
		c.Now, c.Budget, c.Verdict = exactly(status.Current), percent(status.Consumed*100), met
		c.used = status.Consumed
		if status.Consumed > 1 {
			c.Verdict = missed
		}
	}
	if status.Objective.Kind == slo.Latency && status.Latency.P95 > 0 {
		c.About += " The p95 is " + brief(status.Latency.P95) + "."
	}
	was := added(then)
	c.Change = changed(status.Current, was.Ratio(), status.Count.Valid > 0 && was.Valid > 0, "the "+window+" before")
	c.freshSLO(status, points)
	c.Heads = []string{"From", "Counted", "Bad", "Good"}
	for _, p := range points {
		c.Rows = append(c.Rows, []string{p.From.Format("2 Jan, 15:04"), count(p.Count.Valid), count(p.Count.Bad()), goodOf(p.Count)})
	}
}

// hours names a window.
func hours(d time.Duration) string {
	if d == time.Hour {
		return "hour"
	}
	return fmt.Sprintf("%g h", d.Hours())
}

func goodOf(c slo.Count) string {
	if c.Valid == 0 {
		return "–"
	}
	return exactly(c.Ratio())
}

func added(points []slo.Point) (sum slo.Count) {
	for _, p := range points {
		sum.Good, sum.Valid = sum.Good+p.Count.Good, sum.Valid+p.Count.Valid
	}
	return sum
}

// freshSLO says when something was counted last, to the step of the plot.
func (c *card) freshSLO(status slo.Status, points []slo.Point) {
	c.Fresh = "nothing was counted"
	for i := len(points) - 1; i >= 0; i-- {
		if points[i].Count.Valid == 0 {
			continue
		}
		until := points[i].From.Add(stepOf(status))
		age := max(status.At.Sub(until), 0)
		if c.Fresh, c.Stale = "counted until "+ago(age), age > quietAfter; age < time.Minute {
			c.Fresh = "counted until now"
		}
		return
	}
}
