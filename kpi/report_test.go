package kpi_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/kpi"
)

const day = 24 * time.Hour

func read(t *testing.T, s kpi.Store, k kpi.KPI, q kpi.Query) kpi.Report {
	t.Helper()
	r, err := board(s, noon).Preview(t.Context(), k, q)
	require.NoError(t, err)
	return r
}

// Partners are invited, and most are onboarded days later. Who was onboarded still counts as invited, and who was
// invited again counts once.
func TestInviteToOnboardNeverPassesAHundredPercent(t *testing.T) {
	t.Parallel()
	s := kpi.NewMemoryStore(nil)
	for i := range 60 {
		partner := map[string]any{"partner_id": fmt.Sprint("p", i%50)}
		invited, onboarded := event("directory_invited", "ann", noon.Add(-time.Duration(i)*day)), event("directory_onboarded", "bob", noon.Add(-time.Duration(i-2)*day))
		invited.Properties, onboarded.Properties = partner, partner
		track(t, s, invited)
		if i%3 > 0 && i > 2 {
			track(t, s, onboarded, onboarded)
		}
	}
	r := read(t, s, kpi.DirectoryOnboard("Europe/Berlin", 14*kpi.Day), kpi.Query{})
	var invited int64
	for _, p := range r.Points {
		require.LessOrEqual(t, p.Count, p.Sample, p.Date)
		require.LessOrEqual(t, p.Value, 1.0)
		invited += p.Sample
	}
	require.Equal(t, int64(50), invited)
	require.Positive(t, r.Total.Count)
	require.Less(t, r.Total.Sample, invited, "the total is of mature cohorts")
}

func TestImmaturePeriodsAreMarked(t *testing.T) {
	t.Parallel()
	s := kpi.NewMemoryStore(nil)
	for i := range 10 {
		track(t, s, event("start", fmt.Sprint("u", i), noon.Add(-time.Duration(i)*day)))
		track(t, s, event("done", fmt.Sprint("u", i), noon.Add(-time.Duration(i)*day+time.Hour)))
	}
	conversion := kpi.KPI{Name: "c", Last: 10, Conversion: &kpi.Conversion{Start: kpi.On("start"), Convert: kpi.On("done"), Window: 3 * kpi.Day}}
	var immature []string
	r := read(t, s, conversion, kpi.Query{})
	for _, p := range r.Points {
		if p.Immature {
			immature = append(immature, p.Date)
		}
	}
	require.Equal(t, []string{"2026-03-27", "2026-03-28", "2026-03-29", "2026-03-30"}, immature)
	require.Equal(t, int64(6), r.Total.Sample)
	require.Equal(t, time.Hour, r.Points[0].Mean)
	cohort := kpi.KPI{Name: "k", Last: 5, Cohort: &kpi.Cohort{
		Start: kpi.On("start"), Convert: kpi.On("done"), Window: 3 * kpi.Day, Every: kpi.Day,
	}}
	p := read(t, s, cohort, kpi.Query{}).Points[2] // the 28th: the first day after is over, the second is not
	require.Equal(t, []bool{false, true, true}, []bool{p.Ages[0].Immature, p.Ages[1].Immature, p.Ages[2].Immature})
	require.Equal(t, kpi.Stage{Label: "0s–1d", Count: 1, Share: 1}, p.Ages[0])
}

func TestSumsAreExact(t *testing.T) {
	t.Parallel()
	s := kpi.NewMemoryStore(nil)
	for i, amount := range []any{0.1, 0.2, 1e11, -1e11, 0.3, "12", nil, 1e13} {
		e := event("paid", fmt.Sprint(i), noon.Add(-time.Hour))
		e.Properties = map[string]any{"amount": amount}
		track(t, s, e)
	}
	k := kpi.KPI{Name: "s", Last: 1, Sum: &kpi.Sum{Of: kpi.On("paid"), Property: "amount"}}
	p := read(t, s, k, kpi.Query{}).Points[0]
	require.Equal(t, "0.6", p.Sum.String())
	require.Equal(t, []int64{8, 5}, []int64{p.Sample, p.Count})
	k.Sum.Average = true
	p = read(t, s, k, kpi.Query{}).Points[0]
	require.InDelta(t, 0.12, p.Value, 1e-12)
	require.Equal(t, int64(5), p.Sample)
}

func TestASumThatDoesNotFitIsAnError(t *testing.T) {
	t.Parallel()
	s := kpi.NewMemoryStore(nil)
	for range 10 {
		e := event("paid", "", noon.Add(-time.Hour))
		e.Properties = map[string]any{"amount": 1e12}
		track(t, s, e)
	}
	_, err := board(s, noon).Preview(t.Context(), kpi.KPI{Name: "s", Sum: &kpi.Sum{Of: kpi.On("paid"), Property: "amount"}}, kpi.Query{})
	require.ErrorIs(t, err, kpi.ErrSum)
	require.ErrorIs(t, err, tenon.ErrInvalid)
}

func TestARatioOfNothingIsUnknown(t *testing.T) {
	t.Parallel()
	s := kpi.NewMemoryStore(nil)
	track(t, s, event("a", "", noon.Add(-time.Hour)), event("a", "", noon.Add(-day)), event("b", "", noon.Add(-day)), event("b", "", noon.Add(-day)))
	k := kpi.KPI{Name: "r", Last: 2, Ratio: &kpi.Ratio{Of: kpi.Term{Of: kpi.On("a")}, Per: kpi.Term{Of: kpi.On("b")}}}
	r := read(t, s, k, kpi.Query{})
	require.True(t, r.Points[0].Known)
	require.Equal(t, 0.5, r.Points[0].Value)
	require.Equal(t, int64(2), r.Points[0].Sample)
	require.False(t, r.Points[1].Known)
	require.Zero(t, r.Points[1].Value)
}

func TestSeparateGroupsAndAllTogether(t *testing.T) {
	t.Parallel()
	s := kpi.NewMemoryStore(nil)
	for i, lane := range []string{"a", "b", "a"} {
		e := event("start", "ann", noon.Add(-time.Duration(i+1)*time.Hour))
		e.Properties = map[string]any{"lane": lane}
		track(t, s, e)
	}
	k := kpi.KPI{Name: "u", Last: 1, Unique: &kpi.Unique{Of: kpi.On("start"), Breakdown: "lane"}}
	require.Equal(t, int64(1), read(t, s, k, kpi.Query{}).Points[0].Count)
	split := read(t, s, k, kpi.Query{Split: true})
	require.Equal(t, []string{"a", "b"}, []string{split.Points[0].Group, split.Points[1].Group})
}

// A trial may be paid before it ends; one that runs has not ended.
func TestLeadLetsATrialBePaidBeforeItEnds(t *testing.T) {
	t.Parallel()
	s := kpi.NewMemoryStore(nil)
	for tenant, paid := range map[string]time.Time{
		"early": noon.Add(-12 * day), "late": noon.Add(-8 * day), "never": {}, "too early": noon.Add(-60 * day), "too late": noon.Add(-time.Hour),
	} {
		ended := event("trial_ended", "", noon.Add(-10*day))
		ended.Tenant = tenant
		track(t, s, ended)
		if !paid.IsZero() {
			p := event("paid", "", paid)
			p.Tenant = tenant
			track(t, s, p)
		}
	}
	track(t, s, event("trial_started", "", noon.Add(-day)))
	k := kpi.KPI{Name: "t", Grain: kpi.Weekly, Last: 13, Conversion: &kpi.Conversion{
		Start: kpi.On("trial_ended"), Convert: kpi.On("paid"), Subject: kpi.Tenant, Lead: 30 * kpi.Day, Window: 7 * kpi.Day,
	}}
	total := read(t, s, k, kpi.Query{}).Total
	require.Equal(t, []int64{2, 5}, []int64{total.Count, total.Sample})
}
