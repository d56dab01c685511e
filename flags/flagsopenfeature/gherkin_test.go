package flagsopenfeature_test

import (
	"encoding/json"
	"fmt"
	"testing"

	of "github.com/open-feature/go-sdk/openfeature"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagsopenfeature"
)

// A scenario is an example of OpenFeature's evaluation.feature or evaluation_v2.feature (open-feature/spec,
// specification/assets/gherkin): what is asked of the flags of testdata/gherkin.json, and what must be answered.
type scenario struct {
	key      string
	fallback any // its type is the flag's type that is asked for
	context  map[string]any
	want     any
	variant  string
	reason   of.Reason
	code     of.ErrorCode
}

// ask evaluates with details, by the method for the fallback's type.
func ask(t *testing.T, c *of.Client, key string, fallback any, evalCtx of.EvaluationContext) of.InterfaceEvaluationDetails {
	t.Helper()
	var d of.InterfaceEvaluationDetails
	switch fallback := fallback.(type) {
	case bool:
		got, _ := c.BooleanValueDetails(t.Context(), key, fallback, evalCtx)
		d.Value, d.EvaluationDetails = got.Value, got.EvaluationDetails
	case string:
		got, _ := c.StringValueDetails(t.Context(), key, fallback, evalCtx)
		d.Value, d.EvaluationDetails = got.Value, got.EvaluationDetails
	case int64:
		got, _ := c.IntValueDetails(t.Context(), key, fallback, evalCtx)
		d.Value, d.EvaluationDetails = got.Value, got.EvaluationDetails
	case float64:
		got, _ := c.FloatValueDetails(t.Context(), key, fallback, evalCtx)
		d.Value, d.EvaluationDetails = got.Value, got.EvaluationDetails
	default:
		d, _ = c.ObjectValueDetails(t.Context(), key, fallback, evalCtx)
	}
	return d
}

func (s scenario) check(t *testing.T, c *of.Client) {
	t.Helper()
	d := ask(t, c, s.key, s.fallback, of.NewTargetlessEvaluationContext(s.context))
	require.Equal(t, s.want, d.Value)
	require.Equal(t, s.key, d.FlagKey)
	require.Equal(t, s.reason, d.Reason)
	require.Equal(t, s.code, d.ErrorCode)
	if s.variant != "" || s.code != "" {
		require.Equal(t, s.variant, d.Variant)
	}
}

func checkAll(t *testing.T, c *of.Client, scenarios []scenario) {
	t.Helper()
	for _, s := range scenarios {
		t.Run(fmt.Sprintf("%s/%T", s.key, s.fallback), func(t *testing.T) { s.check(t, c) })
	}
}

type object = map[string]any

var (
	template = object{"showImages": true, "title": "Check out these pics!", "imagesPerPage": 100.0}
	other    = object{"a": 1.0}
)

func TestGherkinResolvesValuesVariantsAndReasons(t *testing.T) {
	t.Parallel()
	checkAll(t, gherkin(t).client, []scenario{
		{key: "boolean-flag", fallback: false, want: true, variant: "on", reason: of.StaticReason},
		{key: "string-flag", fallback: "bye", want: "hi", variant: "greeting", reason: of.StaticReason},
		{key: "integer-flag", fallback: int64(1), want: int64(10), variant: "ten", reason: of.StaticReason},
		{key: "float-flag", fallback: 0.1, want: 0.5, variant: "half", reason: of.StaticReason},
		{key: "object-flag", fallback: object{}, want: template, variant: "template", reason: of.StaticReason},
		{key: "object-flag", fallback: nil, want: template, variant: "template", reason: of.StaticReason},
	})
}

func TestGherkinTakesZeroValuesForValues(t *testing.T) {
	t.Parallel()
	checkAll(t, gherkin(t).client, []scenario{
		{key: "boolean-zero-flag", fallback: true, want: false, variant: "zero", reason: of.StaticReason},
		{key: "string-zero-flag", fallback: "hi", want: "", variant: "zero", reason: of.StaticReason},
		{key: "integer-zero-flag", fallback: int64(1), want: int64(0), variant: "zero", reason: of.StaticReason},
		{key: "float-zero-flag", fallback: 0.1, want: 0.0, variant: "zero", reason: of.StaticReason},
		{key: "object-zero-flag", fallback: other, want: object{}, variant: "zero", reason: of.StaticReason},
	})
}

func TestNullIsAValueOfAnObject(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.declare(t, flags.Definition{
		Key: "null", Type: flags.TypeJSON, Default: "none", Variants: []flags.Variant{{Name: "none", Value: json.RawMessage("null")}},
	})
	r.use(t)
	scenario{key: "null", fallback: other, want: nil, variant: "none", reason: of.StaticReason}.check(t, r.client)
}

func TestAListIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.declare(t, flags.Definition{
		Key: "lanes", Type: flags.TypeJSON, Default: "two", Variants: []flags.Variant{{Name: "two", Value: json.RawMessage(`[{"from": "a"}, ["b"]]`)}},
	})
	r.use(t)
	for range 2 {
		got, err := r.client.ObjectValue(t.Context(), "lanes", nil, of.EvaluationContext{})
		require.NoError(t, err)
		require.Equal(t, []any{object{"from": "a"}, []any{"b"}}, got)
		list := got.([]any)
		list[0].(object)["from"], list[1].([]any)[0], list[0] = "changed", "changed", "changed"
	}
}

func TestAFixedValueReachesAClient(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.declare(t, flags.Definition{Key: "bulk", Type: flags.TypeBool, Tenants: map[string]string{"acme": "off"}})
	require.NoError(t, r.set.Load(t.Context()))
	p := flagsopenfeature.New(r.set.Fix("bulk", true).Fix("unheard", "of"), nil)
	d := p.BooleanEvaluation(t.Context(), "bulk", false, of.FlattenedContext{of.TargetingKey: "acme"})
	require.True(t, d.Value)
	require.Equal(t, of.StaticReason, d.Reason)
	require.Equal(t, "of", p.StringEvaluation(t.Context(), "unheard", "", nil).Value)
	require.True(t, p.BooleanEvaluation(t.Context(), "unheard", true, nil).Value, "a value of another type is none")
}

// zeroTargeted are the flags whose rule and whose default both give the zero value: only the reason tells them apart.
func zeroTargeted(context map[string]any, reason of.Reason) []scenario {
	return []scenario{
		{key: "boolean-targeted-zero-flag", fallback: true, context: context, want: false, variant: "zero", reason: reason},
		{key: "string-targeted-zero-flag", fallback: "hi", context: context, want: "", variant: "zero", reason: reason},
		{key: "integer-targeted-zero-flag", fallback: int64(1), context: context, want: int64(0), variant: "zero", reason: reason},
		{key: "float-targeted-zero-flag", fallback: 0.1, context: context, want: 0.0, variant: "zero", reason: reason},
		{key: "object-targeted-zero-flag", fallback: other, context: context, want: object{}, variant: "zero", reason: reason},
	}
}

func TestGherkinTargetsByContext(t *testing.T) {
	t.Parallel()
	c := gherkin(t).client
	for name, set := range map[string][]scenario{
		"a_rule_that_matches":        zeroTargeted(object{"email": "ballmer@macrosoft.com"}, of.TargetingMatchReason),
		"a_rule_that_does_not":       zeroTargeted(object{"email": "ballmer@none.com"}, of.DefaultReason),
		"an_empty_context":           zeroTargeted(nil, of.DefaultReason),
		"an_attribute_that_is_null":  zeroTargeted(object{"email": nil}, of.DefaultReason),
		"several_attributes_at_once": complexTargeted,
	} {
		t.Run(name, func(t *testing.T) { checkAll(t, c, set) })
	}
}

var complexTargeted = []scenario{
	{
		key: "complex-targeted", fallback: "default",
		context: object{"email": "ballmer@macrosoft.com", "role": "admin", "age": 65, "customer": false},
		want:    "INTERNAL", variant: "internal", reason: of.TargetingMatchReason,
	},
	{
		key: "context-aware", fallback: "EXTERNAL",
		context: object{"fn": "Sulisław", "ln": "Świętopełk", "age": 29, "customer": false},
		want:    "INTERNAL", variant: "internal", reason: of.TargetingMatchReason,
	},
	{key: "context-aware", fallback: "EXTERNAL", want: "EXTERNAL", variant: "external", reason: of.DefaultReason},
}

func TestGherkinGivesTheFallbackForADisabledFlagWithoutAnError(t *testing.T) {
	t.Parallel()
	checkAll(t, gherkin(t).client, []scenario{
		{key: "boolean-disabled-flag", fallback: false, want: false, reason: of.DisabledReason},
		{key: "string-disabled-flag", fallback: "bye", want: "bye", reason: of.DisabledReason},
		{key: "integer-disabled-flag", fallback: int64(1), want: int64(1), reason: of.DisabledReason},
		{key: "float-disabled-flag", fallback: 0.1, want: 0.1, reason: of.DisabledReason},
		{key: "object-disabled-flag", fallback: other, want: other, reason: of.DisabledReason},
	})
}

// same are scenarios that give the fallback, one for each type.
func same(key string, code of.ErrorCode) []scenario {
	var all []scenario
	for _, fallback := range []any{false, "bye", int64(1), 0.1, other} {
		all = append(all, scenario{key: key, fallback: fallback, want: fallback, reason: of.ErrorReason, code: code})
	}
	return all
}

func TestGherkinGivesTheFallbackForAFlagThatIsNotThere(t *testing.T) {
	t.Parallel()
	checkAll(t, gherkin(t).client, append(same("non-existent-flag", of.FlagNotFoundCode),
		scenario{key: "missing-flag", fallback: "uh-oh", want: "uh-oh", reason: of.ErrorReason, code: of.FlagNotFoundCode}))
}

func TestGherkinGivesTheFallbackForAnotherType(t *testing.T) {
	t.Parallel()
	c := gherkin(t).client
	checkAll(t, c, same("boolean-flag", of.TypeMismatchCode)[1:])
	checkAll(t, c, []scenario{
		{key: "string-flag", fallback: false, want: false, reason: of.ErrorReason, code: of.TypeMismatchCode},
		{key: "wrong-flag", fallback: int64(13), want: int64(13), reason: of.ErrorReason, code: of.TypeMismatchCode},
	})
}

// byType are the flags of the scenarios about a provider that cannot answer.
var byType = map[string]any{
	"boolean-flag": false, "string-flag": "bye", "integer-flag": int64(1), "float-flag": 0.1, "object-flag": other,
}

func TestGherkinTellsMetadata(t *testing.T) {
	t.Parallel()
	d := ask(t, gherkin(t).client, "metadata-flag", true, of.EvaluationContext{})
	for key, want := range (object{"string": "1.0.2", "integer": int64(2), "float": 0.1, "boolean": true}) {
		require.Equal(t, want, d.FlagMetadata[key], key)
	}
}
