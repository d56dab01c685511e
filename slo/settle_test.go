package slo_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/slo"
)

func TestWhenEverythingBreaksAtOnceItIsToldAndFreezes(t *testing.T) {
	t.Parallel()
	told := map[string]int{}
	store := clocked{slo.NewMemoryStore(&slo.MemoryOptions{
		Notifier: notify.Func(func(_ context.Context, n tenon.Notification) error {
			told[n.Kind]++
			return notify.Check(n) // as every outbox does
		}),
	}), new(morning.Add(-day))}
	board := slo.NewBoard(store, nil)
	var all []slo.Objective
	var minutes []slo.Minute
	for i := range 1000 {
		o := uptime()
		o.Tenant, o.Name = fmt.Sprintf("%0255d", i), strings.Repeat("n", 200)
		all, minutes = append(all, o), append(minutes, minute(o, morning.Add(-time.Minute), 0, 1000))
	}
	_, err := board.Define(t.Context(), all...)
	require.NoError(t, err)
	require.NoError(t, store.Record(t.Context(), minutes))
	*store.now = morning
	r, err := slo.NewBoard(store, nil).Evaluate(t.Context())
	require.NoError(t, err)
	require.True(t, r.Freeze.Frozen)
	require.Len(t, r.Freeze.Because, 1000)
	require.Equal(t, 1, told["slo.freeze"])
	require.GreaterOrEqual(t, told["slo.alert"], 1000)
}

func TestWhatNoReceiverWouldTakeIsRefusedWhenItIsDefined(t *testing.T) {
	t.Parallel()
	board, _ := place(t, uptime())
	for field, spoil := range map[string]func(o *slo.Objective){
		"name":           func(o *slo.Objective) { o.Name = "\xff" },
		"tenant":         func(o *slo.Objective) { o.Tenant = strings.Repeat("t", 256) },
		"description":    func(o *slo.Objective) { o.Description = "\x00" },
		"tiers.severity": func(o *slo.Objective) { o.Tiers = []slo.Tier{{14_400, time.Hour, 5 * time.Minute, "page"}} },
	} {
		o := uptime()
		spoil(&o)
		_, err := board.Define(t.Context(), o)
		require.ErrorIs(t, err, tenon.ErrInvalid, field)
		require.ErrorContains(t, err, field)
	}
	_, err := board.Exclude(t.Context(), slo.Exclusion{From: morning, To: morning.Add(time.Hour), Reason: "\x00"})
	require.ErrorIs(t, err, tenon.ErrInvalid)
	_, err = slo.NewReleasePolicy(board).Override(t.Context(), morning.Add(time.Hour), "\xff")
	require.ErrorIs(t, err, tenon.ErrInvalid)
}

// absent says whether the absence alert of the only objective is open, to a board that has just been made.
func absent(t *testing.T, store slo.Store) bool {
	t.Helper()
	r, err := slo.NewBoard(store, nil).Evaluate(t.Context())
	require.NoError(t, err)
	for _, e := range r.Statuses[0].Alerts {
		if e.Alert == slo.AlertAbsence {
			return true
		}
	}
	return false
}

func TestMaintenanceEachNightHidesNoSilence(t *testing.T) {
	t.Parallel()
	board, store := place(t, uptime())
	_, err := board.Exclude(t.Context(), slo.Exclusion{
		From: morning.Add(-30*day - 6*time.Hour), To: morning.Add(-30*day - 5*time.Hour), Repeat: slo.EachDay,
		Until: morning.Add(300 * day), Reason: "backups",
	})
	require.NoError(t, err)
	heard := morning.Add(-24*time.Hour - 30*time.Minute)
	require.NoError(t, store.Record(t.Context(), []slo.Minute{minute(uptime(), heard, 1, 1)}))
	require.False(t, absent(t, store), "23 and a half hours count, and one was excluded")
	*store.now = morning.Add(31 * time.Minute)
	require.True(t, absent(t, store))
}

func TestAnExclusionEndsNoAbsence(t *testing.T) {
	t.Parallel()
	o := uptime()
	o.Absence = 10 * time.Minute
	board, store := place(t, o)
	require.NoError(t, store.Record(t.Context(), []slo.Minute{minute(o, morning.Add(-time.Hour), 1000, 1000)}))
	require.True(t, absent(t, store))
	_, err := board.Exclude(t.Context(), slo.Exclusion{From: morning, To: morning.Add(time.Hour), Reason: "repairs"})
	require.NoError(t, err)
	for range 6 {
		*store.now = store.now.Add(20 * time.Minute)
		require.True(t, absent(t, store), "nothing was counted yet")
	}
	require.NoError(t, store.Record(t.Context(), []slo.Minute{minute(o, store.now.Add(-time.Minute), 1, 1)}))
	require.False(t, absent(t, store))
}

func TestAnAbsenceAlertThatIsSwitchedOffEnds(t *testing.T) {
	t.Parallel()
	o := uptime()
	board, store := place(t, o)
	require.True(t, absent(t, store))
	o.Absence = -1
	_, err := board.Define(t.Context(), o)
	require.NoError(t, err)
	require.False(t, absent(t, store))
}

func TestWhatIsAlwaysExcludedIsNotAbsent(t *testing.T) {
	t.Parallel()
	board, store := place(t, uptime())
	_, err := board.Exclude(t.Context(), slo.Exclusion{
		From: morning.AddDate(-20, 0, 0), To: morning.Add(day), Reason: "not in service",
	})
	require.NoError(t, err)
	require.False(t, absent(t, store))
}

func TestExclusionsThatAreLongOverGo(t *testing.T) {
	t.Parallel()
	board, store := place(t, uptime())
	for i := range 20 {
		*store.now = morning.Add(time.Duration(i) * 100 * day)
		board = slo.NewBoard(store, nil)
		_, err := board.Exclude(t.Context(), slo.Exclusion{From: *store.now, To: store.now.Add(time.Hour), Reason: "repairs"})
		require.NoError(t, err)
	}
	left, err := board.Exclusions(t.Context())
	require.NoError(t, err)
	require.Len(t, left, 5)
	require.Equal(t, morning.Add(1500*day), left[0].From)
}

func TestReleasesDoNotFlapWhenTheyWouldThawAboveWhereTheyFreeze(t *testing.T) {
	t.Parallel()
	_, store := place(t, uptime())
	board := slo.NewBoard(store, &slo.Options{FreezeAbove: slo.Whole / 2, ThawAt: slo.Whole})
	require.NoError(t, store.Record(t.Context(), []slo.Minute{minute(uptime(), morning.Add(-time.Minute), 99_940, 100_000)}))
	for range 4 {
		r, err := board.Evaluate(t.Context())
		require.NoError(t, err)
		require.True(t, r.Freeze.Frozen)
	}
}

// overtaken is a store in which something is done before the next change.
type overtaken struct {
	clocked
	first func()
}

func (s *overtaken) Change(ctx context.Context, edit slo.Edit) (*slo.State, error) {
	if f := s.first; f != nil {
		s.first = nil
		f()
	}
	return s.clocked.Change(ctx, edit)
}

func TestAnObjectiveThatIsRetiredMeanwhileNeitherAlertsNorFreezes(t *testing.T) {
	t.Parallel()
	for name, anew := range map[string]bool{"retired": false, "retired_and_defined_anew": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			board, store := place(t, uptime())
			require.NoError(t, store.Record(t.Context(), []slo.Minute{minute(uptime(), morning.Add(-time.Minute), 0, 1000)}))
			meanwhile := func() {
				require.NoError(t, board.Retire(t.Context(), uptime().Key, "no longer promised"))
				if anew {
					milder := uptime()
					milder.Advisory = true
					_, err := board.Define(t.Context(), milder)
					require.NoError(t, err)
				}
			}
			r, err := slo.NewBoard(&overtaken{store, meanwhile}, nil).Evaluate(t.Context())
			require.NoError(t, err)
			require.False(t, r.Freeze.Frozen)
			state, err := store.Load(t.Context())
			require.NoError(t, err)
			require.Empty(t, state.Episodes)
		})
	}
}

// A new version is not what was looked at; what it makes of the budget, the next evaluation knows.
func TestReleasesStayFrozenWhileAnObjectiveIsDefinedAnew(t *testing.T) {
	t.Parallel()
	board, store := place(t, uptime())
	require.NoError(t, store.Record(t.Context(), []slo.Minute{minute(uptime(), morning.Add(-time.Minute), 0, 1000)}))
	_, err := board.Evaluate(t.Context())
	require.NoError(t, err)
	require.NoError(t, store.Record(t.Context(), []slo.Minute{minute(uptime(), morning.Add(-time.Hour), 10_000_000, 10_000_000)}))
	r, err := slo.NewBoard(&overtaken{store, func() {
		stricter := uptime()
		stricter.Target = 999_999
		_, err := board.Define(t.Context(), stricter)
		require.NoError(t, err)
	}}, nil).Evaluate(t.Context())
	require.NoError(t, err)
	require.True(t, r.Freeze.Frozen, "of the old target a tenth is consumed, of the new one all")
	r, err = board.Evaluate(t.Context())
	require.NoError(t, err)
	require.True(t, r.Freeze.Frozen)
}

func TestABurnAlertEndsWithItsTier(t *testing.T) {
	t.Parallel()
	board, store := place(t, monthly())
	var minutes []slo.Minute
	for ago := time.Minute; ago <= time.Hour; ago += time.Minute {
		minutes = append(minutes, minute(monthly(), morning.Add(-ago), 50, 100))
	}
	require.NoError(t, store.Record(t.Context(), minutes))
	burning := func() (found []string) {
		r, err := board.Evaluate(t.Context())
		require.NoError(t, err)
		for _, e := range r.Statuses[0].Alerts {
			if e.Alert == slo.AlertBurn {
				found = append(found, e.Signal)
			}
		}
		return found
	}
	require.Equal(t, []string{"14.4 over 1h0m0s and 5m0s"}, burning())
	none := monthly()
	none.Tiers = []slo.Tier{}
	_, err := board.Define(t.Context(), none)
	require.NoError(t, err)
	require.Empty(t, burning(), "nothing can say any more that it is over")
}
