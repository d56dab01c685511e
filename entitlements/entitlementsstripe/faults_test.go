package entitlementsstripe_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/pgtest"
)

// noted is a recorder and a notifier that write into a table of the host's, in the transaction that they are given.
type noted struct{ tx pgx.Tx }

func (n noted) RecordChange(ctx context.Context, c tenon.Change) error {
	return n.write(ctx, c.Tenant, c.Action)
}

func (n noted) Notify(ctx context.Context, m tenon.Notification) error {
	return n.write(ctx, m.Tenant, m.Kind)
}

func (n noted) write(ctx context.Context, tenant, what string) error {
	_, err := n.tx.Exec(ctx, "insert into public.noted (tenant, what) values ($1, $2)", tenant, what)
	return err
}

// noting makes the table, and returns what makes stores that write to it.
func noting(t *testing.T, db entitlementspg.DB) func(entitlementspg.DB) keeper {
	t.Helper()
	_, err := db.Exec(t.Context(), "create table public.noted (tenant text, what text)")
	require.NoError(t, err)
	return func(db entitlementspg.DB) keeper {
		return entitlementspg.New(db, &entitlementspg.Options{
			Timeout: time.Minute, Recorder: func(tx pgx.Tx) tenon.Recorder { return noted{tx} },
			Notifier: func(tx pgx.Tx) tenon.Notifier { return noted{tx} },
		})
	}
}

// notes returns what was told of a tenant.
func notes(t *testing.T, db entitlementspg.DB, tenant string) []string {
	t.Helper()
	rows, err := db.Query(t.Context(), "select what from public.noted where tenant = $1", tenant)
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return all
}

// everyStatement runs the work with the n-th statement going wrong. It tries each fault at every nth statement, at others
// for each fault, and every fault at all of them where the long loops were asked for.
func everyStatement(t *testing.T, db pgtest.Handle, nth int, work func(t *testing.T, faulty *pgtest.Faulty)) {
	t.Helper()
	if soak() {
		nth = 1
	}
	for i, fault := range faults {
		for n := 1 + i%nth; ; n += nth {
			faulty := pgtest.NewFaulty(db, n, fault)
			work(t, faulty)
			if !faulty.Fired() {
				require.Greater(t, n, nth, "no statement at all")
				break
			}
			require.Less(t, n, 200, "a fault that never stops to fire")
		}
	}
}

// newcomer returns a tenant with a subscription and the webhook that tells of it.
func (s *shop) newcomer() (o owner, body []byte) {
	s.t.Helper()
	skip := len(s.fake.Events())
	o = s.owners(1)[0]
	for _, e := range s.events(skip) {
		if e.Type == "customer.subscription.created" {
			body = e.body
		}
	}
	require.NotEmpty(s.t, body)
	return o, body
}

func TestAWebhookThatFailsAtAnyStatementHasItsEffectOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	s.opts.LeaseTTL = 500 * time.Millisecond // so long waits whoever comes after a crash
	_, pool := s.database()
	store := noting(t, pool)
	everyStatement(t, pool, 1, func(t *testing.T, faulty *pgtest.Faulty) {
		o, body := s.newcomer()
		x := s.open(store(faulty))
		for status := 0; status != http.StatusOK; {
			status = deliver(t, x.Handler(), body)
			require.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, status)
		}
		after := s.open(store(pool))
		s.agrees(after, o.tenant, o.subscription)
		require.Equal(t, []string{"entitlements.subscribed"}, notes(t, pool, o.tenant), "%d statements", faulty.Steps())
		require.Equal(t, http.StatusOK, deliver(t, after.Handler(), body))
		require.Len(t, notes(t, pool, o.tenant), 1)
	})
}

func TestUsageThatFailsAtAnyStatementIsBilledOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	_, pool := s.database()
	store := noting(t, pool)
	everyStatement(t, pool, 3, func(t *testing.T, faulty *pgtest.Faulty) {
		o, body := s.newcomer()
		require.Equal(t, http.StatusOK, deliver(t, s.open(store(pool)).Handler(), body))
		x := s.open(store(faulty))
		report := entitlements.UsageReport{Tenant: o.tenant, Meter: calls, Start: s.fake.Now().Add(-2 * hour), Quantity: 10}
		for _, total := range []int64{10, 4} {
			report.Quantity = total
			for err := x.ReportUsage(t.Context(), report); err != nil; err = x.ReportUsage(t.Context(), report) {
				require.True(t, faulty.Fired(), "%v", err)
			}
			works(t, x)
			s.fake.Advance(2 * hour) // what was taken by the round that failed is due again
			x = s.open(store(faulty))
		}
		for range 8 {
			if len(s.pending(store(pool))) == 0 {
				break
			}
			works(t, x)
			s.fake.Advance(2 * hour)
			x = s.open(store(faulty))
		}
		require.Empty(t, s.pending(store(pool)))
		require.EqualValues(t, 4, s.billed(o), "%d statements", faulty.Steps())
		require.NotContains(t, notes(t, pool, o.tenant), "entitlements.usage_not_billed")
	})
}
