package entitlementstest

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// with returns the suite's catalogue and one plan more, that has the feature calls.
func with(plan string, hard int64) entitlements.Catalog {
	c := Catalog()
	c.Plans = append(c.Plans, entitlements.Plan{ID: plan, Tier: 2, Features: map[string]entitlements.Allowance{calls: monthly(hard, 0)}})
	return c
}

// newPlan returns the id of a plan that no test declared before.
func newPlan() string { return "p" + strings.ReplaceAll(newID(), "-", "") }

// tellsOf fails unless diff holds one line about what.
func (r *rig) tellsOf(diff entitlements.CatalogDiff, what, how string) {
	r.t.Helper()
	if !slices.Contains(diff, entitlements.CatalogChange{What: what, How: how}) {
		r.t.Fatalf("the difference is %v, want %s: %s", diff, what, how)
	}
}

var catalogueRules = []rule{
	{
		"declaring_twice_changes_nothing",
		"Declare is idempotent: a catalogue that is stored makes no difference and no revision.",
		func(r *rig) {
			before := r.versions()
			equal(r.t, "the lines of the difference", len(r.declare(Catalog())), 0)
			equal(r.t, "the revision", r.versions().Revision, before.Revision)
			equal(r.t, "the versions of a plan", len(r.versions().Plans[basic]), len(before.Plans[basic]))
		},
	},
	{
		"what_was_declared_is_read_back",
		"Versions returns what was declared: kinds, prices, limits, values, add-ons.",
		func(r *rig) {
			v, c := r.versions(), Catalog()
			for _, f := range c.Features {
				equal(r.t, "the feature "+f.Key, describe(v.Features[f.Key]), describe(f))
			}
			for _, p := range c.Plans {
				stored, _ := v.Plan(p.ID, 0)
				stored.Version = 0
				equal(r.t, "the plan "+p.ID, describe(stored), describe(p))
			}
			for _, a := range c.AddOns {
				stored, _ := v.AddOn(a.ID, 0)
				stored.Version, stored.Pinned = 0, nil
				equal(r.t, "the add-on "+a.ID, describe(stored), describe(a))
			}
		},
	},
	{
		"a_changed_plan_gets_a_new_version",
		"Versions never change: an edit makes the next one, and the old one stays as it was.",
		func(r *rig) {
			plan := newPlan()
			before := r.versions().Revision
			r.tellsOf(r.declare(with(plan, 10)), "plan/"+plan, "added")
			r.tellsOf(r.declare(with(plan, 20)), "plan/"+plan, "new version 2")
			v := r.versions()
			equal(r.t, "the revision grows", v.Revision > before, true)
			for version, hard := range map[int]int64{1: 10, 2: 20, 0: 20} {
				p, _ := v.Plan(plan, version)
				equal(r.t, "the limit of a version", p.Features[calls].Limits[0].Hard, hard)
			}
		},
	},
	{
		"a_tenant_stays_on_its_version",
		"A plan edit moves nobody and changes no balance; a tenant gets the new version when it is moved.",
		func(r *rig) {
			plan := newPlan()
			r.declare(with(plan, 10))
			r.on(plan)
			r.consume(calls, 6)
			r.declare(with(plan, 20))
			d := r.check(calls)
			r.says(d, answer{entitlements.ReasonAllowed, 6, 0, 4})
			equal(r.t, "the version", d.PlanVersion, 1)
			r.refuses(r.consume(calls, 5), entitlements.ReasonLimitReached)
			r.move(plan)
			d = r.consume(calls, 5)
			r.says(d, answer{entitlements.ReasonAllowed, 11, 0, 9})
			equal(r.t, "the version", d.PlanVersion, 2)
		},
	},
	{
		"an_add_on_stays_on_its_version",
		"A tenant keeps the version of an add-on that it was given.",
		func(r *rig) {
			c := Catalog()
			c.AddOns = append(c.AddOns, entitlements.AddOn{ID: newPlan(), Features: map[string]entitlements.Allowance{calls: monthly(5, 0)}})
			added := &c.AddOns[len(c.AddOns)-1]
			r.declare(c)
			r.on(basic)
			r.attach(added.ID, 1)
			added.Features = map[string]entitlements.Allowance{calls: monthly(50, 0)}
			r.tellsOf(r.declare(c), "addon/"+added.ID, "new version 2")
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 15})
		},
	},
	{
		"a_plan_that_is_named_no_more_is_retired",
		"What a catalogue no longer names takes no new subscribers and keeps its old ones; named again, it takes them again.",
		func(r *rig) {
			plan := newPlan()
			r.declare(with(plan, 10))
			r.on(plan)
			r.tellsOf(r.declare(Catalog()), "plan/"+plan, "retired")
			r.says(r.consume(calls, 1), answer{entitlements.ReasonAllowed, 1, 0, 9})
			p, _ := r.versions().Plan(plan, 0)
			equal(r.t, "Inactive", p.Inactive, true)
			equal(r.t, "the version", p.Version, 1)
			_, err := r.gate().Subscribe(r.ctx(), entitlements.Subscription{Tenant: newTenant(), Plan: plan})
			equal(r.t, "it takes no subscribers", errors.Is(err, entitlements.ErrPlanInactive), true)
			r.tellsOf(r.declare(with(plan, 10)), "plan/"+plan, "taken up again")
			p, _ = r.versions().Plan(plan, 0)
			equal(r.t, "Inactive", p.Inactive, false)
			equal(r.t, "the version", p.Version, 1)
		},
	},
	{
		"a_dry_run_changes_nothing",
		"DiffCatalog tells what applying would change, and leaves the catalogue as it is.",
		func(r *rig) {
			plan := newPlan()
			before := r.versions().Revision
			diff, err := r.gate().DiffCatalog(r.ctx(), with(plan, 10))
			equal(r.t, "the error", err, nil)
			r.tellsOf(diff, "plan/"+plan, "added")
			equal(r.t, "the revision", r.versions().Revision, before)
			_, stored := r.versions().Plan(plan, 0)
			equal(r.t, "the plan is stored", stored, false)
			applied := r.declare(with(plan, 10))
			equal(r.t, "what was then applied", applied.String(), diff.String())
		},
	},
	{
		"a_kind_never_changes",
		"A catalogue that gives a stored feature another kind is refused whole.",
		func(r *rig) {
			c := with(newPlan(), 10)
			c.Features = append(c.Features, entitlements.Feature{Key: newPlan(), Kind: entitlements.Metered})
			r.declare(c)
			before := r.versions().Revision
			c.Features[len(c.Features)-1].Kind = entitlements.Gauge
			c.Plans[len(c.Plans)-1].ID = newPlan()
			_, err := r.store.Declare(r.ctx(), c, r.now)
			equal(r.t, "the error is ErrKindChanged", errors.Is(err, entitlements.ErrKindChanged), true)
			equal(r.t, "the revision", r.versions().Revision, before)
		},
	},
	{
		"a_catalogue_with_a_fault_is_refused_whole",
		"An invalid catalogue names the field and changes nothing.",
		func(r *rig) {
			c := with(newPlan(), 10)
			c.Plans[len(c.Plans)-1].Features[calls] = monthly(10, 11)
			before := r.versions().Revision
			_, err := r.store.Declare(r.ctx(), c, r.now)
			equal(r.t, "the error is invalid", errors.Is(err, tenon.ErrInvalid), true)
			equal(r.t, "the fault names the field", strings.Contains(err.Error(), "features.calls"), true)
			equal(r.t, "the revision", r.versions().Revision, before)
		},
	},
	{
		"what_was_handed_out_does_not_change",
		"A Versions that a store handed out stays as it was whatever is declared after.",
		func(r *rig) {
			plan := newPlan()
			r.declare(with(plan, 10))
			v := r.versions()
			before := describe(v)
			r.declare(with(plan, 20))
			r.declare(Catalog())
			r.later(time.Hour)
			equal(r.t, "what was handed out", describe(v) == before, true)
		},
	},
	{
		"concurrent_declarations_agree",
		"Processes that declare one catalogue at once add one version.",
		func(r *rig) {
			plan := newPlan()
			together(8, func(int) {
				_, err := r.store.Declare(r.ctx(), with(plan, 10), r.now)
				equalNow(r.t, "the error of Declare", err, nil)
			})
			equal(r.t, "the versions of the plan", len(r.versions().Plans[plan]), 1)
		},
	},
}
