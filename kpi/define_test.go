package kpi_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/kpi"
)

func TestBadDefinitionsAreRefused(t *testing.T) {
	t.Parallel()
	step, long := kpi.On("a"), strings.Repeat("x", 201)
	count := &kpi.Count{Of: step}
	b := board(kpi.NewMemoryStore(nil), noon)
	for what, k := range map[string]kpi.KPI{
		"no name":                     {Count: count},
		"a long name":                 {Name: long, Count: count},
		"a name of no UTF-8":          {Name: "\xff", Count: count},
		"a long description":          {Name: "k", Description: strings.Repeat("x", 2001), Count: count},
		"nothing to count":            {Name: "k"},
		"two things to count":         {Name: "k", Count: count, Unique: &kpi.Unique{Of: step}},
		"an unknown zone":             {Name: "k", Count: count, Zone: "Mars/Olympus"},
		"an unknown grain":            {Name: "k", Count: count, Grain: "fortnight"},
		"too many periods":            {Name: "k", Count: count, Last: 1e6},
		"a goal of no number":         {Name: "k", Count: count, Goal: &kpi.Goal{Target: nan()}},
		"a negative sample":           {Name: "k", Count: count, Goal: &kpi.Goal{MinSample: -1}},
		"a step without names":        {Name: "k", Count: &kpi.Count{}},
		"an empty name in a step":     {Name: "k", Count: &kpi.Count{Of: kpi.On("")}},
		"a long name in a step":       {Name: "k", Count: &kpi.Count{Of: kpi.On(long)}},
		"an unknown operator":         {Name: "k", Count: &kpi.Count{Of: step.If(kpi.Filter{Property: "p", Op: "like"})}},
		"a filter's number":           {Name: "k", Count: &kpi.Count{Of: step.If(kpi.Filter{Property: "p", Op: kpi.Less, Number: 2e18})}},
		"a filter of nothing":         {Name: "k", Count: &kpi.Count{Of: step.If(kpi.Filter{Op: kpi.Has})}},
		"in nothing":                  {Name: "k", Count: &kpi.Count{Of: step.If(kpi.Filter{Property: "p", Op: kpi.In})}},
		"a sum of nothing":            {Name: "k", Sum: &kpi.Sum{Of: step}},
		"half a ratio":                {Name: "k", Ratio: &kpi.Ratio{Of: kpi.Term{Of: step}}},
		"a negative window":           {Name: "k", Conversion: &kpi.Conversion{Start: step, Convert: step, Window: -kpi.Hour}},
		"a window of a century":       {Name: "k", Conversion: &kpi.Conversion{Start: step, Convert: step, Window: 36500 * kpi.Day}},
		"a window of nanoseconds":     {Name: "k", Conversion: &kpi.Conversion{Start: step, Convert: step, Window: 1}},
		"a cohort without a window":   {Name: "k", Cohort: &kpi.Cohort{Start: step, Convert: step}},
		"ages that do not fit":        {Name: "k", Cohort: &kpi.Cohort{Start: step, Convert: step, Window: 7 * kpi.Day, Every: 2 * kpi.Day}},
		"too many ages":               {Name: "k", Cohort: &kpi.Cohort{Start: step, Convert: step, Window: 300 * kpi.Day, Every: kpi.Day}},
		"a funnel of one step":        {Name: "k", Funnel: &kpi.Funnel{Steps: []kpi.Step{step}}},
		"a funnel of eleven steps":    {Name: "k", Funnel: &kpi.Funnel{Steps: make([]kpi.Step, 11)}},
		"an unknown order":            {Name: "k", Funnel: &kpi.Funnel{Steps: []kpi.Step{step, step}, Order: "any"}},
		"an unknown policy for ties":  {Name: "k", Funnel: &kpi.Funnel{Steps: []kpi.Step{step, step}, Ties: "luck"}},
		"an exclusion without a name": {Name: "k", Funnel: &kpi.Funnel{Steps: []kpi.Step{step, step}, Exclude: []kpi.Step{{}}}},
	} {
		require.ErrorIs(t, b.Define(t.Context(), k), tenon.ErrInvalid, what)
		_, err := b.Preview(t.Context(), k, kpi.Query{})
		require.ErrorIs(t, err, tenon.ErrInvalid, what)
	}
	require.ErrorIs(t, b.Define(t.Context(), counted, counted), tenon.ErrInvalid)
	all, err := b.KPIs(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
}

func nan() (f float64) { return f / f }

const definitions = `{
  "kpis": [
    {"name": "quote_book", "title": "Quote → book", "zone": "Europe/Berlin", "last": 30,
     "conversion": {"start": {"events": ["quote_sent"]}, "convert": {"events": ["quote_accepted"]}, "subject": "quote_id", "window": "14d"},
     "goal": {"target": 0.25, "min_sample": 20}},
    {"name": "large", "grain": "week",
     "count": {"of": {"events": ["load_booked"], "where": [{"property": "booking_value", "op": "ge", "number": 1000.5}]}}},
    {"name": "to_load", "funnel": {"steps": [{"events": ["quote_created"]}, {"events": ["load_booked"]}], "window": "36h", "order": "strict",
     "exclude": [{"events": ["quote_withdrawn"]}], "ties": "steps"}}
  ],
  "events": {
    "quote_sent": {"properties": {"quote_id": {"type": "text", "required": true}, "recipients": {"type": "number"}, "email": {"type": "text", "personal": true}}}
  }
}`

func TestDefinitionsAreReadFromJSON(t *testing.T) {
	t.Parallel()
	defs, err := kpi.ParseDefinitions(strings.NewReader(definitions))
	require.NoError(t, err)
	require.Equal(t, 14*kpi.Day, defs.KPIs[0].Conversion.Window)
	require.Equal(t, kpi.Amount(1_000_500_000), defs.KPIs[1].Count.Of.Where[0].Number)
	require.Equal(t, 36*kpi.Hour, defs.KPIs[2].Funnel.Window)
	require.Equal(t, []string{"email"}, defs.Registry().Personal("quote_sent"))
	again, err := json.Marshal(defs)
	require.NoError(t, err)
	back, err := kpi.ParseDefinitions(bytes.NewReader(again))
	require.NoError(t, err)
	require.Equal(t, defs, back)
	require.NoError(t, board(kpi.NewMemoryStore(nil), noon).Define(t.Context(), defs.KPIs...))
}

func TestBadFilesAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, `[]`, `{"kpi": []}`, `{} {}`, `{"kpis": [{"name": "a"}]}`, `{"kpis": [{"name": "a", "count": {"of": {"events": ["e"]}, "window": "1d"}}]}`,
		`{"kpis": [{"name": "a", "count": {"of": {"events": ["e"]}}}, {"name": "a", "count": {"of": {"events": ["e"]}}}]}`,
		`{"events": {"e": {"properties": {"p": {"type": "date"}}}}}`, `{"events": {"": {}}}`,
		`{"kpis": [{"name": "a", "conversion": {"start": {"events": ["e"]}, "convert": {"events": ["e"]}, "window": "2 weeks"}}]}`,
		`{"kpis": [{"name": "a", "conversion": {"start": {"events": ["e"]}, "convert": {"events": ["e"]}, "window": "99999999999d"}}]}`,
	} {
		_, err := kpi.ParseDefinitions(strings.NewReader(text))
		require.ErrorIs(t, err, tenon.ErrInvalid, text)
		require.ErrorContains(t, err, "kpi: ", text)
	}
}

func FuzzParseDefinitions(f *testing.F) {
	f.Add(definitions)
	f.Add(`{"kpis": [{"name": "a", "sum": {"of": {"events": ["e"]}, "property": "p"}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		defs, err := kpi.ParseDefinitions(strings.NewReader(text))
		if err != nil {
			require.ErrorIs(t, err, tenon.ErrInvalid)
			return
		}
		again, err := json.Marshal(defs)
		require.NoError(t, err)
		back, err := kpi.ParseDefinitions(bytes.NewReader(again))
		require.NoError(t, err)
		third, err := json.Marshal(back)
		require.NoError(t, err)
		require.Equal(t, string(again), string(third))
	})
}

func FuzzTrack(f *testing.F) {
	f.Add("acme", "quote_sent", "k", `{"amount": 1.5, "lane": "a"}`, int64(1774872000))
	f.Add("a\x00", "\xff", "", `{"a": 1e400}`, int64(-1))
	f.Fuzz(func(t *testing.T, tenant, name, key, properties string, unix int64) {
		e := kpi.Event{Tenant: tenant, Name: name, Key: key, At: time.Unix(unix, 0)}
		if json.Unmarshal([]byte(properties), &e.Properties) != nil {
			return
		}
		s := kpi.NewMemoryStore(nil)
		quarantine := kpi.NewTracker(still{s, noon}, &kpi.TrackerOptions{Unfit: kpi.Quarantine})
		receipts, err := quarantine.Track(t.Context(), e)
		require.NoError(t, err)
		require.Contains(t, []kpi.Outcome{kpi.Accepted, kpi.Quarantined}, receipts[0].Outcome)
		_, err = tracker(kpi.NewMemoryStore(nil), noon).Track(t.Context(), e)
		if receipts[0].Outcome == kpi.Quarantined {
			require.ErrorIs(t, err, tenon.ErrInvalid)
			require.NotEmpty(t, receipts[0].Reason)
			return
		}
		require.NoError(t, err)
		events, err := json.Marshal(e.Properties)
		require.NoError(t, err)
		require.True(t, json.Valid(events))
	})
}

func TestRegistryRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	defs, err := kpi.ParseDefinitions(strings.NewReader(definitions))
	require.NoError(t, err)
	strict := kpi.NewTracker(kpi.NewMemoryStore(nil), &kpi.TrackerOptions{Registry: defs.Registry()})
	for reason, properties := range map[string]map[string]any{
		`properties.quote_id: is missing`:        {"recipients": 2},
		`properties.quote_id: is no text`:        {"quote_id": 7},
		`properties.recipients: is no number`:    {"quote_id": "q", "recipients": "two"},
		`properties: "colour" is not registered`: {"quote_id": "q", "colour": "red"},
	} {
		_, err := strict.Track(t.Context(), kpi.Event{Tenant: "acme", Name: "quote_sent", Properties: properties})
		require.ErrorIs(t, err, tenon.ErrInvalid)
		require.ErrorContains(t, err, reason)
	}
	_, err = strict.Track(t.Context(), kpi.Event{Tenant: "acme", Name: "other"})
	require.ErrorContains(t, err, `name: "other" is not registered`)
	_, err = strict.Track(t.Context(), kpi.Event{Tenant: "acme", Name: "quote_sent", Properties: map[string]any{"quote_id": "q", "recipients": nil}})
	require.NoError(t, err)
	_, err = strict.Correct(t.Context(), kpi.Event{Tenant: "acme", Name: "other", Key: "k"})
	require.ErrorIs(t, err, tenon.ErrInvalid)
	_, err = strict.Correct(t.Context(), kpi.Event{Tenant: "acme", Name: "quote_sent"})
	require.ErrorContains(t, err, "key: is empty")
}

func TestExplain(t *testing.T) {
	t.Parallel()
	s := kpi.NewMemoryStore(nil)
	defs, err := kpi.ParseDefinitions(strings.NewReader(definitions))
	require.NoError(t, err)
	b := board(s, noon)
	require.NoError(t, b.Define(t.Context(), defs.KPIs...))
	more := []kpi.KPI{
		{Name: "average", Description: "What a load brings.", Sum: &kpi.Sum{Of: kpi.On("load_booked"), Property: "booking_value", Average: true, Breakdown: "lane"}},
		{Name: "users", Grain: kpi.Monthly, Unique: &kpi.Unique{Of: kpi.On("quote_sent", "quote_accepted")}},
		{Name: "per_load", Grain: kpi.Whole, Ratio: &kpi.Ratio{Of: kpi.Term{Of: kpi.On("a"), Property: "n"}, Per: kpi.Term{Of: kpi.On("b")}}},
		{Name: "return", Cohort: &kpi.Cohort{Start: kpi.On("a"), Convert: kpi.On("b"), Window: 28 * kpi.Day, Every: 7 * kpi.Day}},
	}
	require.NoError(t, b.Define(t.Context(), more...))
	var text strings.Builder
	for _, k := range append(defs.KPIs, more...) {
		e, err := b.Explain(t.Context(), kpi.Query{KPI: k.Name, Split: k.Sum != nil})
		require.NoError(t, err)
		text.WriteString(k.Name + ": " + e.Words + "\n\n")
	}
	golden(t, "explain", text.String())
	_, err = b.Explain(t.Context(), kpi.Query{KPI: "none"})
	require.ErrorIs(t, err, kpi.ErrUnknownKPI)
}

// golden compares text with a file, which -update writes.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := "testdata/" + name + ".golden"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), text)
}
