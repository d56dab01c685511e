package entitlementsstripe_test

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// metered is a trade with a tenant that has a subscription, and people who are told.
type metered struct {
	*trade
	told     *entitlementstest.Notifier
	customer string
}

func newMetered(t *testing.T) *metered {
	t.Helper()
	s := newShop(t, began())
	s.opts.Retries = -1
	told := &entitlementstest.Notifier{}
	store := entitlements.NewMemoryStore(&entitlements.MemoryOptions{Notifier: told})
	_, err := store.Declare(t.Context(), testCatalog(), s.fake.Now())
	require.NoError(t, err)
	m := &metered{trade: newTrade(t, s, store), told: told}
	m.customer = buyer(t, s, m.till, "acme")
	starts(t, m.till, entitlements.Order{Tenant: "acme", Plan: "pro"})
	m.pass(6 * hour)
	return m
}

// report says what was used in the hour that began so long ago.
func (m *metered) report(ago time.Duration, total int64) {
	m.t.Helper()
	m.reportAt(m.fake.Now().Add(-ago).Truncate(hour), total)
}

func (m *metered) reportAt(start time.Time, total int64) {
	m.t.Helper()
	u := entitlements.UsageReport{Tenant: "acme", Meter: calls, Start: start, Quantity: total}
	require.NoError(m.t, m.ReportUsage(m.t.Context(), u))
}

// bills fails unless Stripe bills so much in all.
func (m *metered) bills(want int64) {
	m.t.Helper()
	works(m.t, m.till)
	require.Empty(m.t, m.pending(m.store))
	require.Equal(m.t, want, m.fake.Usage(m.customer, "calls", time.Unix(0, 0), m.fake.Now().Add(day)))
}

func (m *metered) lines(state entitlements.UsageState) []entitlements.UsageLine {
	m.t.Helper()
	lines, err := m.store.UsageLines(m.t.Context(), entitlements.UsageLineQuery{State: state})
	require.NoError(m.t, err)
	return lines
}

func TestAReportIsBilledAndCorrected(t *testing.T) {
	t.Parallel()
	m := newMetered(t)
	start := m.fake.Now().Add(-2 * hour).Truncate(hour)
	for _, total := range []int64{10, 10, 25, 7, 0, 3, 3} {
		m.reportAt(start, total)
		m.bills(total)
	}
	require.Empty(t, m.told.Told())
}

func TestReportsBeforeTheFirstIsToldAddUp(t *testing.T) {
	t.Parallel()
	m := newMetered(t)
	start := m.fake.Now().Add(-2 * hour).Truncate(hour)
	for _, total := range []int64{10, 4, 12, 0, 9} {
		m.reportAt(start, total)
	}
	for range 12 {
		works(t, m.till)
	}
	m.bills(9)
}

func TestACorrectionAfterADayIsADifferenceNow(t *testing.T) {
	t.Parallel()
	m := newMetered(t)
	start := m.fake.Now().Add(-hour).Truncate(hour)
	m.reportAt(start, 10)
	m.bills(10)
	m.pass(30 * hour)
	m.reportAt(start, 4)
	m.bills(4)
	require.Zero(t, m.fake.Calls()["POST /v1/billing/meter_event_adjustments"], "Stripe takes nothing back after a day")
	lines := m.lines("")
	require.EqualValues(t, -6, lines[1].Quantity)
	require.Equal(t, m.fake.Now().Truncate(time.Second), lines[1].At.Truncate(time.Second))
	require.Equal(t, start, lines[0].At)
}

func TestUsageOfAPeriodThatIsInvoicedCountsInTheNext(t *testing.T) {
	t.Parallel()
	m := newMetered(t)
	end := m.entitlement(t, "acme").CurrentPeriodEnd
	m.pass(end.Sub(m.fake.Now()) - 2*hour)
	start := m.fake.Now().Truncate(hour)
	m.reportAt(start, 10)
	m.bills(10)
	m.pass(2*hour + 30*time.Minute)
	m.deliverAll()
	m.reportAt(start, 12)
	require.Equal(t, start, m.lines("")[1].At, "the invoice is a draft yet")
	m.bills(12)
	m.pass(hour)
	m.deliverAll()
	m.reportAt(start, 15)
	require.False(t, m.lines("")[2].At.Before(end))
	m.bills(15)
}

func TestUsageThatCannotBeBilledIsToldOfOnce(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(m *metered){
		"no_subscription": func(m *metered) {
			require.NoError(m.t, m.Cancel(m.t.Context(), entitlements.Cancellation{Tenant: "acme", When: entitlements.Now}))
		},
		"refused": func(m *metered) {
			m.fake.Fail(entitlementstest.Fault{Path: "/v1/billing/meter_events", Times: 100, Status: http.StatusBadRequest})
		},
		"never_answered": func(m *metered) {
			m.fake.Fail(entitlementstest.Fault{Path: "/v1/billing/meter_events", Times: 1000, Status: http.StatusInternalServerError})
			works(m.t, m.till)
			require.Len(m.t, m.lines(entitlements.UsagePending), 1, "it is tried again")
			m.pass(23*hour + time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMetered(t)
			m.report(2*hour, 10)
			spoil(m)
			works(t, m.till)
			require.Empty(t, m.lines(entitlements.UsagePending), "every line ends within a day")
			dead := m.lines(entitlements.UsageDead)
			require.Len(t, dead, 1)
			require.NotEmpty(t, dead[0].Error)
			require.Len(t, m.told.Told(), 1)
			require.Equal(t, "entitlements.usage_not_billed", m.told.Told()[0].Kind)
			require.EqualValues(t, 1, m.Stats().DeadUsage)
			works(t, m.till)
			require.Len(t, m.told.Told(), 1)
		})
	}
}

func TestUsageOfAMeterThatIsGoneIsToldOf(t *testing.T) {
	t.Parallel()
	m := newMetered(t)
	m.report(2*hour, 10)
	m.shop.opts.Meters = nil
	m.pass(time.Minute)
	works(t, m.till)
	dead := m.lines(entitlements.UsageDead)
	require.Len(t, dead, 1)
	require.Contains(t, dead[0].Error, "meter")
	require.Len(t, m.told.Told(), 1)
}

func TestUsageThatSomebodyTookAndLeftIsGivenUpInTime(t *testing.T) {
	t.Parallel()
	m := newMetered(t)
	m.report(2*hour, 10)
	m.pass(22*hour + 30*time.Minute)
	now, err := m.gate.Now(t.Context())
	require.NoError(t, err)
	taken, err := m.store.TakeUsage(t.Context(), now, now.Add(hour), 10) // by a process that dies
	require.NoError(t, err)
	require.Len(t, taken, 1)
	m.pass(40 * time.Minute)
	works(t, m.till)
	require.Len(t, m.lines(entitlements.UsageDead), 1, "it was not due, and Stripe would not know it again when it is")
	require.Len(t, m.told.Told(), 1)
	require.Zero(t, m.fake.Usage(m.customer, "calls", time.Unix(0, 0), m.fake.Now().Add(day)))
}

func TestWhatIsUsedWithoutASubscriptionIsNotReported(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	s.opts.Meters[0].Feature = calls
	x := newTrade(t, s, s.memory())
	visitor(t, x.till, "acme")   // who has no plan
	visitor(t, x.till, "globex") // who has one of the host's
	_, err := x.gate.Subscribe(t.Context(), entitlements.Subscription{Tenant: "globex", Plan: "free"})
	require.NoError(t, err)
	require.NoError(t, x.gate.Record(t.Context(), entitlements.Use{Tenant: "globex", Feature: calls, Quantity: 2}))
	x.pass(3 * hour)
	works(t, x.till)
	require.Empty(t, x.Stats().LastError)
	lines, err := x.store.UsageLines(t.Context(), entitlements.UsageLineQuery{})
	require.NoError(t, err)
	require.Empty(t, lines)
}

func TestTooManyCallsHoldAllBack(t *testing.T) {
	t.Parallel()
	m := newMetered(t)
	m.shop.opts.Retries = 2
	m.pass(0)
	m.fake.Fail(entitlementstest.Fault{Path: "/v1/billing/meter_events", Times: 2, Status: http.StatusTooManyRequests, RetryAfter: time.Second})
	before := m.fake.Calls()[meterEvents]
	m.report(2*hour, 10)
	m.bills(10)
	require.Equal(t, 3, m.fake.Calls()[meterEvents]-before)
	require.EqualValues(t, 2, m.Stats().Retries)
}

func TestRunReportsWhatWasUsed(t *testing.T) {
	t.Parallel()
	s := newShop(t, began())
	s.opts.Meters[0].Feature = calls
	x := newTrade(t, s, s.memory())
	customer := buyer(t, s, x.till, "acme")
	starts(t, x.till, entitlements.Order{Tenant: "acme", Plan: "pro"})
	use := func(quantity int64, key string, at time.Time) {
		require.NoError(t, x.gate.Record(t.Context(), entitlements.Use{Tenant: "acme", Feature: calls, Quantity: quantity, Key: key, At: at}))
	}
	first := s.fake.Now().Add(10 * time.Minute)
	x.pass(20 * time.Minute)
	use(5, "a", first)
	use(7, "b", first.Add(time.Minute))
	bills := func(want int64) {
		t.Helper()
		works(t, x.till)
		require.Equal(t, want, s.fake.Usage(customer, "calls", time.Unix(0, 0), s.fake.Now().Add(day)))
	}
	bills(0)
	x.pass(hour)
	bills(12)
	use(3, "late", first)
	use(1, "now", s.fake.Now())
	x.pass(0)
	bills(15)
	x.pass(hour)
	bills(16)
	_, err := x.gate.Correct(t.Context(), entitlements.Correction{Tenant: "acme", Key: "b"})
	require.NoError(t, err)
	x.pass(0)
	bills(9)
	require.Empty(t, x.pending(x.store))
}

func TestAnyReportsInAnyOrderAreBilledByTheLast(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		m := newMetered(t)
		r := rand.New(rand.NewPCG(seed, 3))
		starts := m.fake.Now().Add(-3 * hour).Truncate(hour)
		last := map[time.Time]int64{}
		for range 25 {
			at := starts.Add(time.Duration(r.IntN(3)) * hour)
			last[at] = r.Int64N(20)
			m.reportAt(at, last[at])
			switch r.IntN(4) {
			case 0:
				works(t, m.till)
			case 1:
				m.pass(time.Duration(r.IntN(9)) * hour)
			}
		}
		var want int64
		for _, n := range last {
			want += n
		}
		for range 12 {
			m.pass(hour)
			works(t, m.till)
		}
		m.bills(want)
		require.Empty(t, m.told.Told(), "seed %d", seed)
	}
}

func TestAReportThatCannotBeRightIsRefused(t *testing.T) {
	t.Parallel()
	m := newMetered(t)
	good := entitlements.UsageReport{Tenant: "acme", Meter: calls, Start: m.fake.Now(), Quantity: 1}
	for _, c := range []struct {
		name, field string
		spoil       func(*entitlements.UsageReport)
	}{
		{"of nobody", "tenant", func(u *entitlements.UsageReport) { u.Tenant = "" }},
		{"of an unknown meter", "meter", func(u *entitlements.UsageReport) { u.Meter = "none" }},
		{"of no time", "start", func(u *entitlements.UsageReport) { u.Start = time.Time{} }},
		{"of less than nothing", "quantity", func(u *entitlements.UsageReport) { u.Quantity = -1 }},
		{"of too much", "quantity", func(u *entitlements.UsageReport) { u.Quantity = entitlements.MaxQuantity + 1 }},
	} {
		u := good
		c.spoil(&u)
		refused(t, m.ReportUsage(t.Context(), u), c.field, c.name)
	}
	good.Tenant = "stranger"
	require.ErrorIs(t, m.ReportUsage(t.Context(), good), entitlements.ErrUnknownCustomer)
	require.Empty(t, m.lines(""))
}
