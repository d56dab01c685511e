package control

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon/slo"
)

func (d *Desk) smokeTests(ctx context.Context, s seen) (Item, error) {
	item := Item{
		Key: "smoke", Title: "Smoke tests and post-deploy verification", Bound: "every step, within 15 minutes",
		Link: "#smoke", More: "each step",
	}
	return d.kept(ctx, Smoke, item, 15*time.Minute, s.now)
}

func (d *Desk) canary(_ context.Context, s seen) (Item, error) {
	item := d.stageItem(s, 0)
	item.Key, item.Title = "canary", "Canary tenants on"
	return item, nil
}

// percents are the stages of the rollout, a day of the launch each.
var percents = []float64{5, 50, 100}

// stageItem says whether a stage of the rollout has begun and still holds.
func (d *Desk) stageItem(s seen, stage int) Item {
	r := s.rollout
	item := Item{
		Bound: fmt.Sprintf("the stage of %s %% has begun", number(percents[stage])), Link: "#rollout", More: "the rollout",
		Value: fmt.Sprintf("%d of %d tenants; traffic of the last hour: %s", len(r.On), r.Of, r.Traffic),
	}
	switch {
	case !r.Begun:
		item.State, item.Value = Amber, "the rollout was not started"
	case r.Disabled:
		item.State, item.Value = Fail, "the flag is switched off for everybody"
	case r.Percent >= percents[stage]:
		item.State = Pass
		if stage == 0 && len(r.On) <= 5 {
			item.Value = strings.Join(r.On, ", ") + ": " + item.Value
		}
	case r.RolledBack && r.Stage == stage: // it is the one that was lost
		item.State, item.Value = Fail, fmt.Sprintf("it went back to %s %%: %s", number(r.Percent), r.Note)
	default:
		item.State = Amber
		item.Value = fmt.Sprintf("at %s %%: %s", number(r.Percent), item.Value)
	}
	return item
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// lookAtObjectives keeps how all objectives stand.
func (d *Desk) lookAtObjectives(ctx context.Context) (Finding, error) {
	report, err := d.Ops.Board.Evaluate(ctx)
	if err != nil {
		return Finding{}, err
	}
	f := Finding{Passed: true}
	kept, silent := 0, 0
	for i := range report.Statuses {
		status := &report.Statuses[i]
		step := Step{Name: status.Objective.Name, Passed: status.Health != slo.Breached && status.Health != slo.Exhausted}
		step.Says = fmt.Sprintf("no data, %s promised", status.Objective.Target)
		if status.Count.Valid > 0 {
			step.Says = fmt.Sprintf("%.3f %%, %s promised, %.0f %% of the budget used", 100*status.Current, status.Objective.Target, 100*status.Consumed)
		}
		switch {
		case status.Count.Valid == 0:
			silent++
		case step.Passed:
			kept++
		}
		f.Passed = f.Passed && step.Passed
		f.Steps = append(f.Steps, step)
	}
	f.Says = fmt.Sprintf("%d of %d kept", kept, len(report.Statuses))
	if silent > 0 {
		f.Says += fmt.Sprintf(", %d without data", silent)
	}
	return f, nil
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// hourly says whether the objectives are looked at every hour, and what was seen last.
func (d *Desk) hourly(ctx context.Context, s seen) (Item, error) {
	item := Item{
		Key: "hourly", Title: "Watch the SLOs hourly", Bound: "a look within 65 minutes, all kept", Link: "/slo", More: "the objectives",
	}
	item, err := d.kept(ctx, Objectives, item, 65*time.Minute, s.now)
	if err != nil || item.State == Unknown {
		return item, err
	}
	runs, err := d.Runs(ctx, Objectives, keptRuns)
	looks := 0
	for _, r := range runs {
		if s.now.Sub(r.At) <= day {
			looks++
		}
	}
	item.Value += fmt.Sprintf(", looked at %s in 24 hours", times(looks))
	if slices.ContainsFunc(s.report.Statuses, func(status slo.Status) bool { return status.Count.Valid == 0 }) {
		item.State = worst(item.State, Amber) // what was not measured is not kept
	}
	return item, err
}

// isolation tries to cross the line between companies.
func (d *Desk) isolation(ctx context.Context) (Finding, error) {
	r, err := d.Evidence.Isolation(ctx, true)
	if err != nil {
		return Finding{}, err
	}
	f := Finding{Passed: r.OK(), Says: fmt.Sprintf("%d cross-tenant rows in %d tables, %d attempts", r.CrossRows, len(r.Tables), r.Probes)}
	for _, finding := range r.Findings {
		f.Steps = append(f.Steps, Step{Name: finding.Object, Says: finding.Detail})
	}
	return f, nil
}

func (d *Desk) apart(ctx context.Context, s seen) (Item, error) {
	item := Item{
		Key: "isolation", Title: "Isolation report shows zero cross-tenant rows", Bound: "0 rows, within 12 hours",
		Link: "/isolation", More: "the report",
	}
	return d.kept(ctx, Isolation, item, 12*time.Hour, s.now)
}

// budgets says whether all error budgets are healthy.
func (d *Desk) budgets(_ context.Context, s seen) (Item, error) {
	item := Item{
		Key: "budgets", Title: "Error budget healthy", Bound: "at most 50 % of each used", Link: "/slo", More: "the budgets", At: s.report.At,
	}
	item.State, item.Value = budgetState(s)
	return item, nil
}

func budgetState(s seen) (State, string) {
	var most slo.Status
	known := 0
	for _, status := range s.report.Statuses {
		if status.Count.Valid == 0 {
			continue
		}
		if known++; known == 1 || status.Consumed > most.Consumed {
			most = status
		}
	}
	if known == 0 {
		return Unknown, "no objective has data"
	}
	value := fmt.Sprintf("%s used most, %.0f %%", most.Objective.Name, min(100*most.Consumed, 999))
	switch {
	case s.report.Freeze.Frozen:
		return Fail, value + "; releases are frozen"
	case known < len(s.report.Statuses):
		return Amber, fmt.Sprintf("%s; %d without data", value, len(s.report.Statuses)-known)
	case most.Consumed > 0.5:
		return Amber, value
	}
	return Pass, value
}
