package notifypg_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/notify/notifytest"
)

// told makes what a store of entitlements tells its thresholds to.
func told(tx pgx.Tx) tenon.Notifier { return notifypg.New(tx, nil) }

func bothSets(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), pgtest.Database(t, migrations.Entitlements, migrations.Notify))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// alarmed is a plan whose soft limit is 2 of 4.
var alarmed = entitlements.Catalog{
	Features: []entitlements.Feature{{Key: "rates", Kind: entitlements.Metered}},
	Plans: []entitlements.Plan{{ID: "basic", Name: "Basic", Features: map[string]entitlements.Allowance{
		"rates": {Limits: []entitlements.Limit{{Period: entitlements.Monthly, Hard: 4, Soft: 2, Alerts: []int{100}}}},
	}}},
}

func subscribed(t *testing.T, pool *pgxpool.Pool) *entitlements.Gate {
	t.Helper()
	gate := entitlements.NewGate(entitlementspg.New(pool, &entitlementspg.Options{Notifier: told}), nil)
	_, err := gate.ApplyCatalog(t.Context(), alarmed)
	require.NoError(t, err)
	_, err = gate.Subscribe(t.Context(), entitlements.Subscription{Tenant: "acme", Plan: "basic"})
	require.NoError(t, err)
	return gate
}

func consume(t *testing.T, g *entitlements.Gate, key string) {
	t.Helper()
	d, err := g.Consume(t.Context(), entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: 1, Key: key})
	require.NoError(t, err)
	require.True(t, d.Allowed)
}

func TestThresholdsOfEntitlementsReachTheReceiver(t *testing.T) {
	t.Parallel()
	pool := bothSets(t)
	gate := subscribed(t, pool)
	for _, key := range []string{"1", "2", "2", "3", "4"} {
		consume(t, gate, key)
	}
	to := runFor(t, pool, func(to *notifytest.Notifier) bool { return len(to.Told()) >= 2 })
	require.Equal(t, []string{"soft", "100%"}, thresholds(to.Told()))
	require.Equal(t, []string{"soft", "100%"}, thresholds(entitlementsNews(t, pool)), "and nothing more is written")
}

func thresholds(news []tenon.Notification) (names []string) {
	for _, n := range news {
		names = append(names, n.Data["threshold"])
	}
	return names
}

// entitlementsNews returns what is written, in order.
func entitlementsNews(t *testing.T, db notifypg.DB) (news []tenon.Notification) {
	t.Helper()
	list, err := notifypg.New(db, nil).List(t.Context(), notify.Query{Tenant: "acme"})
	require.NoError(t, err)
	for _, e := range list {
		news = append(news, e.Notification)
	}
	return news
}

func TestAThresholdIsToldExactlyWhenTheUseThatCrossesItCommits(t *testing.T) {
	t.Parallel()
	pool := bothSets(t)
	gate := subscribed(t, pool)
	for _, end := range []func(pgx.Tx, context.Context) error{pgx.Tx.Rollback, pgx.Tx.Commit} {
		require.Empty(t, entitlementsNews(t, pool))
		tx := pgtest.Begin(t, pool)
		bound := gate.WithStore(entitlementspg.New(tx, &entitlementspg.Options{Notifier: told}))
		consume(t, bound, "1")
		consume(t, bound, "2")
		require.NoError(t, end(tx, t.Context()))
	}
	require.Equal(t, []string{"soft"}, thresholds(entitlementsNews(t, pool)))
}

// relay lets the suite's notifier refuse, and otherwise writes to the outbox and shows the suite what was written.
type relay struct {
	tx pgx.Tx
	to tenon.Notifier
}

func (r relay) Notify(ctx context.Context, n tenon.Notification) error {
	if err := notifypg.New(r.tx, nil).Notify(ctx, n); err != nil {
		return err
	}
	return r.to.Notify(ctx, n)
}

func TestTheSuiteOfEntitlementsPassesWithTheOutbox(t *testing.T) {
	t.Parallel()
	pool := bothSets(t)
	entitlementstest.TestNotifications(t, func(_ *testing.T, n tenon.Notifier) entitlements.Store {
		return entitlementspg.New(pool, &entitlementspg.Options{
			Notifier: func(tx pgx.Tx) tenon.Notifier { return relay{tx, n} }, Timeout: 30 * time.Second,
		})
	})
}
