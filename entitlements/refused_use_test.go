package entitlements_test

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
)

func TestAUseThatCannotBeGivenBackIsRefused(t *testing.T) {
	t.Parallel()
	of := func(u entitlements.Use) func(context.Context, *entitlements.Gate) error {
		return func(ctx context.Context, g *entitlements.Gate) error {
			_, err := g.Return(ctx, u)
			return err
		}
	}
	refuse(t, []wrong{
		{"by_nobody", "tenant", nil, of(entitlements.Use{Feature: "directory", Quantity: 1})},
		{"below_0", "quantity", nil, of(use("directory", -1))},
		{"that_was_not_used", "quantity", nil, of(use("directory", 1))},
		{"of_what_starts_again_by_itself", "feature", nil, of(use("rates", 1))},
		{"of_an_unknown_feature", "", entitlements.ErrUnknownFeature, of(use("moons", 1))},
		{"of_an_unknown_tenant", "", entitlements.ErrUnknownTenant, of(entitlements.Use{Tenant: "nobody", Feature: "directory", Quantity: 1})},
		{"asked_about_before_it_has_a_name", "tenants[1]", nil, func(ctx context.Context, g *entitlements.Gate) error {
			return g.Preload(ctx, "acme", "")
		}},
	})
}

func TestAHoldThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	type hold = entitlements.Hold
	settles := func(h hold, actual int64) func(context.Context, *entitlements.Gate) error {
		return func(ctx context.Context, g *entitlements.Gate) error {
			_, err := g.Commit(ctx, h, actual)
			return err
		}
	}
	releases := func(h hold) func(context.Context, *entitlements.Gate) error {
		return func(ctx context.Context, g *entitlements.Gate) error { return g.Release(ctx, h) }
	}
	refuse(t, []wrong{
		{"committed_for_nobody", "tenant", nil, settles(hold{ID: nobodys}, 1)},
		{"committed_below_0", "quantity", nil, settles(hold{Tenant: "acme", ID: nobodys}, -1)},
		{"committed_without_an_id", "hold", nil, settles(hold{Tenant: "acme"}, 1)},
		{"committed_by_a_key", "hold", nil, settles(hold{Tenant: "acme", ID: "mine"}, 1)},
		{"committed_by_what_looks_like_an_id", "hold", nil, settles(hold{Tenant: "acme", ID: strings.Replace(nobodys, "0", "g", 1)}, 1)},
		{"released_for_nobody", "tenant", nil, releases(hold{ID: nobodys})},
		{"released_without_an_id", "hold", nil, releases(hold{Tenant: "acme"})},
		{"that_nobody_made", "", entitlements.ErrUnknownHold, releases(hold{Tenant: "acme", ID: nobodys})},
	})
}

func TestAQueryOfUsageThatCannotBeRightIsRefused(t *testing.T) {
	t.Parallel()
	of := func(spoil func(q *entitlements.UsageQuery)) func(context.Context, *entitlements.Gate) error {
		return func(ctx context.Context, g *entitlements.Gate) error {
			q := entitlements.UsageQuery{Tenant: "acme", Feature: "rates"}
			spoil(&q)
			_, err := g.Usage(ctx, q)
			return err
		}
	}
	long := func(q *entitlements.UsageQuery) {
		q.From, q.To = time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	refuse(t, []wrong{
		{"of_nobody", "tenant", nil, of(func(q *entitlements.UsageQuery) { q.Tenant = "" })},
		{"of_nothing", "feature", nil, of(func(q *entitlements.UsageQuery) { q.Feature = "" })},
		{"by_the_median", "aggregation", nil, of(func(q *entitlements.UsageQuery) { q.Aggregation = "median" })},
		{"of_distinct_values_of_nothing", "property", nil, of(func(q *entitlements.UsageQuery) { q.Aggregation = entitlements.Unique })},
		{"from_zero", "from", nil, of(func(q *entitlements.UsageQuery) { q.From = time.Unix(0, 0) })},
		{"to_zero", "to", nil, of(func(q *entitlements.UsageQuery) { q.To = time.Unix(0, 0) })},
		{"anchored_at_zero", "anchor", nil, of(func(q *entitlements.UsageQuery) { q.Anchor = time.Unix(0, 0) })},
		{"that_ends_where_it_begins", "to", nil, of(func(q *entitlements.UsageQuery) {
			q.From = time.Now()
			q.To = q.From
		})},
		{"by_an_unknown_unit", "bucket", nil, of(func(q *entitlements.UsageQuery) { q.Bucket = entitlements.Period{Unit: 9} })},
		{"by_too_many_days", "bucket", nil, of(func(q *entitlements.UsageQuery) { q.Bucket = entitlements.Every(1001, entitlements.Day) })},
		{"in_too_many_hours", "bucket", nil, of(func(q *entitlements.UsageQuery) { long(q); q.Bucket = entitlements.Hourly })},
		{"in_too_many_months", "bucket", nil, of(func(q *entitlements.UsageQuery) { long(q); q.Bucket = entitlements.Monthly })},
		{"of_an_unknown_feature", "", entitlements.ErrUnknownFeature, of(func(q *entitlements.UsageQuery) { q.Feature = "moons" })},
		{"of_an_unknown_tenant", "", entitlements.ErrUnknownTenant, of(func(q *entitlements.UsageQuery) { q.Tenant = "nobody" })},
	})
	g := setup(t, entitlements.NewMemoryStore(nil), nil, "acme")
	for _, bucket := range []entitlements.Period{entitlements.Yearly, entitlements.Every(585, entitlements.Year)} {
		q := entitlements.UsageQuery{Tenant: "acme", Feature: "rates", Bucket: bucket}
		long(&q)
		_, err := g.Usage(t.Context(), q)
		require.NoError(t, err, "%s: these are few", bucket)
	}
}

func TestMetadataThatCannotBeKeptIsRefused(t *testing.T) {
	t.Parallel()
	of := func(value any) func(context.Context, *entitlements.Gate) error {
		return func(ctx context.Context, g *entitlements.Gate) error {
			u := use("rates", 1)
			u.Metadata = map[string]any{"a": []any{map[string]any{"b": value}}}
			_, err := g.Consume(ctx, u)
			return err
		}
	}
	refuse(t, []wrong{
		{"a_number_beyond_a_float", "metadata", nil, of(json.RawMessage("1e999"))},
		{"a_number_that_is_none", "metadata", nil, of(math.NaN())},
		{"the_character_0", "metadata", nil, of("a\x00")},
		{"the_reason_of_a_correction_that_is_a_book", "reason", nil, func(ctx context.Context, g *entitlements.Gate) error {
			_, err := g.Correct(ctx, entitlements.Correction{Tenant: "acme", Key: "k", Reason: strings.Repeat("x", 1001)})
			return err
		}},
		{"a_correction_of_no_key", "key", nil, func(ctx context.Context, g *entitlements.Gate) error {
			_, err := g.Correct(ctx, entitlements.Correction{Tenant: "acme"})
			return err
		}},
	})
}
