package entitlementstest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/conform"
)

// rule is one promise and how it is tried.
type rule conform.Rule[*rig]

// group is rules about one thing.
type group struct {
	name  string
	rules []rule
}

// TestStore checks that the stores that newStore gives keep what [entitlements.Store] promises, and what
// [entitlements.Reporter], [tenon.Exporter] and [tenon.Eraser] promise where they implement them.
func TestStore(t *testing.T, newStore func(t *testing.T) entitlements.Store) {
	t.Run("catalogue", func(t *testing.T) { testCatalogue(t, newStore) })
	for _, g := range []group{
		kindRules, limitRules, windowRules, periodRules, accessRules, planRules, overrideRules, addOnRules, grantRules,
		keyRules, holdRules, closedHoldRules, heldGrantRules, recordRules, correctRules, usageRules, historyRules,
		changeRules, loadRules, inputRules, tenantRules, crowdRules, subjectRules,
	} {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			if g.name == subjectRules.name && !knowsSubjects(newStore(t)) {
				return // the rules are about what the store does not promise
			}
			for _, one := range g.rules {
				t.Run(one.Name, func(t *testing.T) {
					t.Parallel()
					newRig(t, newStore(t)).try(one)
				})
			}
		})
	}
}

// try tries a rule, and then asks whether the counters still say what the events say.
func (r *rig) try(one rule) {
	conform.Rule[*rig](one).Try(r.t, r)
	r.reconciled()
}

// catalogue lets one test at a time of this process declare other catalogues than [Catalog].
var catalogue sync.Mutex

// testCatalogue runs by itself, before the others: its rules retire each other's plans.
func testCatalogue(t *testing.T, newStore func(t *testing.T) entitlements.Store) {
	catalogue.Lock()
	defer catalogue.Unlock()
	for _, one := range catalogueRules {
		t.Run(one.Name, func(t *testing.T) {
			r := &rig{t: t, store: newStore(t), tenant: newTenant(), now: noon}
			r.declare(Catalog())
			r.try(one)
			r.declare(Catalog())
		})
	}
}

// prepare declares [Catalog] where it is not stored as it is.
func prepare(t *testing.T, store entitlements.Store) {
	t.Helper()
	catalogue.Lock()
	defer catalogue.Unlock()
	ctx := context.WithoutCancel(t.Context())
	v, err := store.Versions(ctx)
	if err != nil {
		t.Fatalf("Versions: %v", err)
	}
	_, diff, err := v.Apply(Catalog())
	if err != nil {
		t.Fatalf("the stored catalogue does not take the suite's: %v", err)
	}
	if len(diff) == 0 {
		return
	}
	if _, err := store.Declare(ctx, Catalog(), noon); err != nil {
		t.Fatalf("Declare: %v", err)
	}
}

// noon is when rules begin: the 10th of a month, on a tenant's plan since the 1st.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
