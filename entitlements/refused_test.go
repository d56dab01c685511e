package entitlements_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

const aDay = 24 * time.Hour

const nobodys = "0190a0c0-0000-7000-8000-000000000000" // an id that nobody has

// wrong is input that is refused: for a field, or with an error where no field is at fault.
type wrong struct {
	name, field string
	want        error
	try         func(ctx context.Context, g *entitlements.Gate) error
}

// refuse tries each on a tenant of its own, and looks that nothing was written.
func refuse(t *testing.T, all []wrong) {
	t.Helper()
	for _, w := range all {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			store := entitlements.NewMemoryStore(nil)
			c := freight()
			c.Features = append(c.Features, entitlements.Feature{Key: "region", Kind: entitlements.Config, Values: []string{"eu", "us"}})
			g := entitlements.NewGate(store, nil)
			for _, c := range []entitlements.Catalog{withAddOn(c, "retired"), c} {
				_, err := g.ApplyCatalog(t.Context(), c)
				require.NoError(t, err)
			}
			_, err := g.Subscribe(t.Context(), entitlements.Subscription{Tenant: "acme", Plan: "starter"})
			require.NoError(t, err)
			before := rights(t, store)
			err = w.try(t.Context(), g)
			if w.want != nil {
				require.ErrorIs(t, err, w.want)
			} else {
				var field *tenon.FieldError
				require.ErrorAs(t, err, &field)
				require.Equal(t, w.field, field.Field)
				require.ErrorIs(t, err, tenon.ErrInvalid)
				require.True(t, strings.HasPrefix(err.Error(), "entitlements: "+w.field+": "), err.Error())
			}
			require.Equal(t, before, rights(t, store))
		})
	}
}

func withAddOn(c entitlements.Catalog, id string) entitlements.Catalog {
	c.AddOns = append(slices.Clone(c.AddOns), entitlements.AddOn{ID: id})
	return c
}

// rights returns what is stored of acme and of nobody.
func rights(t *testing.T, store entitlements.Store) []entitlements.Rights {
	t.Helper()
	found, err := store.Load(t.Context(), []string{"acme", "nobody"}, time.Now())
	require.NoError(t, err)
	return []entitlements.Rights{*found[0].Rights, *found[1].Rights}
}

func number(n int64) *int64 { return &n }

func text(s string) *string { return &s }

func TestAnOverrideThatCannotBeRightIsRefused(t *testing.T) {
	t.Parallel()
	of := func(spoil func(o *entitlements.Override)) func(context.Context, *entitlements.Gate) error {
		return func(ctx context.Context, g *entitlements.Gate) error {
			o := entitlements.Override{Feature: "rates", Period: entitlements.Monthly, Hard: number(200), Reason: "agreed"}
			spoil(&o)
			return g.Override(ctx, "acme", o)
		}
	}
	config := func(feature, value string) func(context.Context, *entitlements.Gate) error {
		return of(func(o *entitlements.Override) {
			*o = entitlements.Override{Feature: feature, Value: &value, Reason: "agreed"}
		})
	}
	refuse(t, []wrong{
		{"without_a_reason", "reason", nil, of(func(o *entitlements.Override) { o.Reason = "" })},
		{"for_a_reason_that_is_a_book", "reason", nil, of(func(o *entitlements.Override) { o.Reason = strings.Repeat("x", 1001) })},
		{"for_a_reason_that_rings", "reason", nil, of(func(o *entitlements.Override) { o.Reason = "\a" })},
		{"by_nobody_who_can_be_written", "by", nil, of(func(o *entitlements.Override) { o.By = "\xff" })},
		{"until_the_zero_of_another_system", "expires_at", nil, of(func(o *entitlements.Override) { o.ExpiresAt = time.Unix(0, 0) })},
		{"until_yesterday", "expires_at", nil, of(func(o *entitlements.Override) { o.ExpiresAt = time.Now().Add(-aDay) })},
		{"by_an_unknown_unit", "period", nil, of(func(o *entitlements.Override) { o.Period = entitlements.Period{Unit: 9} })},
		{"by_too_many_months", "period", nil, of(func(o *entitlements.Override) { o.Period = entitlements.Every(1001, entitlements.Month) })},
		{"of_nothing", "hard", nil, of(func(o *entitlements.Override) { o.Hard = nil })},
		{"with_a_value_of_what_is_counted", "value", nil, of(func(o *entitlements.Override) { o.Value = text("5") })},
		{"with_a_soft_limit_above_the_hard_one", "soft", nil, of(func(o *entitlements.Override) { o.Soft = number(201) })},
		{"with_a_soft_limit_above_the_plans", "soft", nil, of(func(o *entitlements.Override) { o.Hard, o.Soft = nil, number(101) })},
		{"below_unlimited", "hard", nil, of(func(o *entitlements.Override) { o.Hard = number(-2) })},
		{"with_an_overage_that_is_too_large", "overage", nil, of(func(o *entitlements.Override) { o.Overage = number(entitlements.MaxQuantity + 1) })},
		{"of_a_window_that_the_plan_lacks", "hard", nil, of(func(o *entitlements.Override) {
			o.Period, o.Hard, o.Soft = entitlements.Weekly, nil, number(5)
		})},
		{"of_a_gauge_by_the_month", "period", nil, of(func(o *entitlements.Override) { o.Feature = "directory" })},
		{"of_a_boolean_with_overage", "overage", nil, of(func(o *entitlements.Override) {
			o.Feature, o.Period, o.Overage = "white_label", entitlements.Period{}, number(1)
		})},
		{"of_a_config_feature_without_a_value", "value", nil, of(func(o *entitlements.Override) {
			o.Feature, o.Period, o.Hard = "retention", entitlements.Period{}, nil
		})},
		{"of_a_config_feature_with_a_limit", "value", nil, of(func(o *entitlements.Override) {
			o.Feature, o.Period, o.Value = "retention", entitlements.Period{}, text("5")
		})},
		{"of_a_config_feature_by_the_month", "period", nil, of(func(o *entitlements.Override) {
			o.Feature, o.Hard, o.Value = "retention", nil, text("5")
		})},
		{"with_a_number_that_is_none", "value", nil, config("retention", "many")},
		{"with_a_number_that_is_no_number", "value", nil, config("retention", "NaN")},
		{"with_a_number_without_end", "value", nil, config("retention", "-Infinity")},
		{"with_a_number_that_is_no_decimal", "value", nil, config("retention", "0x1p4")},
		{"with_a_value_that_is_not_listed", "value", nil, config("region", "mars")},
		{"of_an_unknown_feature", "", entitlements.ErrUnknownFeature, config("moons", "5")},
		{"of_an_unknown_tenant", "", entitlements.ErrUnknownTenant, func(ctx context.Context, g *entitlements.Gate) error {
			return g.Override(ctx, "nobody", entitlements.Override{Feature: "region", Value: text("eu"), Reason: "agreed"})
		}},
		{"that_is_not_there_to_be_removed", "", entitlements.ErrUnknownGrant, func(ctx context.Context, g *entitlements.Gate) error {
			return g.RemoveOverride(ctx, "acme", "rates", entitlements.Monthly)
		}},
	})
}

func TestAnAddOnThatCannotBeHadIsRefused(t *testing.T) {
	t.Parallel()
	attach := func(tenant, addOn string, quantity int64) func(context.Context, *entitlements.Gate) error {
		return func(ctx context.Context, g *entitlements.Gate) error { return g.Attach(ctx, tenant, addOn, quantity) }
	}
	refuse(t, []wrong{
		{"no_times", "quantity", nil, attach("acme", "lanes", 0)},
		{"too_often", "quantity", nil, attach("acme", "lanes", 1_000_001)},
		{"by_nobody", "tenant", nil, attach("", "lanes", 1)},
		{"by_an_unknown_tenant", "", entitlements.ErrUnknownTenant, attach("nobody", "lanes", 1)},
		{"that_is_unknown", "", entitlements.ErrUnknownAddOn, attach("acme", "moons", 1)},
		{"that_is_retired", "", entitlements.ErrPlanInactive, attach("acme", "retired", 1)},
		{"that_the_tenant_does_not_have_to_be_detached", "", entitlements.ErrUnknownAddOn, func(ctx context.Context, g *entitlements.Gate) error {
			return g.Detach(ctx, "acme", "lanes")
		}},
	})
}

func TestAGrantThatCannotBeRightIsRefused(t *testing.T) {
	t.Parallel()
	of := func(spoil func(x *entitlements.Grant)) func(context.Context, *entitlements.Gate) error {
		return func(ctx context.Context, g *entitlements.Gate) error {
			x := entitlements.Grant{ID: nobodys, Feature: "rates", Amount: 10}
			spoil(&x)
			_, err := g.Grant(ctx, "acme", x)
			return err
		}
	}
	refuse(t, []wrong{
		{"of_no_units", "amount", nil, of(func(x *entitlements.Grant) { x.Amount = 0 })},
		{"of_too_many_units", "amount", nil, of(func(x *entitlements.Grant) { x.Amount = entitlements.MaxQuantity + 1 })},
		{"under_a_short_id", "id", nil, of(func(x *entitlements.Grant) { x.ID = "mine" })},
		{"under_an_id_in_capitals", "id", nil, of(func(x *entitlements.Grant) { x.ID = strings.ToUpper(nobodys) })},
		{"under_an_id_without_dashes", "id", nil, of(func(x *entitlements.Grant) { x.ID = strings.ReplaceAll(nobodys, "-", "0") })},
		{"of_too_high_a_priority", "priority", nil, of(func(x *entitlements.Grant) { x.Priority = math.MaxInt32 + 1 })},
		{"of_too_low_a_priority", "priority", nil, of(func(x *entitlements.Grant) { x.Priority = math.MinInt32 - 1 })},
		{"for_a_reason_that_is_a_book", "reason", nil, of(func(x *entitlements.Grant) { x.Reason = strings.Repeat("x", 1001) })},
		{"from_the_zero_of_another_system_on", "effective_at", nil, of(func(x *entitlements.Grant) { x.EffectiveAt = time.Unix(0, 0) })},
		{"until_the_zero_of_another_system", "expires_at", nil, of(func(x *entitlements.Grant) { x.ExpiresAt = time.Unix(0, 0) })},
		{"that_ends_before_it_begins", "expires_at", nil, of(func(x *entitlements.Grant) {
			x.EffectiveAt = time.Now().Add(aDay)
			x.ExpiresAt = x.EffectiveAt
		})},
		{"of_what_is_not_counted", "feature", nil, of(func(x *entitlements.Grant) { x.Feature = "retention" })},
		{"of_an_unknown_feature", "", entitlements.ErrUnknownFeature, of(func(x *entitlements.Grant) { x.Feature = "moons" })},
		{"to_an_unknown_tenant", "", entitlements.ErrUnknownTenant, func(ctx context.Context, g *entitlements.Gate) error {
			_, err := g.Grant(ctx, "nobody", entitlements.Grant{Feature: "rates", Amount: 10})
			return err
		}},
		{"taken_back_for_a_reason_that_rings", "reason", nil, func(ctx context.Context, g *entitlements.Gate) error {
			return g.Void(ctx, "acme", nobodys, "\a")
		}},
		{"that_is_not_there_to_be_taken_back", "", entitlements.ErrUnknownGrant, func(ctx context.Context, g *entitlements.Gate) error {
			return g.Void(ctx, "acme", nobodys, "")
		}},
	})
}
