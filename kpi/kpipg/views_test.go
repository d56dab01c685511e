package kpipg_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
	"github.com/transbotai/tenon/migrations"
)

func columnsOf(t *testing.T, pool *pgxpool.Pool, view string) []string {
	t.Helper()
	return pgtest.List[string](t, pool, "select attname::text from pg_attribute where attrelid = ('tenon.' || $1)::regclass and attnum > 0 order by attnum", view)
}

func TestTheViewsHaveTheCustomersColumns(t *testing.T) {
	t.Parallel()
	pool := database(t)
	require.Equal(t, []string{"d", "quotes", "accepted", "conv_pct"}, columnsOf(t, pool, "kpi_quote_book"))
	require.Equal(t, []string{"invited", "onboarded", "conv_pct"}, columnsOf(t, pool, "kpi_directory_onboard"))
	require.Equal(t, []string{"week", "trials_ended", "converted", "conv_pct"}, columnsOf(t, pool, "kpi_trial_conversion"))
	require.Equal(t, []string{"plan_id", "feature_key", "usage_count", "avg_quantity"}, columnsOf(t, pool, "kpi_feature_usage"))
	store := kpipg.New(pool, nil)
	weeks, err := store.TrialConversion(t.Context())
	require.NoError(t, err)
	uses, err := store.FeatureUsage(t.Context())
	require.NoError(t, err)
	require.Empty(t, weeks)
	require.Empty(t, uses, "without the tables of entitlements there is nothing")
}

func TestTheDaysOfTheQuoteBookAreThoseOfTheSession(t *testing.T) {
	t.Parallel()
	pool := database(t)
	require.NoError(t, board(kpipg.New(pool, nil)).Define(t.Context(), kpi.QuoteBook("UTC")))
	midnight := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -2)
	for i, hours := range []int{-1, 0, 2} {
		e := sent("acme", fmt.Sprint(i))
		e.Properties = map[string]any{"quote_id": e.Key}
		e.At = midnight.Add(time.Duration(hours) * time.Hour)
		track(t, pool, e)
		e.Name, e.Key, e.At = "quote_accepted", "a"+e.Key, e.At.AddDate(0, 0, 1)
		if i > 0 {
			track(t, pool, e)
		}
	}
	fold(t, pool)
	rows := func(zone string) []string {
		tx := pgtest.Begin(t, pool)
		pgtest.Exec(t, tx, "select set_config('timezone', $1, true)", zone)
		return pgtest.List[string](t, tx, "select concat_ws(' ', d - $1::text::date, quotes, accepted, conv_pct) from tenon.kpi_quote_book", midnight.Format(time.DateOnly))
	}
	require.Equal(t, []string{"-1 1 0 0.00", "0 2 2 100.00"}, rows("UTC"))
	require.Equal(t, []string{"-1 2 1 50.00", "0 1 1 100.00"}, rows("Etc/GMT+1")[:2], "an hour west of UTC, and one quote is of the day before")
}

func TestInviteToOnboardNeverPassesOneHundredAndWaitsForCohortsToMature(t *testing.T) {
	t.Parallel()
	pool := database(t)
	require.NoError(t, board(kpipg.New(pool, nil)).Define(t.Context(), kpi.DirectoryOnboard("UTC", 14*kpi.Day)))
	partner := func(name, id string, ago int) kpi.Event {
		return kpi.Event{
			Tenant: "acme", Name: name, Key: name + id, At: time.Now().AddDate(0, 0, -ago), Properties: map[string]any{"partner_id": id},
		}
	}
	track(t, pool,
		partner("directory_invited", "1", 60), partner("directory_onboarded", "1", 50),
		partner("directory_invited", "2", 60), partner("directory_onboarded", "2", 20), // too late
		partner("directory_onboarded", "3", 40),                                      // nobody invited it
		partner("directory_invited", "4", 2), partner("directory_onboarded", "4", 1), // not mature
		kpi.Event{Tenant: "acme", Name: "directory_onboarded", Key: "again", At: time.Now().AddDate(0, 0, -49), Properties: map[string]any{"partner_id": "1"}})
	fold(t, pool)
	require.Equal(t, "2 1 50.00", pgtest.One[string](t, pool, "select concat_ws(' ', invited, onboarded, conv_pct) from tenon.kpi_directory_onboard"))
	require.EqualValues(t, 1, pgtest.One[int64](t, pool, "select count(*) from tenon.kpi_directory_onboard_cohorts where not mature"))
}

const plansSQL = `
insert into tenon.plans (id, name, tier, active, currency, price_monthly, price_yearly, version)
values ('free', 'Free', 0, true, 'USD', 0, 0, 1), ('pro', 'Pro', 1, true, 'USD', 299, 2990, 1)`

// withHistory returns a database with the tables of entitlements, and a function that adds a line to a tenant's history.
func withHistory(t *testing.T) (*pgxpool.Pool, func(tenant string, ago int, plan, status string)) {
	t.Helper()
	pool := pgtest.Connect(t, pgtest.Database(t, migrations.KPI, migrations.Entitlements))
	pgtest.Exec(t, pool, plansSQL)
	return pool, func(tenant string, ago int, plan, status string) {
		pgtest.Exec(t, pool, "insert into tenon.plan_history values ($1, now() - $2 * interval '1 day', $3, 1, $4)", tenant, ago, plan, status)
	}
}

func TestARunningTrialHasNotEndedAndOnlyPaidOnesConverted(t *testing.T) {
	t.Parallel()
	pool, history := withHistory(t)
	for _, c := range []struct {
		tenant string
		lines  []string
	}{
		{"converted", []string{"50 pro trialing", "36 pro active"}},
		{"later", []string{"50 pro trialing", "36 pro canceled", "30 pro active"}},
		{"too late", []string{"80 pro trialing", "66 pro canceled", "10 pro active"}},
		{"gone", []string{"50 pro trialing", "36 pro canceled"}},
		{"unpaid", []string{"50 pro trialing", "36 pro past_due"}},
		{"free", []string{"50 pro trialing", "36 free active"}},
		{"running", []string{"5 pro trialing", "-9 pro canceled"}},
		{"extended", []string{"50 pro trialing", "5 pro trialing"}},
		{"long ago", []string{"200 pro trialing", "186 pro active"}},
		{"never", []string{"50 pro active"}},
		{"owes", []string{"50 pro trialing", "36 pro active"}},
	} {
		for _, line := range c.lines {
			var ago int
			var plan, status string
			_, err := fmt.Sscan(line, &ago, &plan, &status)
			require.NoError(t, err)
			history(c.tenant, ago, plan, status)
		}
	}
	pgtest.Exec(t, pool, "insert into tenon.billing_customers (tenant_id, customer_id, linked_at) values ('owes', 'cus_1', now())")
	require.Equal(t, []string{"converted", "free", "gone", "later", "owes", "too late", "unpaid"},
		pgtest.List[string](t, pool, "select tenant_id from tenon.kpi_ended_trials(now() - interval '90 days') order by 1"))
	require.Equal(t, []string{"converted", "later"},
		pgtest.List[string](t, pool, "select tenant_id from tenon.kpi_ended_trials(now() - interval '90 days') where converted order by 1"))
	weeks, err := kpipg.New(pool, nil).TrialConversion(t.Context())
	require.NoError(t, err)
	var ended, converted int64
	for _, w := range weeks {
		require.Equal(t, time.Monday, w.Week.Weekday())
		ended, converted = ended+w.TrialsEnded, converted+w.Converted
	}
	require.Equal(t, []int64{7, 2}, []int64{ended, converted})
}

func TestUsageCountsUnderThePlanInForceWhenItHappened(t *testing.T) {
	t.Parallel()
	pool, history := withHistory(t)
	history("acme", 200, "free", "active")
	history("acme", 10, "pro", "active")
	history("acme", -5, "free", "active") // planned
	use := func(ago, qty int) {
		pgtest.Exec(t, pool, `
insert into tenon.usage_events (tenant_id, id, feature_key, qty, occurred_at, metadata)
values ('acme', $1, 'rates', $2, now() - $3 * interval '1 day', '{}')`, tenon7(), qty, ago)
	}
	use(40, 100) // too long ago
	use(20, 1)
	use(15, 2)
	use(5, 7)
	uses, err := kpipg.New(pool, nil).FeatureUsage(t.Context())
	require.NoError(t, err)
	require.Equal(t, []kpipg.FeatureUse{
		{PlanID: "free", FeatureKey: "rates", UsageCount: 2, AvgQuantity: 1.5}, {PlanID: "pro", FeatureKey: "rates", UsageCount: 1, AvgQuantity: 7},
	}, uses)
}
