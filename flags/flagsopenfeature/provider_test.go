package flagsopenfeature_test

import (
	"context"
	"maps"
	"testing"
	"time"

	of "github.com/open-feature/go-sdk/openfeature"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagsopenfeature"
)

func TestTheTenantIsTheTargetingKeyThenTheCallers(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.declare(t, on("beta", "acme"))
	r.use(t)
	value := func(ctx context.Context, evalCtx of.EvaluationContext) bool {
		on, _ := r.client.BooleanValue(ctx, "beta", false, evalCtx)
		return on
	}
	require.True(t, value(t.Context(), asTenant("acme")))
	require.False(t, value(t.Context(), asTenant("zenith")))
	require.True(t, value(callerOf(t.Context(), "acme"), of.EvaluationContext{}))
	require.False(t, value(callerOf(t.Context(), "acme"), asTenant("zenith")), "the targeting key wins")
	require.True(t, value(flags.With(t.Context(), flags.Who{Tenant: "acme"}), of.EvaluationContext{}))

	d := ask(t, r.client, "beta", true, of.EvaluationContext{})
	require.Equal(t, of.TargetingKeyMissingCode, d.ErrorCode)
	require.Equal(t, true, d.Value, "never random, and never everyone")
}

// rule is a string flag that gives "yes" where c holds.
func rule(key string, c flags.Condition) flags.Definition {
	return flags.Definition{
		Key: key, Type: flags.TypeString, Default: "no",
		Variants: []flags.Variant{{Name: "yes", Value: []byte(`"yes"`)}, {Name: "no", Value: []byte(`"no"`)}},
		Rules:    []flags.Rule{{ID: "r", If: c, Serve: flags.Only("yes")}},
	}
}

func TestContextsAreMergedAndTheNearerWins(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, level := range []string{"api", "transaction", "client", "invocation", "hook", "carried"} {
		r.declare(t, rule(level, flags.Condition{Attr: "level", Op: flags.OpEqual, Value: level}))
	}
	r.use(t)
	ctx := t.Context()
	nearest := func(want string, evalCtx of.EvaluationContext, options ...of.Option) {
		t.Helper()
		got, err := r.client.StringValue(ctx, want, "", evalCtx, options...)
		require.NoError(t, err)
		require.Equal(t, "yes", got, want)
	}
	at := func(level string) of.EvaluationContext {
		return of.NewTargetlessEvaluationContext(map[string]any{"level": level})
	}
	ctx = flags.With(ctx, flags.Who{Attrs: []flags.Attr{flags.Text("level", "carried")}})
	nearest("carried", of.EvaluationContext{})
	r.api.SetEvaluationContext(at("api"))
	nearest("api", of.EvaluationContext{})
	ctx = of.WithTransactionContext(ctx, at("transaction"))
	nearest("transaction", of.EvaluationContext{})
	r.client.SetEvaluationContext(at("client"))
	nearest("client", of.EvaluationContext{})
	nearest("invocation", at("invocation"))
	nearest("hook", at("invocation"), of.WithHooks(hook{context: at("hook")}))
}

// hook adds a context, and notes when it was called.
type hook struct {
	of.UnimplementedHook
	context of.EvaluationContext
	called  *[]string
	name    string
}

func (h hook) note(stage string) {
	if h.called != nil {
		*h.called = append(*h.called, stage+" "+h.name)
	}
}

func (h hook) Before(context.Context, of.HookContext, of.HookHints) (*of.EvaluationContext, error) {
	h.note("before")
	return &h.context, nil
}

func (h hook) After(context.Context, of.HookContext, of.InterfaceEvaluationDetails, of.HookHints) error {
	h.note("after")
	return nil
}

func (h hook) Finally(context.Context, of.HookContext, of.InterfaceEvaluationDetails, of.HookHints) {
	h.note("finally")
}

func TestGherkinHooksOfAnEvaluationRunInOrder(t *testing.T) {
	t.Parallel()
	var called []string
	r := newRig(t, nil)
	r.provider = flagsopenfeature.New(r.set, &flagsopenfeature.Options{Name: "mine", Hooks: []of.Hook{hook{called: &called, name: "provider"}}})
	r.declare(t, gherkinFlags(t)...)
	r.use(t)
	require.Equal(t, "mine", r.provider.Metadata().Name)
	value, err := r.client.BooleanValue(t.Context(), "boolean-flag", false, of.EvaluationContext{},
		of.WithHooks(hook{called: &called, name: "one"}, hook{called: &called, name: "two"}))
	require.NoError(t, err)
	require.True(t, value)
	require.Equal(t, []string{
		"before one", "before two", "before provider", "after provider", "after two", "after one",
		"finally provider", "finally two", "finally one",
	}, called)
}

func TestGherkinContextAndDetailsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	r := gherkin(t)
	attributes := map[string]any{"email": "ballmer@macrosoft.com", "nested": map[string]any{"a": 1}}
	before := maps.Clone(attributes)
	evalCtx := of.NewEvaluationContext("acme", attributes)
	d := ask(t, r.client, "metadata-flag", false, evalCtx)
	require.Equal(t, before, attributes)
	require.Equal(t, before, evalCtx.Attributes())
	d.FlagMetadata["string"] = "changed"
	clear(d.FlagMetadata)
	require.Equal(t, "1.0.2", ask(t, r.client, "metadata-flag", false, evalCtx).FlagMetadata["string"])

	got := ask(t, r.client, "object-flag", object{}, evalCtx).Value.(object)
	got["title"] = "changed"
	require.Equal(t, template, ask(t, r.client, "object-flag", object{}, evalCtx).Value)
}

func TestGherkinEvaluatesConcurrently(t *testing.T) {
	t.Parallel()
	r := gherkin(t)
	answers := make(chan any, 50)
	for range cap(answers) {
		go func() {
			value, _ := r.client.IntValue(t.Context(), "integer-flag", 1, of.EvaluationContext{})
			answers <- value
		}()
	}
	for range cap(answers) {
		require.Equal(t, int64(10), <-answers)
	}
}

func TestEveryKindOfNumberAndTimeCanBeAskedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.declare(t,
		rule("number", flags.Condition{Attr: "a", Op: flags.OpAtLeast, Value: 7.0}),
		rule("truth", flags.Condition{Attr: "a", Op: flags.OpEqual, Value: true}),
		rule("date", flags.Condition{Attr: "a", Op: flags.OpDateLess, Value: "2026-03-01T00:00:00Z"}),
	)
	r.use(t)
	for _, c := range []struct {
		flag  string
		value any
		want  string
	}{
		{"number", 7, "yes"},
		{"number", int8(7), "yes"},
		{"number", int16(7), "yes"},
		{"number", int32(7), "yes"},
		{"number", int64(7), "yes"},
		{"number", uint(7), "yes"},
		{"number", uint8(7), "yes"},
		{"number", uint16(7), "yes"},
		{"number", uint32(7), "yes"},
		{"number", uint64(7), "yes"},
		{"number", float32(7), "yes"},
		{"number", 7.5, "yes"},
		{"number", 6, "no"},
		{"number", "7", "no"},
		{"number", nil, "no"},
		{"number", []int{7}, "no"},
		{"number", object{}, "no"},
		{"truth", true, "yes"},
		{"truth", false, "no"},
		{"date", time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), "yes"},
		{"date", time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), "no"},
		{"date", "2026-02-01", "yes"},
	} {
		got, err := r.client.StringValue(t.Context(), c.flag, "", of.NewTargetlessEvaluationContext(map[string]any{"a": c.value}))
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%s of %T %v", c.flag, c.value, c.value)
	}
}

func TestTheVersionIsInTheMetadata(t *testing.T) {
	t.Parallel()
	r := gherkin(t)
	version := func(key string) int64 {
		d := ask(t, r.client, key, false, of.EvaluationContext{})
		v, err := d.FlagMetadata.GetInt(flagsopenfeature.VersionKey)
		require.NoError(t, err)
		return v
	}
	require.EqualValues(t, 1, version("boolean-flag"))
	require.EqualValues(t, 1, version("metadata-flag"))
	_, err := r.set.Edit(t.Context(), "metadata-flag", func(d *flags.Definition) error {
		d.Description = "changed"
		return nil
	}, "")
	require.NoError(t, err)
	require.EqualValues(t, 2, version("metadata-flag"))
	d := ask(t, r.client, "boolean-disabled-flag", false, of.EvaluationContext{})
	require.EqualValues(t, 1, d.FlagMetadata[flagsopenfeature.VersionKey], "a flag that is off has one too")
}

func TestWhatIsTrackedIsHandedOn(t *testing.T) {
	t.Parallel()
	type tracked struct {
		event  string
		tenant string
		value  float64
	}
	var got []tracked
	set := flags.NewSet(flags.NewMemoryStore(nil), nil)
	p := flagsopenfeature.New(set, &flagsopenfeature.Options{
		Track: func(_ context.Context, event string, evalCtx of.EvaluationContext, d of.TrackingEventDetails) {
			got = append(got, tracked{event, evalCtx.TargetingKey(), d.Value()})
		},
	})
	p.Track(t.Context(), "booked", asTenant("acme"), of.NewTrackingEventDetails(3))
	require.Equal(t, []tracked{{"booked", "acme", 3}}, got)
	flagsopenfeature.New(set, nil).Track(t.Context(), "booked", asTenant("acme"), of.NewTrackingEventDetails(3))
}
