package support_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/support"
)

func TestTheLongestSpansAreAddedWithoutOverflow(t *testing.T) {
	t.Parallel()
	c, err := support.NewCalendar(support.Hours{Zone: "UTC", Week: support.EveryDay(span("00:00-24:00"))})
	require.NoError(t, err)
	from := time.Date(2026, 12, 30, 12, 0, 0, 0, time.UTC)
	late := c.Add(from, math.MaxInt64)
	require.EqualValues(t, math.MaxInt64, c.Between(from, late))
	for _, d := range []time.Duration{-math.MaxInt64, math.MinInt64} {
		require.EqualValues(t, math.MaxInt64, c.Between(c.Add(from, d), from), "the least is taken for the least but one")
	}
}

func TestWhatLiesOutsideOfTheYearsIsTheirFirstOrLastInstant(t *testing.T) {
	t.Parallel()
	c, err := support.NewCalendar(support.Hours{Zone: "UTC", Week: support.EveryDay(span("00:00-24:00"))})
	require.NoError(t, err)
	require.NoError(t, c.Hours().Check())
	first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
	before, after := first.AddDate(-3, 0, 0), last.AddDate(3, 0, 0)
	eve, dawn := time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC), first.Add(time.Hour)
	for _, at := range []struct {
		from time.Time
		add  time.Duration
		want time.Time
	}{
		{eve, 59 * time.Minute, eve.Add(59 * time.Minute)},
		{eve, time.Hour, last},
		{eve, 2 * time.Hour, last},
		{eve, math.MaxInt64, last},
		{after, time.Hour, last},
		{after, -time.Hour, eve},
		{dawn, -time.Minute, dawn.Add(-time.Minute)},
		{dawn, -time.Hour, first},
		{dawn, -2 * time.Hour, first},
		{dawn, math.MinInt64, first},
		{before, -time.Hour, first},
		{before, time.Hour, dawn},
	} {
		got := c.Add(at.from, at.add)
		require.Equal(t, at.want, got, "%s + %s", at.from, at.add)
		_, err := json.Marshal(got)
		require.NoError(t, err)
	}
	require.Equal(t, time.Hour, c.Between(eve, after))
	require.Equal(t, time.Hour, c.Between(before, dawn))
	for _, at := range []time.Time{before, after} {
		require.False(t, c.IsOpen(at))
		require.Zero(t, c.Between(at, at.Add(time.Hour)))
	}
}

func TestHolidaysOfTheTwentyNinthOfFebruaryOverlapWithNothingElse(t *testing.T) {
	t.Parallel()
	h := support.Hours{Zone: "UTC", Week: support.EveryDay(span("00:00-24:00")), Holidays: []support.Holiday{
		{Name: "leap", From: "2024-02-29", Yearly: true}, {Name: "spring", From: "2024-03-01", Yearly: true},
	}}
	c, err := support.NewCalendar(h)
	require.NoError(t, err)
	day := func(year int, m time.Month, d int) time.Time { return time.Date(year, m, d, 12, 0, 0, 0, time.UTC) }
	require.False(t, c.IsOpen(day(2028, 2, 29)))
	require.False(t, c.IsOpen(day(2027, 3, 1)))
	require.True(t, c.IsOpen(day(2027, 2, 28)))
	h.Holidays = []support.Holiday{
		{Name: "winter", From: "2024-02-20", To: "2024-02-29", Yearly: true}, {Name: "clash", From: "2027-02-28"},
	}
	_, err = support.NewCalendar(h)
	require.ErrorIs(t, err, tenon.ErrInvalid)
}

func TestHoursThatEndInAHolidayForEverAreAlwaysClosed(t *testing.T) {
	t.Parallel()
	_, err := support.NewCalendar(support.Hours{
		Zone: "UTC", Week: support.EveryDay(span("09:00-17:00")), Holidays: []support.Holiday{{Name: "x", From: "2026-01-01", To: "9999-12-31"}},
	})
	require.ErrorIs(t, err, tenon.ErrInvalid)
}

func TestNamesInRulesAreTextThatAStoreCanKeep(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"on\x00call", "on\xffcall", string(make([]byte, 300))} {
		step, policy, plan := support.DefaultRules(), support.DefaultRules(), support.DefaultRules()
		step.Policies[0].Ladders = map[support.Priority][]support.Step{support.P1: {{Name: name, After: time.Hour}}}
		require.ErrorIs(t, step.Check(), tenon.ErrInvalid, "a step")
		policy.Policies[0].Name, policy.Default = name, name
		require.ErrorIs(t, policy.Check(), tenon.ErrInvalid, "a policy")
		plan.Plans = map[string]string{name: "standard"}
		require.ErrorIs(t, plan.Check(), tenon.ErrInvalid, "a plan")
	}
}

func TestTimersWithOptionsBelowZeroTakeTheDefaults(t *testing.T) {
	t.Parallel()
	store := support.NewMemoryStore(nil)
	failed, ctx := make(chan struct{}, 1), t.Context()
	running, stop := context.WithCancel(ctx)
	timers, err := support.NewTimers(store, support.Work{"x": {Each: func(context.Context, support.Store, support.Timer) error {
		failed <- struct{}{}
		return errors.New("no")
	}}}, &support.TimersOptions{Lease: -1, Backoff: -1, MaxBackoff: -1, Poll: -1, Drain: -1})
	require.NoError(t, err)
	ref := support.TimerRef{Tenant: "acme", Key: "x"}
	require.NoError(t, timers.Schedule(ctx, support.Timer{TimerRef: ref, At: time.Now().Add(-time.Hour), Kind: "x"}))
	ended := make(chan error, 1)
	go func() { ended <- timers.Run(running) }()
	<-failed
	require.Eventually(t, func() bool { return timers.Stats().Failed == 1 }, 30*time.Second, time.Millisecond)
	stop()
	require.NoError(t, <-ended)
}

func TestAFindingOfNoYearIsRefused(t *testing.T) {
	t.Parallel()
	findings := support.NewFindings(support.NewMemoryStore(nil), nil)
	_, err := findings.Report(t.Context(), support.NewFinding{
		Title: "x", Severity: support.Low, FoundAt: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC),
	})
	require.ErrorIs(t, err, tenon.ErrInvalid)
}
