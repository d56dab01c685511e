// Package helpdesk answers the platform's customers, shows them around, and keeps what pen tests found.
package helpdesk

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
)

// Desk is the platform's help desk.
type Desk struct {
	Tickets  *support.Desk
	Tours    *support.Tours
	Findings *support.Findings
	Timers   *support.Timers

	store *supportpg.Store
	gate  *entitlements.Gate
}

// New returns a desk that keeps everything in pool. Its options say who is told of what.
func New(pool *pgxpool.Pool, gate *entitlements.Gate, set *flags.Set, opts *supportpg.Options, logger *slog.Logger) (*Desk, error) {
	store := supportpg.New(pool, opts)
	d := &Desk{Tickets: support.NewDesk(store), Findings: support.NewFindings(store, nil), store: store, gate: gate}
	var err error
	d.Tours, err = support.NewTours(store, tours, &support.ToursOptions{Sees: sees(gate, set)})
	if err != nil {
		return nil, err
	}
	work := support.Work{}
	maps.Copy(work, d.Tickets.Work())
	maps.Copy(work, d.Findings.Work())
	d.Timers, err = support.NewTimers(store, work, &support.TimersOptions{Logger: logger})
	return d, err
}

// tours show people around, once each.
var tours = []support.Tour{{
	Key: "rates", Feature: "rates", Title: "Rates", Version: 1,
	Steps: []support.TourStep{
		{Anchor: "#ask", Title: "Ask for a price", Text: "Say from where to where and how much it weighs. The price is there at once."},
		{Anchor: "#use", Title: "What your plan includes", Text: "How many quotes are left, and when counting starts again."},
		{Anchor: "#quotes", Title: "What you were quoted", Text: "Your latest quotes, and what became of them."},
	},
	Audience: support.Audience{Flag: "rates"},
}}

// AllTours returns the tours that there are.
func (d *Desk) AllTours() []support.Tour { return slices.Clone(tours) }

// Tour returns a tour by its key.
func (d *Desk) Tour(key string) (support.Tour, bool) {
	i := slices.IndexFunc(tours, func(t support.Tour) bool { return t.Key == key })
	if i < 0 {
		return support.Tour{}, false
	}
	return tours[i], true
}

// sees says who belongs to the audience of a tour: whose company has the flag, and one of the plans.
func sees(gate *entitlements.Gate, set *flags.Set) func(context.Context, support.Viewer, support.Audience) (bool, error) {
	return func(ctx context.Context, v support.Viewer, a support.Audience) (bool, error) {
		if a.Flag != "" && set.EvaluateAs(flags.TypeBool, a.Flag, &flags.Who{Tenant: v.Tenant}).Value != true {
			return false, nil
		}
		if len(a.Plans) == 0 {
			return true, nil
		}
		plan, err := planOf(ctx, gate, v.Tenant)
		return slices.Contains(a.Plans, plan), err
	}
}

// planOf returns the plan of a company, and "" for none.
func planOf(ctx context.Context, gate *entitlements.Gate, company string) (string, error) {
	e, err := gate.Entitlement(ctx, company)
	if errors.Is(err, entitlements.ErrUnknownTenant) {
		return "", nil
	}
	return e.Plan, err
}

// Plan returns the plan that decides what is promised to a company.
func (d *Desk) Plan(ctx context.Context, company string) (string, error) {
	return planOf(ctx, d.gate, company)
}

// enterprise is the plan to which more is promised.
const enterprise = "enterprise"

// Prepare puts the platform's rules in force where nobody has set any. P1, P2 and P3 are solved within 4, 24 and 72
// hours for everybody; to the enterprise plan an answer is promised sooner, and a second step of the ladder.
func (d *Desk) Prepare(ctx context.Context) error {
	rules, err := d.Tickets.Rules(ctx)
	if err != nil || rules.Version > 0 {
		return err
	}
	best := rules.Policies[0]
	best.Name, best.Targets, best.Ladders = enterprise, maps.Clone(best.Targets), maps.Clone(best.Ladders)
	for priority, targets := range best.Targets {
		targets.FirstResponse /= 2
		best.Targets[priority] = targets
	}
	best.Ladders[support.P1] = []support.Step{
		{Name: "on-call", After: 2 * time.Hour},
		{Name: "head of support", After: 3 * time.Hour, Anyway: true},
	}
	rules.Policies = append(rules.Policies, best)
	rules.Plans = map[string]string{enterprise: enterprise}
	_, err = d.Tickets.SetRules(ctx, rules, "as sold")
	if errors.Is(err, support.ErrStale) {
		return nil // another instance did
	}
	return err
}

// Jobs are what runs as long as the program, by name.
func (d *Desk) Jobs() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{"support timers": d.Timers.Run}
}
