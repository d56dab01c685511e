package flags_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagstest"
)

// wrong are definitions that are refused, by the path of their fault.
var wrong = []struct{ name, text, path string }{
	{"nothing", ``, "definition"},
	{"no_JSON", `{"key":"f","type":"bool","rules":[{"if":{"attr":x}}]}`, "rules[0].if.attr"},
	{"an_open_end", `{"key":"f","type":"bool","tenants":{"acme":"on"`, "tenants"},
	{"something_after_it", `{"key":"f","type":"bool"} {}`, "definition"},
	{"a_list", `[]`, "definition"},
	{"an_unknown_name", `{"key":"f","type":"bool","enabled":false}`, "enabled"},
	{"an_unknown_name_deep_down", `{"key":"f","type":"bool","rules":[{"if":{"all":[{"attr":"a","op":"exists"},{"attr":"a","operator":"x"}]},"serve":"on"}]}`, "rules[0].if.all[1].operator"},
	{"an_unknown_name_in_a_weight", `{"key":"f","type":"bool","rollout":{"percent":1,"serve":[{"variant":"on","wieght":1}]}}`, "rollout.serve[0].wieght"},
	{"a_number_for_text", `{"key":7,"type":"bool"}`, "key"},
	{"text_for_a_number", `{"key":"f","type":"bool","rollout":{"percent":"5"}}`, "rollout.percent"},
	{"an_object_for_a_list", `{"key":"f","type":"bool","rules":{}}`, "rules"},
	{"a_number_for_a_variant", `{"key":"f","type":"bool","tenants":{"acme":1}}`, "tenants.acme"},
	{"a_number_to_serve", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"exists"},"serve":1}]}`, "rules[0].serve"},
	{"no_duration", `{"key":"f","type":"bool","rollout":{"percent":1,"ramp":{"stages":[{"percent":1}],"every":"soon"}}}`, "rollout.ramp.every"},
	{"no_instant", `{"key":"f","type":"bool","expires":"tomorrow"}`, "expires"},
	{"a_list_of_tenants", `{"key":"f","type":"bool","tenants":[]}`, "tenants"},
	{"text_for_a_truth", `{"key":"f","type":"bool","disabled":"yes"}`, "disabled"},
	{"a_name_that_is_no_text", `{"key":"f","type":"bool","tenants":{7:"on"}}`, "tenants"},
	{"an_unknown_name_too_deep_to_look_for", `{"key":"f","type":"bool","rules":[{"if":` + strings.Repeat(`{"not":`, 220) + `{"mood":1}` + strings.Repeat(`}`, 220) + `,"serve":"on"}]}`, "rules[0].if" + strings.Repeat(".not", 198)},
	{"no_key", `{"type":"bool"}`, "key"},
	{"a_key_with_a_space", `{"key":"a b","type":"bool"}`, "key"},
	{"no_type", `{"key":"f"}`, "type"},
	{"no_variants", `{"key":"f","type":"string"}`, "variants"},
	{"a_variant_twice", `{"key":"f","type":"int","default":"a","variants":[{"name":"a","value":1},{"name":"a","value":2}]}`, "variants[1].name"},
	{"a_value_of_another_type", `{"key":"f","type":"int","default":"a","variants":[{"name":"a","value":1.5}]}`, "variants[0].value"},
	{"a_null_value", `{"key":"f","type":"string","default":"a","variants":[{"name":"a","value":null}]}`, "variants[0].value"},
	{"a_value_that_is_no_UTF-8", "{\"key\":\"f\",\"type\":\"string\",\"default\":\"a\",\"variants\":[{\"name\":\"a\",\"value\":\"\xff\"}]}", "variants[0].value"},
	{"metadata_that_is_no_UTF-8", "{\"key\":\"f\",\"type\":\"bool\",\"metadata\":{\"m\":\"\xff\"}}", "metadata.m"},
	{"no_value", `{"key":"f","type":"json","default":"a","variants":[{"name":"a"}]}`, "variants[0].value"},
	{"an_unknown_default", `{"key":"f","type":"bool","default":"maybe"}`, "default"},
	{"an_unknown_variant_of_a_tenant", `{"key":"f","type":"bool","tenants":{"a corp":"maybe"}}`, `tenants["a corp"]`},
	{"an_unknown_variant_of_a_rule", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"exists"},"serve":"maybe"}]}`, "rules[0].serve"},
	{"an_unknown_variant_of_a_weight", `{"key":"f","type":"bool","rollout":{"percent":5,"serve":[{"variant":"on","weight":1},{"variant":"maybe","weight":1}]}}`, "rollout.serve[1]"},
	{"an_unknown_operator", `{"key":"f","type":"bool","rules":[{"if":{"any":[{"not":{"attr":"a","op":"like","value":"x"}}]},"serve":"on"}]}`, "rules[0].if.any[0].not.op"},
	{"no_operator", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a"},"serve":"on"}]}`, "rules[0].if.op"},
	{"no_condition", `{"key":"f","type":"bool","rules":[{"serve":"on"}]}`, "rules[0].if"},
	{"two_conditions_in_one", `{"key":"f","type":"bool","rules":[{"if":{"segment":"s","attr":"a","op":"exists"},"serve":"on"}]}`, "rules[0].if"},
	{"an_empty_all", `{"key":"f","type":"bool","rules":[{"if":{"all":[]},"serve":"on"}]}`, "rules[0].if.all"},
	{"an_empty_any", `{"key":"f","type":"bool","rules":[{"if":{"any":[]},"serve":"on"}]}`, "rules[0].if.any"},
	{"a_network_that_is_no_text", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"cidr","value":10},"serve":"on"}]}`, "rules[0].if.value"},
	{"several_where_one_is_taken", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"lt","values":[1,2]},"serve":"on"}]}`, "rules[0].if.value"},
	{"none_where_several_are_taken", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"in"},"serve":"on"}]}`, "rules[0].if.value"},
	{"an_unknown_operator_of_many_words", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"` + strings.Repeat("very ", 99) + `"},"serve":"on"}]}`, "rules[0].if.op"},
	{"a_test_of_nothing", `{"key":"f","type":"bool","rules":[{"if":{"op":"exists"},"serve":"on"}]}`, "rules[0].if.attr"},
	{"a_tenant_without_a_name", `{"key":"f","type":"bool","tenants":{"":"on"}}`, `tenants[""]`},
	{"a_prerequisite_of_no_variant", `{"key":"f","type":"bool","prerequisites":[{"flag":"g","variants":[]}]}`, "prerequisites[0].variants"},
	{"a_negative_watch", `{"key":"f","type":"bool","rollout":{"percent":0,"ramp":{"stages":[{"percent":5}],"watch":"-1h"}}}`, "rollout.ramp.watch"},
	{"a_negative_number_of_tenants", `{"key":"f","type":"bool","rollout":{"percent":0,"ramp":{"stages":[{"percent":5,"at_least":-1}]}}}`, "rollout.ramp.stages[0].at_least"},
	{"a_stage_before_time_began", `{"key":"f","type":"bool","rollout":{"percent":0,"ramp":{"stages":[{"percent":5,"at":"1969-12-31T23:59:59Z"}]}}}`, "rollout.ramp.stages[0].at"},
	{"no_values", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"in","values":[]},"serve":"on"}]}`, "rules[0].if.values"},
	{"a_value_too_many", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"exists","value":1},"serve":"on"}]}`, "rules[0].if"},
	{"no_value_to_compare_with", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"lt"},"serve":"on"}]}`, "rules[0].if.value"},
	{"text_to_compare_numbers_with", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"lt","value":"1"},"serve":"on"}]}`, "rules[0].if.value"},
	{"a_list_in_a_list", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"in","values":["x",["y"]]},"serve":"on"}]}`, "rules[0].if.values[1]"},
	{"a_number_that_rounds", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"in","values":[1,9007199254740993]},"serve":"on"}]}`, "rules[0].if.values[1]"},
	{"no_version", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"semver_lt","value":"new"},"serve":"on"}]}`, "rules[0].if.value"},
	{"no_date", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"date_lt","value":"10.3.2026"},"serve":"on"}]}`, "rules[0].if.value"},
	{"no_network", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"cidr","values":["10.0.0.0/8","10.0.0.0/33"]},"serve":"on"}]}`, "rules[0].if.values[1]"},
	{"no_pattern", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"matches","value":"("},"serve":"on"}]}`, "rules[0].if.value"},
	{"a_pattern_too_long", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"matches","value":"` + strings.Repeat("a", 513) + `"},"serve":"on"}]}`, "rules[0].if.value"},
	{"a_pattern_that_grows", `{"key":"f","type":"bool","rules":[{"if":{"attr":"a","op":"matches","value":"((a{10}){10}){10}((a{10}){10}){10}((a{10}){10}){10}((a{10}){10}){10}((a{10}){10}){10}"},"serve":"on"}]}`, "rules[0].if.value"},
	{"conditions_nested_too_deep", `{"key":"f","type":"bool","rules":[{"if":` + strings.Repeat(`{"not":`, 40) + `{"attr":"a","op":"exists"}` + strings.Repeat(`}`, 40) + `,"serve":"on"}]}`, "rules[0].if" + strings.Repeat(".not", 33)},
	{"weights_that_overflow", `{"key":"f","type":"bool","rollout":{"percent":5,"serve":[{"variant":"on","weight":2147483647},{"variant":"off","weight":1}]}}`, "rollout.serve[1].weight"},
	{"weights_of_64_bits_that_overflow", `{"key":"f","type":"bool","rollout":{"percent":5,"serve":[{"variant":"on","weight":9223372036854775807},{"variant":"off","weight":9223372036854775807}]}}`, "rollout.serve[0].weight"},
	{"a_weight_beyond_64_bits", `{"key":"f","type":"bool","rollout":{"percent":5,"serve":[{"variant":"on","weight":9223372036854775808}]}}`, "rollout.serve[0].weight"},
	{"a_negative_weight", `{"key":"f","type":"bool","rollout":{"percent":5,"serve":[{"variant":"on","weight":2},{"variant":"off","weight":-1}]}}`, "rollout.serve[1].weight"},
	{"weights_of_nothing", `{"key":"f","type":"bool","rollout":{"percent":5,"serve":[{"variant":"on","weight":0},{"variant":"off","weight":0}]}}`, "rollout.serve"},
	{"nothing_to_serve", `{"key":"f","type":"string","default":"a","variants":[{"name":"a","value":""}],"rollout":{"percent":5}}`, "rollout.serve"},
	{"more_than_everybody", `{"key":"f","type":"bool","rollout":{"percent":100.1}}`, "rollout.percent"},
	{"less_than_nobody", `{"key":"f","type":"bool","rollout":{"percent":-1}}`, "rollout.percent"},
	{"steps_too_small", `{"key":"f","type":"bool","rollout":{"percent":0.00001}}`, "rollout.percent"},
	{"no_stages", `{"key":"f","type":"bool","rollout":{"percent":0,"ramp":{"stages":[]}}}`, "rollout.ramp.stages"},
	{"stages_out_of_order", `{"key":"f","type":"bool","rollout":{"percent":0,"ramp":{"stages":[{"percent":5,"at":"2026-03-10T00:00:00Z"},{"percent":50,"at":"2026-03-09T00:00:00Z"}]}}}`, "rollout.ramp.stages[1].at"},
	{"an_unknown_state", `{"key":"f","type":"bool","rollout":{"percent":0,"ramp":{"stages":[{"percent":5}],"state":"lost"}}}`, "rollout.ramp.state"},
	{"beyond_the_last_stage", `{"key":"f","type":"bool","rollout":{"percent":0,"ramp":{"stages":[{"percent":5}],"reached":2}}}`, "rollout.ramp.reached"},
	{"metadata_that_is_a_list", `{"key":"f","type":"bool","metadata":{"m":[]}}`, "metadata.m"},
	{"a_rule_twice", `{"key":"f","type":"bool","rules":[{"id":"r","if":{"attr":"a","op":"exists"},"serve":"on"},{"id":"r","if":{"attr":"a","op":"exists"},"serve":"on"}]}`, "rules[1].id"},
	{"too_long", `{"key":"f","type":"bool","description":"` + strings.Repeat("x", 1<<20) + `"}`, "definition"},
}

func TestAWrongDefinitionIsRefusedWithThePathOfTheFault(t *testing.T) {
	t.Parallel()
	for _, c := range wrong {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := flags.ParseDefinition(strings.NewReader(c.text))
			require.ErrorIs(t, err, tenon.ErrInvalid)
			var field *tenon.FieldError
			require.True(t, errors.As(err, &field))
			require.Equal(t, c.path, field.Field, "%v", err)
			require.True(t, strings.HasPrefix(err.Error(), "flags: "), err)
		})
	}
}

func TestANameInCapitalsIsUnknown(t *testing.T) {
	t.Parallel()
	for text, path := range map[string]string{
		`{"key":"f","type":"bool","disabled":true,"Disabled":false}`:                                    "Disabled",
		`{"key":"f","type":"bool","rules":[{"if":{"attr":"a","OP":"exists"},"serve":"on"}]}`:            "rules[0].if.OP",
		`{"key":"f","type":"bool","rollout":{"percent":1,"serve":[{"variant":"on","Weight":1}]}}`:       "rollout.serve[0].Weight",
		`{"key":"f","type":"bool","rollout":{"percent":1,"ramp":{"stages":[{"percent":1,"AT":null}]}}}`: "rollout.ramp.stages[0].AT",
	} {
		_, err := flags.ParseDefinition(strings.NewReader(text))
		var field *tenon.FieldError
		require.True(t, errors.As(err, &field), text)
		require.Equal(t, path, field.Field)
	}
}

func TestWhatIsRefusedLeavesWhatIsLive(t *testing.T) {
	t.Parallel()
	set := load(t, `{"key":"f","type":"bool","default":"on"}`)
	d, err := set.Flag("f")
	require.NoError(t, err)
	for _, spoil := range []func(d *flags.Definition){
		func(d *flags.Definition) { d.Default = "maybe" },
		func(d *flags.Definition) { d.Key = "g" },
		func(d *flags.Definition) { d.Metadata = map[string]json.RawMessage{"x": json.RawMessage("{")} },
		func(d *flags.Definition) {
			d.Prerequisites = []flags.Prerequisite{{Flag: "none", Variants: []string{"on"}}}
		},
		func(d *flags.Definition) { d.Rollout = &flags.Rollout{Rings: []string{"none"}} },
		func(d *flags.Definition) {
			d.Rules = []flags.Rule{{If: flags.Condition{Attr: "a", Op: flags.OpEqual, Value: struct{}{}}, Serve: flags.Only("on")}}
		},
	} {
		_, err := set.Edit(t.Context(), "f", func(d *flags.Definition) error { spoil(d); return nil }, "")
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
	after, err := set.Flag("f")
	require.NoError(t, err)
	require.Equal(t, d, after)
	require.True(t, flags.Bool("f", false).On(t.Context(), set))
}

func TestCyclesAreRefusedAndDiamondsAccepted(t *testing.T) {
	t.Parallel()
	set := load(t)
	put := func(key string, needs ...string) error {
		d := flags.Definition{Key: key, Type: flags.TypeBool, Default: "on"}
		for _, other := range needs {
			d.Prerequisites = append(d.Prerequisites, flags.Prerequisite{Flag: other, Variants: []string{"on"}})
		}
		if have, err := set.Flag(key); err == nil {
			d.Version = have.Version
		}
		_, err := set.Put(t.Context(), d, "")
		return err
	}
	require.NoError(t, put("d"))
	require.NoError(t, put("b", "d"))
	require.NoError(t, put("c", "d"))
	require.NoError(t, put("a", "b", "c"), "a diamond is no cycle")
	require.True(t, flags.Bool("a", false).On(t.Context(), set))
	for _, c := range []struct {
		key   string
		needs []string
		path  string
	}{{"d", []string{"a"}, "prerequisites[0].flag"}, {"d", []string{"d"}, "prerequisites[0].flag"}, {"b", []string{"d", "a"}, "prerequisites[1].flag"}} {
		err := put(c.key, c.needs...)
		var field *tenon.FieldError
		require.True(t, errors.As(err, &field), "%v", err)
		require.Equal(t, c.path, field.Field)
		require.Contains(t, field.Reason, "cycle")
	}
	require.True(t, flags.Bool("a", false).On(t.Context(), set))
	require.ErrorIs(t, set.Delete(t.Context(), "d", 1, ""), flags.ErrInUse)
}

func TestCyclesOfSegmentsAreRefusedAndDiamondsAccepted(t *testing.T) {
	t.Parallel()
	set := load(t)
	put := func(key string, uses ...string) error {
		s := flags.Segment{Key: key, If: flags.Condition{Any: []flags.Condition{{Attr: "x", Op: flags.OpExists}}}}
		for _, other := range uses {
			s.If.Any = append(s.If.Any, flags.Condition{Not: &flags.Condition{Segment: other}})
		}
		if have, err := set.Segment(key); err == nil {
			s.Version = have.Version
		}
		_, err := set.PutSegment(t.Context(), s, "")
		return err
	}
	require.NoError(t, put("d"))
	require.NoError(t, put("b", "d"))
	require.NoError(t, put("c", "d"))
	require.NoError(t, put("a", "b", "c"))
	require.ErrorContains(t, put("d", "a"), "cycle")
	require.ErrorContains(t, put("d", "d"), "cycle")
	require.ErrorContains(t, put("e", "none"), "no segment")
	require.ErrorIs(t, set.DeleteSegment(t.Context(), "d", 1, ""), flags.ErrInUse)
}

func TestTowersOfDiamondsAreBounded(t *testing.T) {
	t.Parallel()
	set := load(t)
	var err error
	storeys := 0
	for err == nil {
		require.Less(t, storeys, 40)
		below := flags.Condition{Attr: "x", Op: flags.OpExists}
		if storeys > 0 {
			below = flags.Condition{Segment: fmt.Sprintf("s%d", storeys-1)}
		}
		_, err = set.PutSegment(t.Context(), flags.Segment{
			Key: fmt.Sprintf("s%d", storeys), If: flags.Condition{All: []flags.Condition{below, {Not: &below}}},
		}, "")
		storeys++
	}
	require.ErrorIs(t, err, tenon.ErrInvalid)
	require.Greater(t, storeys, 8)
}

func TestTowersAreBoundedFromAboveToo(t *testing.T) {
	t.Parallel()
	set := load(t)
	for _, key := range []string{"a", "b", "c"} {
		_, err := set.Put(t.Context(), onFlag(key, "on"), "")
		require.NoError(t, err)
	}
	fifty := func(key, needs string) error {
		_, err := set.Edit(t.Context(), key, func(d *flags.Definition) error {
			d.Prerequisites = slices.Repeat([]flags.Prerequisite{{Flag: needs, Variants: []string{"on"}}}, 50)
			return nil
		}, "")
		return err
	}
	require.NoError(t, fifty("a", "b"))
	require.ErrorIs(t, fifty("b", "c"), tenon.ErrInvalid, "a would ask 2,551 flags")
	require.NoError(t, fifty("c", "b"))

	segment(t, set, `{"key":"small","if":{"attr":"x","op":"exists"}}`)
	d := onFlag("d", "on")
	d.Rules = []flags.Rule{{Serve: flags.Only("on"), If: flags.Condition{Any: slices.Repeat([]flags.Condition{{Segment: "small"}}, 1000)}}}
	_, err := set.Put(t.Context(), d, "")
	require.NoError(t, err)
	large := flags.Segment{Key: "small", Version: 1, If: flags.Condition{Any: slices.Repeat([]flags.Condition{{Attr: "x", Op: flags.OpExists}}, 20)}}
	_, err = set.PutSegment(t.Context(), large, "")
	require.ErrorIs(t, err, tenon.ErrInvalid, "d would ask 21,000 conditions")
}

func TestAVariantThatOthersNeedCannotGo(t *testing.T) {
	t.Parallel()
	set := load(t,
		`{"key":"base","type":"int","default":"a","variants":[{"name":"a","value":1},{"name":"b","value":2}]}`,
		`{"key":"f","type":"bool","prerequisites":[{"flag":"base","variants":["b"]}]}`)
	_, err := set.Edit(t.Context(), "base", func(d *flags.Definition) error {
		d.Variants = d.Variants[:1]
		return nil
	}, "")
	require.ErrorContains(t, err, "variants: ")
	require.ErrorIs(t, err, tenon.ErrInvalid)
}

func TestADefinitionSurvivesItsJSONForm(t *testing.T) {
	t.Parallel()
	text := `{"key":"f","description":"d","type":"string","variants":[{"name":"a","value":"A"},{"name":"b","value":"B"}],"default":"a",` +
		`"prerequisites":[{"flag":"g","variants":["on"]}],"tenants":{"acme":"b"},` +
		`"rules":[{"id":"r","if":{"all":[{"any":[{"attr":"x","op":"in","values":["1",2,true]}]},{"not":{"segment":"s"}}]},"serve":[{"variant":"a","weight":1},{"variant":"b","weight":3}]}],` +
		`"rollout":{"percent":0.1,"serve":"b","extra":["e"],"rings":["s"],"ramp":{"stages":[{"percent":5,"at":"2026-03-10T12:00:00Z","at_least":2},{"percent":100}],"every":"24h0m0s","guards":["slo"],"reached":1,"since":"2026-03-10T12:00:00Z","state":"paused","note":"n"}},` +
		`"by":"user","salt":"s","variant_salt":"v","owner":"o","expires":"2027-01-01T00:00:00Z","never_stale":true,"metadata":{"m":1}}`
	d := parse(t, text)
	b, err := json.Marshal(d)
	require.NoError(t, err)
	require.Equal(t, text, string(b))
}

// FuzzDefinition holds any JSON against what is promised: it is refused with the path of the fault, or it evaluates.
func FuzzDefinition(f *testing.F) {
	for _, c := range wrong {
		if len(c.text) < 4096 {
			f.Add([]byte(c.text))
		}
	}
	for _, i := range [][]int{{0}, {1}, {2, 3}, {4, 5}, {2, 3, 4}} {
		b, err := json.Marshal(of(i...))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"key":"f","type":"bool","rules":[{"if":{"attr":"x","op":"matches","value":"a.*"},"serve":[{"variant":"on","weight":3}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := flags.ParseDefinition(strings.NewReader(string(b)))
		if err != nil {
			var field *tenon.FieldError
			require.True(t, errors.As(err, &field), "%v", err)
			require.NotEmpty(t, field.Field)
			return
		}
		evaluates(t, d)
	})
}

// evaluates stores d, and evaluates and explains it for some.
func evaluates(t *testing.T, d flags.Definition) {
	d.Prerequisites = nil // what they name is not there
	set := flagstest.Set(t)
	stored, err := set.Put(t.Context(), d, "")
	if err != nil {
		require.ErrorIs(t, err, tenon.ErrInvalid) // a segment is not there
		return
	}
	for _, w := range []flags.Who{
		{}, {Tenant: "acme"}, {Tenant: "acme", Attrs: []flags.Attr{flags.Text("x", "aaa"), flags.Number("a", 1), flags.Truth("b", true)}},
	} {
		got := set.Evaluate(d.Key, &w)
		require.NotEmpty(t, got.Reason)
		explained, err := set.Explain(d.Key, &w)
		require.NoError(t, err)
		require.Equal(t, got, explained.Detail)
		require.Equal(t, got.Cause, explained.Steps[len(explained.Steps)-1].Cause)
	}
	again, err := set.Put(t.Context(), stored, "")
	require.NoError(t, err)
	require.Equal(t, stored.Version, again.Version, "what equals the stored version is not stored again")
}
