package entitlementsstripe_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/entitlements/entitlementsstripe"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
	"github.com/transbotai/tenon/internal/proctest"
)

// meterEvents is the call that bills usage.
const meterEvents = "POST /v1/billing/meter_events"

// childOrder is what a child is to do: tell Stripe of usage, until it is killed.
type childOrder struct {
	URL     string // of the database
	Address string // of the fake
	Now     time.Time
}

// childStore is a store whose clock began at an instant with the process.
type childStore struct {
	keeper
	began, now time.Time
}

// Clock implements [tenon.Clock].
func (c childStore) Clock(context.Context) (time.Time, error) {
	return c.now.Add(time.Since(c.began)), nil
}

func reportUsage(ctx context.Context, c *proctest.Child) error {
	var o childOrder
	if err := c.Order(&o); err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, o.URL)
	if err != nil {
		return err
	}
	defer pool.Close()
	store := childStore{entitlementspg.New(pool, nil), time.Now(), o.Now}
	b, err := entitlementsstripe.New(entitlements.NewGate(store, nil), store, account(), nil, &entitlementsstripe.Options{
		Address: o.Address, Every: 20 * time.Millisecond,
		Meters: []entitlementsstripe.Meter{{Name: calls, Event: "calls"}},
	})
	if err != nil {
		return err
	}
	c.Ready()
	return b.Run(ctx)
}

// startChild starts a process that tells Stripe of usage.
func (s *shop) startChild(url string) *proctest.Process[struct{}] {
	s.t.Helper()
	p := proctest.Start[struct{}](s.t, "report", childOrder{URL: url, Address: s.opts.Address, Now: s.fake.Now()})
	p.Begin()
	return p
}

// round lets x work until it has nothing to tell any more.
func (s *shop) round(store keeper) {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.t.Context())
	defer stop()
	x := s.open(store)
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	require.Eventually(s.t, func() bool { return len(s.pending(store)) == 0 }, 30*time.Second, 10*time.Millisecond)
	stop()
	require.NoError(s.t, <-done)
}

func (s *shop) pending(store keeper) []entitlements.UsageLine {
	s.t.Helper()
	lines, err := store.UsageLines(s.t.Context(), entitlements.UsageLineQuery{State: entitlements.UsagePending})
	require.NoError(s.t, err)
	return lines
}

// billed is what Stripe bills the owner.
func (s *shop) billed(o owner) int64 {
	return s.fake.Usage(o.customer, "calls", time.Unix(0, 0), s.fake.Now().Add(day))
}

func TestUsageIsBilledOnceWhenTheCallTimesOutAfterItsEffect(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]entitlementstest.Fault{
		"and_is_made_again":    {Path: "/v1/billing", Cut: entitlementstest.CutAfter},
		"and_no_try_is_left":   {Path: "/v1/billing", Cut: entitlementstest.CutAfter, Times: 3},
		"or_had_no_effect":     {Path: "/v1/billing", Cut: entitlementstest.CutBefore},
		"or_Stripe_is_busy":    {Path: "/v1/billing", Status: 429},
		"or_Stripe_is_at_odds": {Path: "/v1/billing", Status: 500},
	} {
		for _, forgets := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/keys_forgotten_%t", name, forgets), func(t *testing.T) {
				t.Parallel()
				s := newShop(t, began())
				_, pool := s.database()
				store := s.store(pool)
				x := s.open(store)
				o := s.owners(1)[0]
				s.introduce(x)
				report := entitlements.UsageReport{Tenant: o.tenant, Meter: calls, Start: s.fake.Now().Add(-2 * hour), Quantity: 70}
				require.NoError(t, x.ReportUsage(t.Context(), report))

				s.fake.Fail(fault)
				s.tell(store, max(fault.Times, 1))
				s.fake.Heal()
				if forgets {
					s.fake.ForgetKeys() // so that the identifier alone tells
				}
				s.fake.Advance(4 * hour) // what was under way is due again
				s.round(store)
				require.EqualValues(t, 70, s.billed(o))
				require.NoError(t, x.ReportUsage(t.Context(), report), "said again")
				require.Empty(t, s.pending(store))
			})
		}
	}
}

// introduce sends the first webhook until it is taken, as Stripe does: a busy database may answer the first try too late.
func (s *shop) introduce(x till) {
	s.t.Helper()
	first := s.events(0)[0].body
	require.Eventually(s.t, func() bool { return deliver(s.t, x.Handler(), first) == http.StatusOK }, 30*time.Second, 10*time.Millisecond)
}

// tell lets some calls go out and the process end.
func (s *shop) tell(store keeper, calls int) {
	s.t.Helper()
	before := s.fake.Calls()[meterEvents]
	ctx, stop := context.WithCancel(s.t.Context())
	defer stop()
	x := s.open(store)
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	require.Eventually(s.t, func() bool { return s.fake.Calls()[meterEvents] >= before+calls }, 30*time.Second, time.Millisecond)
	stop()
	require.NoError(s.t, <-done)
}

func TestUsageIsBilledOnceWhenTheProcessIsKilledBetweenCallAndCommit(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	url, pool := s.database()
	store := s.store(pool)
	o := s.owners(1)[0]
	s.introduce(s.open(store))
	kills := 4
	if soak() {
		kills = 60
	}
	var want int64
	for k := range kills {
		want += int64(k + 1)
		report := entitlements.UsageReport{Tenant: o.tenant, Meter: calls, Start: s.fake.Now().Add(-2 * hour), Quantity: int64(k + 1)}
		require.NoError(t, s.open(store).ReportUsage(t.Context(), report))
		s.fake.Fail(entitlementstest.Fault{Path: "/v1/billing/meter_events", Cut: entitlementstest.Hang})
		before := s.fake.Calls()[meterEvents]
		child := s.startChild(url)
		require.Eventually(t, func() bool { return s.fake.Calls()[meterEvents] > before }, 30*time.Second, time.Millisecond)
		child.Kill() // in the middle of the call, or of what follows on it
		s.fake.Heal()
		if k%2 == 0 {
			s.fake.ForgetKeys()
		}
		s.fake.Advance(hour + hour/2) // the lines that the dead process took are due again
		if k%8 == 7 {
			s.round(store) // before the oldest line, at which every process was killed, is a day old
		}
	}
	s.round(store)
	require.Equal(t, want, s.billed(o))
	lines, err := store.UsageLines(t.Context(), entitlements.UsageLineQuery{State: entitlements.UsageSent})
	require.NoError(t, err)
	require.Len(t, lines, kills)
}
