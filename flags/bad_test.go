package flags_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

// poison writes what no set can read over a flag.
func poison(t *testing.T, store flags.Store, key string) {
	t.Helper()
	u, err := store.Load(t.Context(), 0)
	require.NoError(t, err)
	version := int64(1)
	for _, r := range u.Records {
		if r.Key == key {
			version = r.Version + 1
		}
	}
	_, err = store.Write(t.Context(), flags.Write{Base: u.Revision, Records: []flags.Record{
		{Kind: flags.KindFlag, Key: key, Version: version, Body: json.RawMessage(`{"key":["` + key + `"]}`)},
	}})
	require.NoError(t, err)
}

func TestOneBadRowKeepsItsLastGoodVersion(t *testing.T) {
	t.Parallel()
	store := flags.NewMemoryStore(nil)
	for _, key := range []string{"a", "b", "base"} {
		put(t, store, onFlag(key, "on"))
	}
	needs := onFlag("needs", "on")
	needs.Prerequisites = []flags.Prerequisite{{Flag: "base", Variants: []string{"on"}}}
	put(t, store, needs)
	set := flags.NewSet(store, nil)
	require.NoError(t, set.Load(t.Context()))
	poison(t, store, "a")
	poison(t, store, "needs")
	put(t, store, onFlag("b", "off"))
	require.NoError(t, set.Load(t.Context()))
	on := func(key string) bool { return flags.Bool(key, false).On(t.Context(), set) }
	require.True(t, on("a"))
	require.False(t, on("b"))
	require.True(t, on("needs"))
	require.Len(t, set.Stats().Faults, 2)
	require.Contains(t, set.Stats().Faults["flag/a"], "key")

	_, err := set.SetDisabled(t.Context(), "base", true, "")
	require.NoError(t, err)
	require.False(t, on("needs"), "the kill switch of a prerequisite reaches the last good version")

	_, err = set.Edit(t.Context(), "a", func(d *flags.Definition) error { d.Default = "off"; return nil }, "repaired")
	require.NoError(t, err)
	require.False(t, on("a"), "a good version is live again")
	require.Len(t, set.Stats().Faults, 1)

	late := flags.NewSet(store, nil)
	require.NoError(t, late.Load(t.Context()))
	require.Equal(t, flags.CodeParse, late.Evaluate("needs", &flags.Who{}).Code, "who starts now has no good version")
	require.Equal(t, true, late.Evaluate("base", &flags.Who{}).Reason == flags.ReasonDisabled)
}

func TestWhateverIsWrongInARowKeepsItsLastGoodVersion(t *testing.T) {
	t.Parallel()
	for _, c := range wrong {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store := flags.NewMemoryStore(nil)
			put(t, store, onFlag("f", "on"))
			set := flags.NewSet(store, nil)
			require.NoError(t, set.Load(t.Context()))
			_, err := store.Write(t.Context(), flags.Write{Base: 1, Records: []flags.Record{
				{Kind: flags.KindFlag, Key: "f", Version: 2, Body: json.RawMessage(c.text)},
			}})
			require.NoError(t, err)
			put(t, store, onFlag("g", "on"))
			require.NoError(t, set.Load(t.Context()))
			require.True(t, flags.Bool("f", false).On(t.Context(), set))
			require.True(t, flags.Bool("g", false).On(t.Context(), set), "others go on")
			require.Contains(t, set.Stats().Faults["flag/f"], c.path)
		})
	}
}

func TestAKillSwitchCountsInARowThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"an_operator_of_tomorrow": `{"key":"f","type":"bool","disabled":true,"rules":[{"if":{"attr":"x","op":"sounds_like","value":"y"},"serve":"on"}]}`,
		"a_name_of_tomorrow":      `{"key":"f","type":"bool","mood":7,"disabled":true}`,
		"a_segment_of_tomorrow":   `{"key":"f","type":"bool","disabled":true,"rules":[{"if":{"segment":"north"},"serve":"on"}]}`,
		"a_ring_of_tomorrow":      `{"key":"f","type":"bool","disabled":true,"rollout":{"percent":5,"rings":["north"]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := flags.NewMemoryStore(nil)
			put(t, store, onFlag("f", "on"))
			set := flags.NewSet(store, nil)
			require.NoError(t, set.Load(t.Context()))
			f := flags.Bool("f", false)
			require.True(t, f.On(t.Context(), set))
			_, err := store.Write(t.Context(), flags.Write{Base: 1, Records: []flags.Record{
				{Kind: flags.KindFlag, Key: "f", Version: 2, Body: json.RawMessage(body)},
			}})
			require.NoError(t, err)
			require.NoError(t, set.Load(t.Context()))
			require.Equal(t, flags.ReasonDisabled, f.Detail(t.Context(), set).Reason)
			require.Contains(t, set.Stats().Faults, "flag/f")
		})
	}
}

func TestABadSegmentStopsNoWriteOfAnother(t *testing.T) {
	t.Parallel()
	store := flags.NewMemoryStore(nil)
	set := flags.NewSet(store, nil)
	segment(t, set, `{"key":"north","if":{"attr":"country","op":"equal","value":"CA"}}`)
	d := onFlag("f", "off")
	d.Rules = []flags.Rule{{If: flags.Condition{Segment: "north"}, Serve: flags.Only("on")}}
	_, err := set.Put(t.Context(), d, "")
	require.NoError(t, err)
	_, err = store.Write(t.Context(), flags.Write{Base: set.Revision(), Records: []flags.Record{
		{Kind: flags.KindSegment, Key: "north", Version: 2, Body: json.RawMessage(`[]`)},
	}})
	require.NoError(t, err)
	canada := &flags.Who{Attrs: []flags.Attr{flags.Text("country", "CA")}}
	require.NoError(t, set.Load(t.Context()))
	require.Equal(t, true, set.Evaluate("f", canada).Value, "the last good version of the segment")

	late := flags.NewSet(store, nil)
	require.NoError(t, late.Load(t.Context()))
	require.Equal(t, flags.CodeParse, late.Evaluate("f", canada).Code, "there is none for who starts now")
	segment(t, late, `{"key":"south","if":{"attr":"country","op":"equal","value":"AR"}}`)
	repaired, err := flags.ParseSegment(strings.NewReader(`{"key":"north","if":{"attr":"country","op":"equal","value":"CA"}}`))
	require.NoError(t, err)
	repaired.Version = 2
	_, err = late.PutSegment(t.Context(), repaired, "repaired")
	require.NoError(t, err)
	require.Equal(t, true, late.Evaluate("f", canada).Value)
	require.Empty(t, late.Stats().Faults)
}

// TestACycleOfOldAndNewVersionsEnds builds what nobody can write: the last good version of one flag and a newer one of
// another need each other.
func TestACycleOfOldAndNewVersionsEnds(t *testing.T) {
	t.Parallel()
	store := flags.NewMemoryStore(nil)
	put(t, store, onFlag("b", "on"))
	a := onFlag("a", "on")
	a.Prerequisites = []flags.Prerequisite{{Flag: "b", Variants: []string{"on"}}}
	put(t, store, a)
	set := flags.NewSet(store, nil)
	require.NoError(t, set.Load(t.Context()))
	poison(t, store, "a")
	u, err := store.Load(t.Context(), 0)
	require.NoError(t, err)
	body := `{"key":"b","type":"bool","default":"on","prerequisites":[{"flag":"a","variants":["on"]}]}`
	_, err = store.Write(t.Context(), flags.Write{Base: u.Revision, Records: []flags.Record{
		{Kind: flags.KindFlag, Key: "b", Version: 2, Body: json.RawMessage(body)},
	}})
	require.NoError(t, err)
	require.NoError(t, set.Load(t.Context()))
	for _, key := range []string{"a", "b"} {
		d := set.Evaluate(key, &flags.Who{})
		require.Equal(t, flags.ReasonPrerequisite, d.Reason)
		explained, err := set.Explain(key, &flags.Who{})
		require.NoError(t, err)
		require.Contains(t, explained.Text(), "lead back")
	}
}

// unreadable writes a segment that no set can read over another.
func unreadable(t *testing.T, store flags.Store, key string) {
	t.Helper()
	u, err := store.Load(t.Context(), 0)
	require.NoError(t, err)
	_, err = store.Write(t.Context(), flags.Write{Base: u.Revision, Records: []flags.Record{
		{Kind: flags.KindSegment, Key: key, Version: 2, Body: json.RawMessage(`[]`)},
	}})
	require.NoError(t, err)
}

// TestAFlagWhoseCompanionsCannotBeReadCanBeWritten is about a process that started after the rows went bad. Another that
// saw good versions of them goes on to serve the flags, so that their kill switches must work.
func TestAFlagWhoseCompanionsCannotBeReadCanBeWritten(t *testing.T) {
	t.Parallel()
	store := flags.NewMemoryStore(nil)
	early := flags.NewSet(store, nil)
	segment(t, early, `{"key":"north","if":{"attr":"tenant","op":"exists"}}`)
	for _, text := range []string{
		`{"key":"base","type":"bool","default":"on"}`,
		`{"key":"needs","type":"bool","default":"on","prerequisites":[{"flag":"base","variants":["on"]}]}`,
		`{"key":"ruled","type":"bool","rules":[{"if":{"segment":"north"},"serve":"on"}]}`,
		`{"key":"ringed","type":"bool","rollout":{"percent":0,"rings":["north"]}}`,
	} {
		put(t, store, parse(t, text))
	}
	require.NoError(t, early.Load(t.Context()))
	poison(t, store, "base")
	unreadable(t, store, "north")
	acme := &flags.Who{Tenant: "acme"}
	late := flags.NewSet(store, nil)
	require.NoError(t, late.Load(t.Context()))
	require.Equal(t, flags.ReasonPrerequisite, late.Evaluate("needs", acme).Reason, "what cannot be read is not met")
	explained, err := late.Explain("needs", acme)
	require.NoError(t, err)
	require.Contains(t, explained.Text(), "flag base is not there")

	for _, key := range []string{"needs", "ruled", "ringed"} {
		require.NoError(t, early.Load(t.Context()))
		require.Equal(t, true, early.Evaluate(key, acme).Value, key)
		_, err := late.SetDisabled(t.Context(), key, true, "off with it")
		require.NoError(t, err, key)
		require.Equal(t, flags.ReasonDisabled, late.Evaluate(key, acme).Reason)
		require.NoError(t, early.Load(t.Context()))
		require.Equal(t, flags.ReasonDisabled, early.Evaluate(key, acme).Reason)
	}
	_, err = late.Put(t.Context(), parse(t, `{"key":"top","type":"bool","prerequisites":[{"flag":"needs","variants":["on"]}]}`), "")
	require.NoError(t, err, "further away nothing is asked either")
	for text, path := range map[string]string{
		`{"key":"new","type":"bool","prerequisites":[{"flag":"none","variants":["on"]}]}`: "prerequisites[0].flag",
		`{"key":"new","type":"bool","rules":[{"if":{"segment":"none"},"serve":"on"}]}`:    "rules[0].if",
		`{"key":"new","type":"bool","rollout":{"percent":0,"rings":["none"]}}`:            "rollout.rings[0]",
	} {
		_, err := late.Put(t.Context(), parse(t, text), "")
		var wrong *tenon.FieldError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, path, wrong.Field, "what never was is refused as ever")
	}
}

func TestDeclareLeavesWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	store := flags.NewMemoryStore(nil)
	put(t, store, onFlag("a", "on"))
	early, late := flags.NewSet(store, nil), flags.NewSet(store, nil)
	require.NoError(t, early.Load(t.Context()))
	poison(t, store, "a")
	for _, set := range []*flags.Set{early, late} {
		require.NoError(t, set.Declare(t.Context(), onFlag("a", "off"), onFlag("b", "on")))
		require.True(t, flags.Bool("b", false).On(t.Context(), set), "those that follow are declared")
		versions, err := set.Versions(t.Context(), "a", 0, 10)
		require.NoError(t, err)
		require.Len(t, versions, 2, "nothing was written over it")
	}
	require.True(t, flags.Bool("a", false).On(t.Context(), early))
	require.Equal(t, flags.CodeParse, late.Evaluate("a", &flags.Who{}).Code)
}

func TestARowUnderAnotherKeyIsNotTaken(t *testing.T) {
	t.Parallel()
	store := flags.NewMemoryStore(nil)
	set := flags.NewSet(store, nil)
	segment(t, set, `{"key":"north","if":{"attr":"tenant","op":"exists"}}`)
	put(t, store, onFlag("f", "on"))
	put(t, store, parse(t, `{"key":"g","type":"bool","rules":[{"if":{"segment":"north"},"serve":"on"}]}`))
	require.NoError(t, set.Load(t.Context()))
	_, err := store.Write(t.Context(), flags.Write{Base: set.Revision(), Records: []flags.Record{
		{Kind: flags.KindFlag, Key: "f", Version: 2, Body: json.RawMessage(`{"key":"h","type":"bool"}`)},
		{Kind: flags.KindSegment, Key: "north", Version: 2, Body: json.RawMessage(`{"key":"south","if":{"not":{"attr":"tenant","op":"exists"}}}`)},
	}})
	require.NoError(t, err)
	require.NoError(t, set.Load(t.Context()))
	require.True(t, flags.Bool("f", false).On(t.Context(), set))
	require.Equal(t, true, set.Evaluate("g", &flags.Who{Tenant: "acme"}).Value)
	require.Equal(t, flags.CodeNotFound, set.Evaluate("h", &flags.Who{}).Code)
	for _, row := range []string{"flag/f", "segment/north"} {
		require.Contains(t, set.Stats().Faults[row], "another")
	}
}

func TestASegmentThatLosesWhatItNamesKeepsWhatItWas(t *testing.T) {
	t.Parallel()
	store := flags.NewMemoryStore(nil)
	set := flags.NewSet(store, nil)
	segment(t, set, `{"key":"north","if":{"attr":"country","op":"equal","value":"CA"}}`)
	segment(t, set, `{"key":"large","if":{"all":[{"segment":"north"},{"attr":"seats","op":"ge","value":50}]}}`)
	put(t, store, parse(t, `{"key":"f","type":"bool","rules":[{"if":{"segment":"large"},"serve":"on"}]}`))
	require.NoError(t, set.Load(t.Context()))
	_, err := store.Write(t.Context(), flags.Write{Base: set.Revision(), Records: []flags.Record{{Kind: flags.KindSegment, Key: "north", Version: 2}}})
	require.NoError(t, err)
	require.NoError(t, set.Load(t.Context()))
	for country, want := range map[string]bool{"CA": true, "FR": false} {
		w := &flags.Who{Attrs: []flags.Attr{flags.Text("country", country), flags.Number("seats", 60)}}
		require.Equal(t, want, set.Evaluate("f", w).Value, country)
	}
	require.Contains(t, set.Stats().Faults["segment/large"], "north")
}
