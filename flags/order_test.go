package flags_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

// causes in their order, each with what makes it decide and the variant that it then gives; "" is the caller's default.
var causes = []struct {
	cause   flags.Cause
	reason  flags.Reason
	variant string
	set     func(d *flags.Definition)
}{
	{flags.CauseKillSwitch, flags.ReasonDisabled, "", func(d *flags.Definition) { d.Disabled = true }},
	{flags.CausePrerequisite, flags.ReasonPrerequisite, "", func(d *flags.Definition) {
		d.Prerequisites = []flags.Prerequisite{{Flag: "other", Variants: []string{"on"}}}
	}},
	{flags.CauseTenant, flags.ReasonTarget, "tenant", func(d *flags.Definition) { d.Tenants = map[string]string{"acme": "tenant"} }},
	{flags.CauseRule, flags.ReasonTarget, "rule", func(d *flags.Definition) {
		d.Rules = []flags.Rule{{ID: "r", If: flags.Condition{Attr: "plan", Op: flags.OpEqual, Value: "pro"}, Serve: flags.Only("rule")}}
	}},
	{flags.CauseRollout, flags.ReasonSplit, "rollout", func(d *flags.Definition) {
		d.Rollout = &flags.Rollout{Percent: 100, Serve: flags.Only("rollout")}
	}},
	{flags.CauseDefault, flags.ReasonDefault, "default", func(*flags.Definition) {}},
}

// of returns a flag for which the causes decide that are named.
func of(indexes ...int) flags.Definition {
	d := flags.Definition{Key: "it", Type: flags.TypeString, Default: "default"}
	for _, name := range []string{"default", "tenant", "rule", "rollout"} {
		d.Variants = append(d.Variants, flags.Variant{Name: name, Value: json.RawMessage(fmt.Sprintf("%q", "the "+name))})
	}
	for _, i := range indexes {
		causes[i].set(&d)
	}
	return d
}

// TestOfTwoCausesTheFirstInTheOrderDecides tries every pair.
func TestOfTwoCausesTheFirstInTheOrderDecides(t *testing.T) {
	t.Parallel()
	it := flags.String("it", "in code")
	who := &flags.Who{Tenant: "acme", Attrs: []flags.Attr{flags.Text("plan", "pro")}}
	for i, first := range causes {
		for j := i; j < len(causes); j++ {
			t.Run(fmt.Sprintf("%s_before_%s", first.cause, causes[j].cause), func(t *testing.T) {
				t.Parallel()
				set := load(t, `{"key":"other","type":"bool"}`)
				_, err := set.Put(t.Context(), of(i, j), "")
				require.NoError(t, err)
				d := it.DetailFor(set, who)
				require.Equal(t, first.cause, d.Cause)
				require.Equal(t, first.variant, d.Variant)
				require.Empty(t, d.Code)
				require.EqualValues(t, 1, d.Version)
				want := "the " + first.variant
				if first.variant == "" {
					want = "in code"
				}
				require.Equal(t, want, d.Value)
				require.Equal(t, want, it.ValueFor(set, who))
				if i != j || first.cause != flags.CauseDefault {
					require.Equal(t, first.reason, d.Reason)
				}
				explained, err := set.Explain("it", who)
				require.NoError(t, err)
				last := explained.Steps[len(explained.Steps)-1]
				require.True(t, last.Decided)
				require.Equal(t, first.cause, last.Cause)
			})
		}
	}
}

func TestADisabledFlagGivesTheCallersDefault(t *testing.T) {
	t.Parallel()
	set := load(t, `{"key":"f","type":"bool","default":"on","disabled":true,"tenants":{"acme":"on"}}`)
	for _, def := range []bool{false, true} {
		d := flags.Bool("f", def).DetailFor(set, &flags.Who{Tenant: "acme"})
		require.Equal(t, def, d.Value)
		require.Equal(t, flags.ReasonDisabled, d.Reason)
		require.Empty(t, d.Code)
		require.Empty(t, d.Variant)
		require.Equal(t, def, flags.Bool("f", def).On(t.Context(), set))
	}
}

// TestAFlagThatNamesTenantsIsOffForAllOthers holds where the customer's first sketch was wrong: a flag that was off with
// a list of tenants was off for those as well, and one with tenants was on when no tenant was given.
func TestAFlagThatNamesTenantsIsOffForAllOthers(t *testing.T) {
	t.Parallel()
	set := load(t, `{"key":"bulk_rating","type":"bool","tenants":{"transbotai-demo":"on"}}`)
	bulkRating := flags.Bool("bulk_rating", false)
	require.True(t, bulkRating.OnFor(set, &flags.Who{Tenant: "transbotai-demo"}))
	require.False(t, bulkRating.OnFor(set, &flags.Who{Tenant: "acme"}))
	require.False(t, bulkRating.On(t.Context(), set))
	d := bulkRating.Detail(t.Context(), set)
	require.Equal(t, flags.ReasonError, d.Reason)
	require.Equal(t, flags.CodeKeyMissing, d.Code)
}

func TestAMissingKeyGivesTheCallersDefault(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a rollout to all":          `{"key":"f","type":"bool","rollout":{"percent":100}}`,
		"a rollout to nobody":       `{"key":"f","type":"bool","rollout":{"percent":0}}`,
		"by another attribute":      `{"key":"f","type":"bool","by":"user","rollout":{"percent":100}}`,
		"weights in a rule":         `{"key":"f","type":"bool","rules":[{"if":{"attr":"x","op":"exists"},"serve":[{"variant":"on","weight":1},{"variant":"off","weight":0}]}]}`,
		"named tenants":             `{"key":"f","type":"bool","tenants":{"acme":"on"}}`,
		"named tenants, on for all": `{"key":"f","type":"bool","default":"on","tenants":{"acme":"off"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := load(t, text)
			for _, def := range []bool{false, true} {
				d := flags.Bool("f", def).DetailFor(set, &flags.Who{Attrs: []flags.Attr{flags.Text("x", "1")}})
				require.Equal(t, flags.ReasonError, d.Reason)
				require.Equal(t, flags.CodeKeyMissing, d.Code)
				require.Equal(t, def, d.Value)
			}
		})
	}
}

func TestARuleOnAttributesNeedsNoTenant(t *testing.T) {
	t.Parallel()
	set := load(t, `{"key":"f","type":"bool","rules":[{"if":{"attr":"x","op":"exists"},"serve":"on"}]}`)
	d := set.Evaluate("f", &flags.Who{Attrs: []flags.Attr{flags.Text("x", "1")}})
	require.Equal(t, true, d.Value)
	require.Equal(t, flags.ReasonTarget, d.Reason)
	require.Zero(t, d.Rule)
}

func TestAKeyMayBeAnotherAttribute(t *testing.T) {
	t.Parallel()
	set := load(t,
		`{"key":"f","type":"bool","by":"user","salt":"s","rollout":{"percent":50}}`,
		`{"key":"g","type":"bool","salt":"s","rollout":{"percent":50}}`,
		`{"key":"h","type":"bool","salt":"s","by":"tenant","rollout":{"percent":50}}`)
	for i, name := range tenants(200) {
		byUser := set.Evaluate("f", &flags.Who{Tenant: "acme", Attrs: []flags.Attr{flags.Text("user", name)}})
		require.Equal(t, set.Evaluate("g", &flags.Who{Tenant: name}).Value, byUser.Value)
		byTenant := set.Evaluate("h", &flags.Who{Tenant: name, Attrs: []flags.Attr{flags.Text("tenant", "evil")}})
		require.Equal(t, set.Evaluate("g", &flags.Who{Tenant: name}).Value, byTenant.Value)
		byNumber := set.Evaluate("f", &flags.Who{Attrs: []flags.Attr{flags.Number("user", float64(i))}})
		require.Equal(t, set.Evaluate("g", &flags.Who{Tenant: fmt.Sprint(i)}).Value, byNumber.Value)
	}
}

func TestWhatIsNeitherTextNorAWholeNumberIsNoKey(t *testing.T) {
	t.Parallel()
	set := load(t, `{"key":"f","type":"bool","by":"user","rollout":{"percent":100}}`)
	for _, a := range []flags.Attr{
		flags.Number("user", 1.5), flags.Number("user", 1<<53), flags.Number("user", math.NaN()), flags.Truth("user", true),
		flags.Time("user", time.Now()), flags.Text("user", ""), flags.Text("another", "ann"),
	} {
		d := flags.Bool("f", false).DetailFor(set, &flags.Who{Tenant: "acme", Attrs: []flags.Attr{a}})
		require.False(t, d.Value)
		require.Equal(t, flags.CodeKeyMissing, d.Code, a.String())
	}
	require.True(t, flags.Bool("f", false).OnFor(set, &flags.Who{Attrs: []flags.Attr{flags.Number("user", 1<<53-1)}}))
}

func TestATypedFlagAnswersForTheOneInTheContext(t *testing.T) {
	t.Parallel()
	set := load(t, `{"key":"lanes","type":"int","default":"few","variants":[{"name":"few","value":3},{"name":"many","value":50}],"tenants":{"acme":"many"}}`)
	lanes, bulk := flags.Int("lanes", 1), flags.Bool("bulk", true)
	ctx := tenon.WithCaller(t.Context(), tenon.Caller{Tenant: "acme"})
	require.Equal(t, int64(50), lanes.Value(ctx, set))
	require.Equal(t, int64(3), lanes.Value(flags.With(ctx, flags.Who{Tenant: "zenith"}), set), "whom the context names before its caller")
	require.Equal(t, int64(1), lanes.Value(t.Context(), set), "nobody said which tenant this is")
	require.Equal(t, int64(1), lanes.Default())
	require.True(t, bulk.Default())
}

func TestTheTenantIsThatOfTheCaller(t *testing.T) {
	t.Parallel()
	set := load(t, `{"key":"f","type":"bool","tenants":{"acme":"on"}}`)
	f := flags.Bool("f", false)
	ctx := tenon.WithCaller(t.Context(), tenon.Caller{Tenant: "acme"})
	require.True(t, f.On(ctx, set))
	require.True(t, f.On(flags.With(ctx, flags.Who{Attrs: []flags.Attr{flags.Text("x", "1")}}), set))
	require.False(t, f.On(flags.With(ctx, flags.Who{Tenant: "other"}), set))
}

func TestWhatTheSetCannotAnswerIsTheDefaultInCode(t *testing.T) {
	t.Parallel()
	loaded := load(t, `{"key":"f","type":"bool"}`)
	for name, c := range map[string]struct {
		set  *flags.Set
		key  string
		code flags.Code
	}{
		"nothing is loaded": {flags.NewSet(flags.NewMemoryStore(nil), nil), "f", flags.CodeNotReady},
		"no such flag":      {loaded, "g", flags.CodeNotFound},
		"another type":      {loaded, "f", flags.CodeType},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := flags.String(c.key, "in code").DetailFor(c.set, &flags.Who{Tenant: "acme"})
			require.Equal(t, "in code", d.Value)
			require.Equal(t, flags.ReasonError, d.Reason)
			require.Equal(t, c.code, d.Code)
			require.Equal(t, "in code", flags.String(c.key, "in code").Value(t.Context(), c.set))
		})
	}
}

func TestZeroValuesAreValues(t *testing.T) {
	t.Parallel()
	set := load(t,
		`{"key":"b","type":"bool","default":"off"}`,
		`{"key":"s","type":"string","default":"v","variants":[{"name":"v","value":""}]}`,
		`{"key":"i","type":"int","default":"v","variants":[{"name":"v","value":0}]}`,
		`{"key":"f","type":"float","default":"v","variants":[{"name":"v","value":0}]}`,
		`{"key":"j","type":"json","default":"v","variants":[{"name":"v","value":null}]}`,
		`{"key":"o","type":"json","default":"v","variants":[{"name":"v","value":{}}]}`)
	ctx := t.Context()
	require.False(t, flags.Bool("b", true).On(ctx, set))
	require.Empty(t, flags.String("s", "x").Value(ctx, set))
	require.Zero(t, flags.Int("i", 7).Value(ctx, set))
	require.Zero(t, flags.Float("f", 7).Value(ctx, set))
	require.Nil(t, flags.JSON("j", &struct{}{}).Value(ctx, set))
	for range 2 { // the second finds what the first has read
		require.Nil(t, flags.JSON[any]("j", 7).Value(ctx, set))
		require.Equal(t, flags.CodeType, flags.JSON[error]("o", nil).Detail(ctx, set).Code)
	}
	require.Equal(t, "v", flags.Int("i", 7).Detail(ctx, set).Variant)
}

func TestTypedValues(t *testing.T) {
	t.Parallel()
	type limits struct{ Lanes int }
	set := load(t,
		`{"key":"i","type":"int","default":"v","variants":[{"name":"v","value":9223372036854775807}]}`,
		`{"key":"f","type":"float","default":"v","variants":[{"name":"v","value":0.25}]}`,
		`{"key":"j","type":"json","default":"v","variants":[{"name":"v","value":{"Lanes":3}}]}`,
		`{"key":"n","type":"string","variants":[{"name":"v","value":"x"}],"metadata":{"team":"rates","n":3,"x":2.5,"is":true}}`)
	ctx := t.Context()
	require.Equal(t, int64(9223372036854775807), flags.Int("i", 0).Value(ctx, set))
	require.InDelta(t, 0.25, flags.Float("f", 0).Value(ctx, set), 0)
	require.Equal(t, limits{3}, flags.JSON("j", limits{}).Value(ctx, set))
	require.Equal(t, []string{"no list"}, flags.JSON("j", []string{"no list"}).Value(ctx, set))
	mismatched := flags.JSON("j", []string{}).Detail(ctx, set)
	require.Equal(t, flags.CodeType, mismatched.Code)
	require.Empty(t, mismatched.Variant)
	none := set.Evaluate("n", &flags.Who{})
	require.Nil(t, none.Value)
	require.Equal(t, flags.ReasonDefault, none.Reason)
	require.Equal(t, map[string]any{"team": "rates", "n": int64(3), "x": 2.5, "is": true}, none.Metadata)
}
