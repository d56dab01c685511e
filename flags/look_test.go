package flags_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/flags"
)

func TestAsksNamesEveryAttributeThatAnAnswerMayDependOn(t *testing.T) {
	t.Parallel()
	set := flags.NewSet(flags.NewMemoryStore(nil), nil)
	exists := func(attr string) flags.Condition { return flags.Condition{Attr: attr, Op: flags.OpExists} }
	inner := exists("inner")
	for _, s := range []flags.Segment{
		{Key: "leaf", If: exists("leaf")},
		{Key: "outer", If: flags.Condition{Any: []flags.Condition{{Segment: "leaf"}, {Not: &inner}}}},
		{Key: "ring", If: exists("ring")},
		{Key: "stage", If: exists("stage")},
	} {
		_, err := set.PutSegment(t.Context(), s, "")
		require.NoError(t, err)
	}
	ramp := flags.Ramp(100)
	ramp.Stages[0].Rings = []string{"stage"}
	require.NoError(t, set.Declare(t.Context(),
		flags.Definition{Key: "before", Type: flags.TypeBool, By: "user"},
		flags.Definition{
			Key: "all", Type: flags.TypeBool, Tenants: map[string]string{"acme": "on"},
			Prerequisites: []flags.Prerequisite{{Flag: "before", Variants: []string{"on"}}},
			Rules: []flags.Rule{{Serve: flags.Only("on"), If: flags.Condition{All: []flags.Condition{
				{Segment: "outer"}, {Segment: "outer"}, exists("rule"), {Attr: flags.TenantAttr, Op: flags.OpEqual, Value: "acme"},
			}}}},
			Rollout: &flags.Rollout{Rings: []string{"ring"}, Ramp: &ramp},
		},
		flags.Definition{Key: "still", Type: flags.TypeBool},
	))
	asks := func(key string) []string {
		l := set.Look(key)
		return l.Asks()
	}
	for range 2 {
		require.Equal(t, []string{"inner", "leaf", "ring", "rule", "stage", "user"}, asks("all"))
	}
	require.Empty(t, asks("still"))
	require.Empty(t, asks("nowhere"))
	_, err := set.Edit(t.Context(), "before", func(d *flags.Definition) error {
		d.By = "account"
		return nil
	}, "")
	require.NoError(t, err)
	require.Contains(t, asks("all"), "account", "a prerequisite that changed changes what is asked")
}

func TestAllExposesNothingAndFollowsWhatIsFixed(t *testing.T) {
	t.Parallel()
	set := flags.NewSet(flags.NewMemoryStore(nil), &flags.Options{Exposures: &flags.Exposures{
		Buffer: 1, Sink: func(context.Context, []flags.Exposure) error { return nil },
	}})
	for _, key := range []string{"alpha", "beta"} {
		require.NoError(t, set.Declare(t.Context(), flags.Definition{Key: key, Type: flags.TypeBool}))
	}
	values := func(s *flags.Set) (all []any) {
		for _, d := range s.All(&flags.Who{Tenant: "acme"}) {
			all = append(all, d.Value)
		}
		return all
	}
	require.Equal(t, []any{false, false}, values(set))
	require.Equal(t, []any{false, true}, values(set.Fix("beta", true)))
	require.Zero(t, set.Stats().Dropped)
	for range 2 {
		set.Evaluate("beta", &flags.Who{Tenant: "acme"})
	}
	require.EqualValues(t, 1, set.Stats().Dropped, "one evaluation finds no room")
}

func TestWhatWasLookedUpIsOfOneRevision(t *testing.T) {
	t.Parallel()
	set := flags.NewSet(flags.NewMemoryStore(nil), nil)
	d := flags.Definition{Key: "beta", Type: flags.TypeBool, Default: "on", Metadata: map[string]json.RawMessage{"team": []byte(`"quotes"`)}}
	require.NoError(t, set.Declare(t.Context(), d))
	before := set.Look("beta")
	_, err := set.SetDisabled(t.Context(), "beta", true, "")
	require.NoError(t, err)
	after := set.Look("beta")
	require.Equal(t, true, before.Answer(flags.TypeBool, &flags.Who{}).Value)
	require.Equal(t, flags.ReasonDisabled, after.Answer(flags.TypeBool, &flags.Who{}).Reason)
	require.Equal(t, map[string]any{"team": "quotes", "version": int64(1)}, before.Metadata())
	require.Equal(t, map[string]any{"team": "quotes", "version": int64(2)}, after.Metadata())
	require.Equal(t, flags.CodeType, after.Answer(flags.TypeInt, &flags.Who{}).Code)
	none := set.Look("nowhere")
	require.Equal(t, flags.CodeNotFound, none.Answer(flags.TypeBool, &flags.Who{}).Code)
	require.Nil(t, none.Metadata())
}
