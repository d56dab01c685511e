package kpi_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
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
	for what, bad := range map[string]struct {
		field string
		kpi   kpi.KPI
	}{
		"no name":                    {"name", kpi.KPI{Count: count}},
		"a long name":                {"name", kpi.KPI{Name: long, Count: count}},
		"a name of no UTF-8":         {"name", kpi.KPI{Name: "\xff", Count: count}},
		"a long description":         {"description", kpi.KPI{Name: "k", Description: strings.Repeat("x", 2001), Count: count}},
		"nothing to count":           {"kpi", kpi.KPI{Name: "k"}},
		"two things to count":        {"kpi", kpi.KPI{Name: "k", Count: count, Unique: &kpi.Unique{Of: step}}},
		"an unknown zone":            {"zone", kpi.KPI{Name: "k", Count: count, Zone: "Mars/Olympus"}},
		"an unknown grain":           {"grain", kpi.KPI{Name: "k", Count: count, Grain: "fortnight"}},
		"too many periods":           {"last", kpi.KPI{Name: "k", Count: count, Last: 1e6}},
		"a goal of no number":        {"goal.target", kpi.KPI{Name: "k", Count: count, Goal: &kpi.Goal{Target: nan()}}},
		"a negative sample":          {"goal.min_sample", kpi.KPI{Name: "k", Count: count, Goal: &kpi.Goal{MinSample: -1}}},
		"a step without names":       {"of.events", kpi.KPI{Name: "k", Count: &kpi.Count{}}},
		"an empty name in a step":    {"of.events[0]", kpi.KPI{Name: "k", Count: &kpi.Count{Of: kpi.On("")}}},
		"a long name in a step":      {"of.events[0]", kpi.KPI{Name: "k", Count: &kpi.Count{Of: kpi.On(long)}}},
		"an unknown operator":        {"of.where[0].op", kpi.KPI{Name: "k", Count: &kpi.Count{Of: step.If(kpi.Filter{Property: "p", Op: "like"})}}},
		"a filter's number":          {"of.where[0].number", kpi.KPI{Name: "k", Count: &kpi.Count{Of: step.If(kpi.Filter{Property: "p", Op: kpi.Less, Number: 2e18})}}},
		"a filter of nothing":        {"of.where[0].property", kpi.KPI{Name: "k", Count: &kpi.Count{Of: step.If(kpi.Filter{Op: kpi.Has})}}},
		"in nothing":                 {"of.where[0].texts", kpi.KPI{Name: "k", Count: &kpi.Count{Of: step.If(kpi.Filter{Property: "p", Op: kpi.In})}}},
		"a sum of nothing":           {"property", kpi.KPI{Name: "k", Sum: &kpi.Sum{Of: step}}},
		"half a ratio":               {"per.of.events", kpi.KPI{Name: "k", Ratio: &kpi.Ratio{Of: kpi.Term{Of: step}}}},
		"a negative window":          {"window", kpi.KPI{Name: "k", Conversion: &kpi.Conversion{Start: step, Convert: step, Window: -kpi.Hour}}},
		"a window of a century":      {"window", kpi.KPI{Name: "k", Conversion: &kpi.Conversion{Start: step, Convert: step, Window: 36500 * kpi.Day}}},
		"a window of nanoseconds":    {"window", kpi.KPI{Name: "k", Conversion: &kpi.Conversion{Start: step, Convert: step, Window: 1}}},
		"a cohort without a window":  {"window", kpi.KPI{Name: "k", Cohort: &kpi.Cohort{Start: step, Convert: step}}},
		"ages that do not fit":       {"every", kpi.KPI{Name: "k", Cohort: &kpi.Cohort{Start: step, Convert: step, Window: 7 * kpi.Day, Every: 2 * kpi.Day}}},
		"too many ages":              {"every", kpi.KPI{Name: "k", Cohort: &kpi.Cohort{Start: step, Convert: step, Window: 300 * kpi.Day, Every: kpi.Day}}},
		"a funnel of one step":       {"steps", kpi.KPI{Name: "k", Funnel: &kpi.Funnel{Steps: []kpi.Step{step}}}},
		"a funnel of eleven steps":   {"steps", kpi.KPI{Name: "k", Funnel: &kpi.Funnel{Steps: make([]kpi.Step, 11)}}},
		"an unknown order":           {"order", kpi.KPI{Name: "k", Funnel: &kpi.Funnel{Steps: []kpi.Step{step, step}, Order: "any"}}},
		"an unknown policy for ties": {"ties", kpi.KPI{Name: "k", Funnel: &kpi.Funnel{Steps: []kpi.Step{step, step}, Ties: "luck"}}},
		"a long title":               {"title", kpi.KPI{Name: "k", Title: long, Count: count}},
		"a long label":               {"of.label", kpi.KPI{Name: "k", Count: &kpi.Count{Of: kpi.Step{Label: long, Events: []string{"a"}}}}},
		"eleven filters":             {"of.where", kpi.KPI{Name: "k", Count: &kpi.Count{Of: step.If(make([]kpi.Filter, 11)...)}}},
		"a long text in a filter":    {"of.where[0].text", kpi.KPI{Name: "k", Count: &kpi.Count{Of: step.If(kpi.Is("p", long))}}},
		"a long text of several": {"of.where[0].texts[1]", kpi.KPI{Name: "k", Count: &kpi.Count{
			Of: step.If(kpi.Filter{Property: "p", Op: kpi.In, Texts: []string{"a", long}}),
		}}},
		"the other half of a ratio":   {"of.of.events", kpi.KPI{Name: "k", Ratio: &kpi.Ratio{Per: kpi.Term{Of: step}}}},
		"a long property of a ratio":  {"per.property", kpi.KPI{Name: "k", Ratio: &kpi.Ratio{Of: kpi.Term{Of: step}, Per: kpi.Term{Of: step, Property: long}}}},
		"a long subject":              {"subject", kpi.KPI{Name: "k", Unique: &kpi.Unique{Of: step, Subject: kpi.Subject(long)}}},
		"a long breakdown":            {"breakdown", kpi.KPI{Name: "k", Count: &kpi.Count{Of: step, Breakdown: long}}},
		"a negative lead":             {"lead", kpi.KPI{Name: "k", Conversion: &kpi.Conversion{Start: step, Convert: step, Lead: -kpi.Hour}}},
		"eleven exclusions":           {"exclude", kpi.KPI{Name: "k", Funnel: &kpi.Funnel{Steps: []kpi.Step{step, step}, Exclude: make([]kpi.Step, 11)}}},
		"an exclusion without a name": {"exclude[0].events", kpi.KPI{Name: "k", Funnel: &kpi.Funnel{Steps: []kpi.Step{step, step}, Exclude: []kpi.Step{{}}}}},
	} {
		_, previewErr := b.Preview(t.Context(), bad.kpi, kpi.Query{})
		for _, err := range []error{b.Define(t.Context(), bad.kpi), previewErr} {
			require.ErrorIs(t, err, tenon.ErrInvalid, what)
			var wrong *tenon.FieldError
			require.ErrorAs(t, err, &wrong, what)
			require.Equal(t, bad.field, wrong.Field, what)
		}
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

func TestARegistryKnowsTypes(t *testing.T) {
	t.Parallel()
	values := map[string]any{
		"text": "a", "number": 1.5, "bool": false, "list": []any{1}, "object": map[string]any{"a": 1}, "a large number": json.Number("1e13"),
	}
	for kind, fits := range map[kpi.ValueType][]string{
		kpi.TypeText: {"text"}, kpi.TypeNumber: {"number"}, kpi.TypeBool: {"bool"},
		kpi.TypeAny: {"text", "number", "bool", "list", "object", "a large number"},
	} {
		strict := kpi.NewTracker(kpi.NewMemoryStore(nil), &kpi.TrackerOptions{Registry: &kpi.Registry{Events: map[string]kpi.EventType{
			"e": {Properties: map[string]kpi.PropertyType{"p": {Type: kind, Required: true}}},
		}}})
		for name, v := range values {
			_, err := strict.Track(t.Context(), kpi.Event{Tenant: "acme", Name: "e", Properties: map[string]any{"p": v}})
			if slices.Contains(fits, name) {
				require.NoError(t, err, "%s is %s", name, kind)
				continue
			}
			var wrong *tenon.FieldError
			require.ErrorAs(t, err, &wrong, "%s is no %s", name, kind)
			require.Equal(t, "properties.p", wrong.Field)
		}
	}
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
		{Name: "early", Grain: kpi.Hourly, Last: 24, Conversion: &kpi.Conversion{
			Start:   kpi.On("a").If(kpi.Is("plan", "trial"), kpi.Filter{Property: "seats", Op: kpi.AtMost, Number: 5_000_000}),
			Convert: kpi.On("b").If(kpi.Filter{Property: "card", Op: kpi.Has}, kpi.Filter{Property: "by", Op: kpi.NotEqual, Text: "us"}), Subject: kpi.Tenant,
			Window: 7 * kpi.Day, Lead: kpi.Day,
		}},
		{Name: "apart", Grain: kpi.Yearly, Last: 3, Funnel: &kpi.Funnel{
			Steps: []kpi.Step{kpi.On("a").If(kpi.Filter{Property: "lane", Op: kpi.In, Texts: []string{"a → b", "c"}}), kpi.On("b")},
			Ties:  kpi.TiesApart, Breakdown: "lane",
		}},
		{Name: "back", Cohort: &kpi.Cohort{Start: kpi.On("a"), Convert: kpi.On("b"), Window: 14 * kpi.Day}},
		{Name: "return", Cohort: &kpi.Cohort{Start: kpi.On("a"), Convert: kpi.On("b"), Window: 28 * kpi.Day, Every: 7 * kpi.Day}},
	}
	require.NoError(t, b.Define(t.Context(), more...))
	var text strings.Builder
	for _, k := range append(defs.KPIs, more...) {
		e, err := b.Explain(t.Context(), kpi.Query{KPI: k.Name, Split: k.Sum != nil || k.Funnel != nil})
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
