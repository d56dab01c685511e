package flags_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

// exists is a condition.
var exists = flags.Condition{Attr: "a", Op: flags.OpExists}

// ramped gives d a rollout with a ramp of these stages.
func ramped(d *flags.Definition, stages ...flags.Stage) *flags.Schedule {
	d.Rollout = &flags.Rollout{Ramp: &flags.Schedule{Stages: stages}}
	return d.Rollout.Ramp
}

// tooMuch spoils a definition by more than is taken, each in one field.
var tooMuch = []struct {
	name  string
	spoil func(d *flags.Definition)
	field string
}{
	{"a_description", func(d *flags.Definition) { d.Description = strings.Repeat("x", 4097) }, "description"},
	{"an_owner", func(d *flags.Definition) { d.Owner = "ann\x00" }, "owner"},
	{"metadata", func(d *flags.Definition) {
		d.Metadata = map[string]json.RawMessage{}
		for i := range 101 {
			d.Metadata[fmt.Sprint(i)] = json.RawMessage("1")
		}
	}, "metadata"},
	{"variants", func(d *flags.Definition) {
		for i := range 61 {
			d.Variants = append(d.Variants, flags.Variant{Name: fmt.Sprint(i), Value: json.RawMessage("true")})
		}
	}, "variants"},
	{"prerequisites", func(d *flags.Definition) {
		d.Prerequisites = slices.Repeat([]flags.Prerequisite{{Flag: "g", Variants: []string{"on"}}}, 51)
	}, "prerequisites"},
	{"variants_of_a_prerequisite", func(d *flags.Definition) {
		d.Prerequisites = []flags.Prerequisite{{Flag: "g", Variants: slices.Repeat([]string{"on"}, 61)}}
	}, "prerequisites[0].variants"},
	{"tenants", func(d *flags.Definition) {
		d.Tenants = map[string]string{}
		for _, tenant := range tenants(10_001) {
			d.Tenants[tenant] = "on"
		}
	}, "tenants"},
	{"rules", func(d *flags.Definition) {
		d.Rules = slices.Repeat([]flags.Rule{{If: exists, Serve: flags.Only("on")}}, 1001)
	}, "rules"},
	{"conditions_of_a_rule", func(d *flags.Definition) {
		d.Rules = []flags.Rule{{If: flags.Condition{Any: slices.Repeat([]flags.Condition{exists}, 5000)}, Serve: flags.Only("on")}}
	}, "rules[0].if.any[4999]"},
	{"values_of_a_condition", func(d *flags.Definition) {
		in := flags.Condition{Attr: "a", Op: flags.OpIn, Values: slices.Repeat([]any{"x"}, 10_001)}
		d.Rules = []flags.Rule{{If: in, Serve: flags.Only("on")}}
	}, "rules[0].if.values"},
	{"weights", func(d *flags.Definition) {
		d.Rules = []flags.Rule{{If: exists, Serve: slices.Repeat(flags.Serve{{Variant: "on", Weight: 1}}, 101)}}
	}, "rules[0].serve"},
	{"extra_tenants", func(d *flags.Definition) { d.Rollout = &flags.Rollout{Extra: tenants(10_001)} }, "rollout.extra"},
	{"rings", func(d *flags.Definition) {
		d.Rollout = &flags.Rollout{Rings: slices.Repeat([]string{"north"}, 101)}
	}, "rollout.rings"},
	{"stages", func(d *flags.Definition) { ramped(d, make([]flags.Stage, 101)...) }, "rollout.ramp.stages"},
	{"guards", func(d *flags.Definition) {
		ramped(d, flags.Stage{Percent: 5}).Guards = slices.Repeat([]string{"slo"}, 101)
	}, "rollout.ramp.guards"},
	{"extra_tenants_of_a_stage", func(d *flags.Definition) {
		ramped(d, flags.Stage{Percent: 5, Extra: tenants(10_001)})
	}, "rollout.ramp.stages[0].extra"},
	{"tenants_at_the_least", func(d *flags.Definition) {
		ramped(d, flags.Stage{Percent: 5, AtLeast: 10_001})
	}, "rollout.ramp.stages[0].at_least"},
	{"years", func(d *flags.Definition) {
		ramped(d, flags.Stage{Percent: 5, At: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)})
	}, "rollout.ramp.stages[0].at"},
}

func TestMoreThanADefinitionHoldsIsRefusedAndNothingWritten(t *testing.T) {
	t.Parallel()
	set := load(t, `{"key":"f","type":"bool"}`, `{"key":"g","type":"bool"}`)
	segment(t, set, `{"key":"north","if":{"attr":"a","op":"exists"}}`)
	for _, c := range tooMuch {
		_, err := set.Edit(t.Context(), "f", func(d *flags.Definition) error { c.spoil(d); return nil }, "")
		var wrong *tenon.FieldError
		require.ErrorAs(t, err, &wrong, c.name)
		require.Equal(t, c.field, wrong.Field, c.name)
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
	versions, err := set.Versions(t.Context(), "f", 0, 10)
	require.NoError(t, err)
	require.Len(t, versions, 1)
}

func TestAnErrorRepeatsLittleOfWhatItWasGiven(t *testing.T) {
	t.Parallel()
	_, err := flags.ParseDefinition(strings.NewReader(
		`{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"` + strings.Repeat("very ", 9999) + `"},"serve":"on"}]}`))
	require.ErrorIs(t, err, tenon.ErrInvalid)
	require.Less(t, len(err.Error()), 200)
}

func TestAReasonThatIsNoShortTextIsRefusedAndNothingWritten(t *testing.T) {
	t.Parallel()
	set := load(t, `{"key":"f","type":"bool"}`)
	for _, reason := range []string{strings.Repeat("x", 4097), "\xff", "a\x00"} {
		_, err := set.SetDisabled(t.Context(), "f", true, reason)
		var wrong *tenon.FieldError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, "reason", wrong.Field)
	}
	d, err := set.Flag("f")
	require.NoError(t, err)
	require.False(t, d.Disabled)
}
