package flags_test

import (
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
	require.Equal(t, []string{"inner", "leaf", "ring", "rule", "stage", "user"}, set.Asks("all"))
	require.Empty(t, set.Asks("still"))
	require.Empty(t, set.Asks("nowhere"))
}
