package entitlementspg_test

import (
	"context"
	"fmt"
	"sync/atomic"
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
)

func TestStoreBills(t *testing.T) {
	t.Parallel()
	entitlementstest.TestBilling(t, func(t *testing.T, n tenon.Notifier) entitlementstest.BillingStore {
		pool := pgtest.Pool(t, migrations.Entitlements)
		return entitlementspg.New(pool, &entitlementspg.Options{Notifier: func(pgx.Tx) tenon.Notifier { return n }})
	})
}

// concluding is a conclusion of an event about a customer.
func concluding(customer, holder, event string, state entitlements.EventState) entitlements.Conclusion {
	return entitlements.Conclusion{
		Customer: customer, Holder: holder, Now: now(),
		Event: entitlements.BillingEvent{ID: event, Type: "invoice.paid", Customer: customer, State: state, ReceivedAt: now()},
	}
}

func TestWorkOnManyCustomersAtOnceIsConcludedTogetherAndApart(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := entitlementspg.New(pool, &entitlementspg.Options{Timeout: time.Minute})
	var failed, done atomic.Int64
	together(60, func(i int) {
		customer, holder := fmt.Sprint("cus_", i), tenon.NewID(time.Now())
		l, err := s.LeaseCustomer(t.Context(), entitlements.LeaseRequest{Customer: customer, Holder: holder, TTL: time.Hour})
		if err != nil || !l.Held {
			t.Errorf("customer %d: %v, %v", i, l.Held, err)
			return
		}
		state := entitlements.EventDone
		if i%10 == 3 {
			state = "odd" // the table refuses it
		}
		if _, err := s.Conclude(t.Context(), concluding(customer, holder, fmt.Sprint("evt_", i), state)); err != nil {
			failed.Add(1)
			return
		}
		done.Add(1)
	})
	require.EqualValues(t, 6, failed.Load(), "nobody fails for another")
	require.EqualValues(t, 54, done.Load())
	require.EqualValues(t, 54, pgtest.One[int64](t, pool, "select count(*) from tenon.billing_events where state = 'done'"))
}

func TestOneCustomerAndOneEventAtOnceAreConcludedOnce(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := entitlementspg.New(pool, &entitlementspg.Options{Timeout: time.Minute})
	var held, concluded atomic.Int64
	together(30, func(int) {
		holder := tenon.NewID(time.Now())
		l, err := s.LeaseCustomer(t.Context(), entitlements.LeaseRequest{Customer: "cus", Holder: holder, TTL: time.Hour, Event: "evt"})
		if err != nil {
			t.Error(err)
			return
		}
		if l.Held {
			held.Add(1)
			if _, err := s.Conclude(t.Context(), concluding("cus", holder, "evt", entitlements.EventDone)); err == nil {
				concluded.Add(1)
			}
		}
	})
	require.EqualValues(t, 1, held.Load(), "who comes after is told that it is done")
	require.EqualValues(t, 1, concluded.Load())
}

func TestALeaseWhoseCallerIsGoneIsUnknown(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := entitlementspg.New(pool, &entitlementspg.Options{Timeout: time.Minute})
	tx := pgtest.Begin(t, pool)
	pgtest.Exec(t, tx, "lock table tenon.billing_leases in access exclusive mode")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.LeaseCustomer(ctx, entitlements.LeaseRequest{Customer: "cus", Holder: tenon.NewID(time.Now()), TTL: time.Hour})
	require.ErrorIs(t, err, entitlements.ErrOutcomeUnknown)
	require.NoError(t, tx.Rollback(t.Context()))
	require.Eventually(t, func() bool {
		return pgtest.One[int64](t, pool, "select count(*) from tenon.billing_leases") == 1
	}, 30*time.Second, 10*time.Millisecond, "the batch goes on")
}

func TestBillingJoinsTheCallersTransaction(t *testing.T) {
	t.Parallel()
	pool := database(t)
	tx := pgtest.Begin(t, pool)
	s := entitlementspg.New(tx, nil)
	holder := tenon.NewID(time.Now())
	_, err := s.LinkCustomer(t.Context(), entitlements.BillingCustomer{Tenant: "acme", Customer: "cus", LinkedAt: now()})
	require.NoError(t, err)
	l, err := s.LeaseCustomer(t.Context(), entitlements.LeaseRequest{Customer: "cus", Holder: holder, TTL: time.Hour})
	require.NoError(t, err)
	require.True(t, l.Held)
	c := concluding("cus", holder, "evt", entitlements.EventDone)
	c.Tenant, c.Edit = "acme", subscribed("basic", now())
	_, err = s.Conclude(t.Context(), c)
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(t.Context()))
	for _, table := range []string{"billing_events", "billing_customers", "billing_leases", "org_entitlements"} {
		require.Zero(t, pgtest.One[int64](t, pool, "select count(*) from tenon."+table), table)
	}
}

func TestStoreBillsWithoutPreparedStatements(t *testing.T) {
	t.Parallel()
	entitlementstest.TestBilling(t, func(t *testing.T, n tenon.Notifier) entitlementstest.BillingStore {
		config, err := pgxpool.ParseConfig(pgtest.Database(t, migrations.Entitlements))
		require.NoError(t, err)
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // as behind a pooler
		pool, err := pgxpool.NewWithConfig(t.Context(), config)
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		return entitlementspg.New(pool, &entitlementspg.Options{Notifier: func(pgx.Tx) tenon.Notifier { return n }})
	})
}
