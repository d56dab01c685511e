package flags_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/flags"
)

// when says whether the condition, written in JSON, holds for w.
func when(t *testing.T, set *flags.Set, condition string, w *flags.Who) bool {
	t.Helper()
	d := parse(t, `{"key":"f","type":"bool","rules":[{"if":`+condition+`,"serve":"on"}]}`)
	if have, err := set.Flag("f"); err == nil {
		d.Version = have.Version
	}
	_, err := set.Put(t.Context(), d, "")
	require.NoError(t, err)
	return set.Evaluate("f", w).Value == true
}

func TestOperators(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 10, 12, 0, 0, 1000, time.UTC)
	text := func(v string) flags.Attr { return flags.Text("x", v) }
	number := func(v float64) flags.Attr { return flags.Number("x", v) }
	for _, c := range []struct {
		rest string // of the condition on x
		yes  []flags.Attr
		no   []flags.Attr
	}{
		{`"op":"equal","value":"a"`, []flags.Attr{text("a")}, []flags.Attr{text("b"), text("A"), text(""), number(1), flags.Truth("x", true)}},
		{`"op":"equal","value":""`, []flags.Attr{text("")}, []flags.Attr{text("a"), number(0), flags.Truth("x", false)}},
		{`"op":"equal","value":1`, []flags.Attr{number(1)}, []flags.Attr{number(1.5), text("1"), flags.Truth("x", true), number(math.NaN())}},
		{`"op":"equal","value":0`, []flags.Attr{number(0)}, []flags.Attr{text(""), flags.Truth("x", false)}},
		{`"op":"equal","value":false`, []flags.Attr{flags.Truth("x", false)}, []flags.Attr{flags.Truth("x", true), number(0), text("false")}},
		{`"op":"in","values":["a","b",3,true]`, []flags.Attr{text("b"), number(3), flags.Truth("x", true)}, []flags.Attr{text("c"), number(4), flags.Truth("x", false), flags.Time("x", at)}},
		{`"op":"in","values":["0","1","2","3","4","5","6","7","8","9"]`, []flags.Attr{text("0"), text("9")}, []flags.Attr{text("10"), text("")}},
		{`"op":"not_in","values":["a","b"]`, []flags.Attr{text("c"), number(1)}, []flags.Attr{text("a")}},
		{`"op":"exists"`, []flags.Attr{text(""), number(0), flags.Truth("x", false), flags.Time("x", at)}, nil},
		{`"op":"lt","value":2`, []flags.Attr{number(1.9), number(math.Inf(-1))}, []flags.Attr{number(2), number(math.NaN()), text("1")}},
		{`"op":"le","value":2`, []flags.Attr{number(2)}, []flags.Attr{number(2.1)}},
		{`"op":"gt","value":2`, []flags.Attr{number(2.1), number(math.Inf(1))}, []flags.Attr{number(2), number(math.NaN())}},
		{`"op":"ge","value":2`, []flags.Attr{number(2)}, []flags.Attr{number(1.9), text("3")}},
		{`"op":"date_lt","value":"2026-03-10T12:00:00.000001Z"`, []flags.Attr{flags.Time("x", at.Add(-time.Microsecond)), text("2026-03-10")}, []flags.Attr{flags.Time("x", at), text("2026-03-11"), text("soon"), number(0)}},
		{`"op":"date_le","value":"2026-03-10T13:00:00+01:00"`, []flags.Attr{text("2026-03-10T12:00:00Z")}, []flags.Attr{flags.Time("x", at)}},
		{`"op":"date_gt","value":"2026-03-10"`, []flags.Attr{flags.Time("x", at)}, []flags.Attr{text("2026-03-10")}},
		{`"op":"date_ge","value":"2026-03-10"`, []flags.Attr{text("2026-03-10"), flags.Time("x", at)}, []flags.Attr{text("2026-03-09T23:59:59Z"), text(""), text("2026-03-10T12:00:00." + strings.Repeat("0", 30) + "Z")}},
		{`"op":"semver_eq","value":"1.2"`, []flags.Attr{text("1.2.0"), text("v1.2.0+build.5")}, []flags.Attr{text("1.2.1"), text("1.2.0-rc.1"), text("x"), number(1.2)}},
		{`"op":"semver_lt","value":"1.10.0"`, []flags.Attr{text("1.9.9"), text("1.10.0-rc.1"), text("1")}, []flags.Attr{text("1.10.0"), text("1.10"), text("2")}},
		{`"op":"semver_le","value":"1.0.0"`, []flags.Attr{text("1.0.0"), text("0.9.9")}, []flags.Attr{text("1.0.1")}},
		{`"op":"semver_gt","value":"1.0.0-beta.2"`, []flags.Attr{text("1.0.0-beta.11"), text("1.0.0-rc.1"), text("1.0.0")}, []flags.Attr{text("1.0.0-beta"), text("1.0.0-alpha"), text("1.0.0-beta.2"), text("1.0.0-1")}},
		{`"op":"semver_ge","value":"1.0.0"`, []flags.Attr{text("1.0.0"), text("v2")}, []flags.Attr{text("1.0.0-rc.1"), text("01.0.0"), text("1.0.0.0"), text(""), text("1.0.0-"), text("2.0.0-rc..1"), text("2.0.0-01"), text("2.0.0+"), text("2.0.0+é")}},
		{`"op":"prefix","value":"ab"`, []flags.Attr{text("ab"), text("abc")}, []flags.Attr{text("a"), text("cab"), number(1)}},
		{`"op":"suffix","values":["yz","é"]`, []flags.Attr{text("xyz"), text("é")}, []flags.Attr{text("zy"), text("e")}},
		{`"op":"contains","values":["b","z"]`, []flags.Attr{text("abc"), text("z")}, []flags.Attr{text("ac"), text("")}},
		{`"op":"matches","value":"^a+b$"`, []flags.Attr{text("aaab")}, []flags.Attr{text("ba"), text("ab ")}},
		{`"op":"cidr","values":["10.0.0.0/8","2001:db8::/32","192.0.2.7"]`, []flags.Attr{text("10.1.2.3"), text("::ffff:10.1.2.3"), text("2001:db8::1"), text("192.0.2.7")}, []flags.Attr{text("11.0.0.1"), text("192.0.2.8"), text("ten"), text(""), text(strings.Repeat("1", 65))}},
		{`"op":"cidr","values":["::ffff:10.0.0.0/104","0.0.0.0/32"]`, []flags.Attr{text("10.1.2.3"), text("::ffff:10.1.2.3"), text("0.0.0.0")}, []flags.Attr{text("11.0.0.1"), text("::")}},
		{`"op":"equal","value":9007199254740991`, []flags.Attr{number(1<<53 - 1)}, []flags.Attr{number(1 << 53)}},
	} {
		t.Run(c.rest, func(t *testing.T) {
			t.Parallel()
			set := load(t)
			condition := `{"attr":"x",` + c.rest + `}`
			for _, a := range c.yes {
				require.True(t, when(t, set, condition, &flags.Who{Attrs: []flags.Attr{flags.Text("y", "?"), a}}), a.String())
				require.False(t, when(t, set, `{"not":`+condition+`}`, &flags.Who{Attrs: []flags.Attr{a}}), a.String())
			}
			for _, a := range c.no {
				require.False(t, when(t, set, condition, &flags.Who{Attrs: []flags.Attr{a}}), a.String())
				require.True(t, when(t, set, `{"not":`+condition+`}`, &flags.Who{Attrs: []flags.Attr{a}}), a.String())
			}
			missing := strings.Contains(c.rest, "not_in")
			require.Equal(t, missing, when(t, set, condition, &flags.Who{Tenant: "acme"}), "missing")
			require.Equal(t, !missing, when(t, set, `{"not":`+condition+`}`, &flags.Who{Tenant: "acme"}), "missing")
		})
	}
}

// TestVersionsAreOrdered holds the example of section 11 of semver.org 2.0.0 against every pair.
func TestVersionsAreOrdered(t *testing.T) {
	t.Parallel()
	set := load(t)
	order := []string{
		"0.9.9", "1.0.0-1", "1.0.0-2", "1.0.0-11", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
		"1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0",
	}
	holds := map[flags.Op]func(j, i int) bool{
		flags.OpVersionLess:    func(j, i int) bool { return j < i },
		flags.OpVersionAtMost:  func(j, i int) bool { return j <= i },
		flags.OpVersionEqual:   func(j, i int) bool { return j == i },
		flags.OpVersionAtLeast: func(j, i int) bool { return j >= i },
		flags.OpVersionGreater: func(j, i int) bool { return j > i },
	}
	for i, operand := range order {
		for op, want := range holds {
			require.False(t, when(t, set, fmt.Sprintf(`{"attr":"v","op":%q,"value":%q}`, op, operand), &flags.Who{}))
			for j, version := range order {
				w := &flags.Who{Attrs: []flags.Attr{flags.Text("v", version)}}
				require.Equal(t, want(j, i), set.Evaluate("f", w).Value == true, "%s %s %s", version, op, operand)
			}
		}
	}
}

func TestTheTenantIsAnAttribute(t *testing.T) {
	t.Parallel()
	set := load(t)
	who := &flags.Who{Tenant: "acme", Attrs: []flags.Attr{flags.Text("tenant", "evil")}}
	require.True(t, when(t, set, `{"attr":"tenant","op":"prefix","value":"ac"}`, who))
	require.False(t, when(t, set, `{"attr":"tenant","op":"in","values":["evil"]}`, who))
	require.False(t, when(t, set, `{"attr":"tenant","op":"exists"}`, &flags.Who{}))
}

// TestConditionsCombine compares random trees with what their parts say.
func TestConditionsCombine(t *testing.T) {
	t.Parallel()
	set := load(t)
	has := func(name string) string { return `{"attr":"` + name + `","op":"exists"}` }
	for _, c := range []struct {
		condition string
		want      func(a, b, c bool) bool
	}{
		{`{"all":[` + has("a") + `,` + has("b") + `,` + has("c") + `]}`, func(a, b, c bool) bool { return a && b && c }},
		{`{"any":[` + has("a") + `,` + has("b") + `,` + has("c") + `]}`, func(a, b, c bool) bool { return a || b || c }},
		{`{"all":[` + has("a") + `,{"any":[` + has("b") + `,{"not":` + has("c") + `}]}]}`, func(a, b, c bool) bool { return a && (b || !c) }},
		{`{"not":{"any":[` + has("a") + `,{"all":[` + has("b") + `,` + has("c") + `]}]}}`, func(a, b, c bool) bool { return !a && (!b || !c) }},
		{`{"not":{"not":{"not":` + has("a") + `}}}`, func(a, _, _ bool) bool { return !a }},
		{`{"any":[{"all":[` + has("a") + `,` + has("b") + `]},{"all":[{"not":` + has("a") + `},` + has("c") + `]}]}`, func(a, b, c bool) bool { return a && b || !a && c }},
		{`{"all":[` + has("a") + `]}`, func(a, _, _ bool) bool { return a }},
	} {
		for bits := range 8 {
			var w flags.Who
			for i, name := range []string{"a", "b", "c"} {
				if bits&(1<<i) != 0 {
					w.Attrs = append(w.Attrs, flags.Text(name, ""))
				}
			}
			want := c.want(bits&1 != 0, bits&2 != 0, bits&4 != 0)
			require.Equal(t, want, when(t, set, c.condition, &w), "%s %03b", c.condition, bits)
		}
	}
}

func TestSegmentsNestAndShare(t *testing.T) {
	t.Parallel()
	set := load(t)
	segment(t, set, `{"key":"north","if":{"attr":"country","op":"in","values":["CA","US"]}}`)
	segment(t, set, `{"key":"large","if":{"all":[{"segment":"north"},{"attr":"seats","op":"ge","value":50}]}}`)
	segment(t, set, `{"key":"known","if":{"all":[{"segment":"north"},{"attr":"tenant","op":"exists"}]}}`)
	segment(t, set, `{"key":"diamond","if":{"all":[{"segment":"large"},{"segment":"known"}]}}`)
	who := func(country string, seats float64) *flags.Who {
		return &flags.Who{Tenant: "acme", Attrs: []flags.Attr{flags.Text("country", country), flags.Number("seats", seats)}}
	}
	require.True(t, when(t, set, `{"segment":"diamond"}`, who("CA", 50)))
	require.False(t, when(t, set, `{"segment":"diamond"}`, who("CA", 49)))
	require.False(t, when(t, set, `{"segment":"diamond"}`, who("FR", 50)))
	require.True(t, when(t, set, `{"not":{"segment":"diamond"}}`, who("FR", 50)))

	north, err := set.Segment("north")
	require.NoError(t, err)
	north.If = flags.Condition{Attr: "country", Op: flags.OpEqual, Value: "FR"}
	_, err = set.PutSegment(t.Context(), north, "")
	require.NoError(t, err)
	require.True(t, set.Evaluate("f", who("CA", 50)).Value == true, "who is not in it: the rule negates")
	require.False(t, set.Evaluate("f", who("FR", 50)).Value == true, "a changed segment changes its users")
}

func TestRingsAreInWhateverTheirBucket(t *testing.T) {
	t.Parallel()
	set := load(t)
	segment(t, set, `{"key":"staff","if":{"attr":"tenant","op":"in","values":["ours"]}}`)
	_, err := set.Put(t.Context(), parse(t, `{"key":"f","type":"bool","rollout":{"percent":0,"extra":["friend"],"rings":["staff"]}}`), "")
	require.NoError(t, err)
	require.Equal(t, 2, share(set, "f", append(tenants(500), "ours", "friend")))
}

func TestAPrerequisiteAsksTheSameTenant(t *testing.T) {
	t.Parallel()
	set := load(t,
		`{"key":"base","type":"string","default":"old","variants":[{"name":"old","value":"1"},{"name":"new","value":"2"}],"tenants":{"acme":"new"}}`,
		`{"key":"f","type":"bool","default":"on","prerequisites":[{"flag":"base","variants":["new"]}]}`)
	f := flags.Bool("f", false)
	require.True(t, f.OnFor(set, &flags.Who{Tenant: "acme"}))
	require.False(t, f.OnFor(set, &flags.Who{Tenant: "other"}))
	require.False(t, f.OnFor(set, &flags.Who{}), "whoever cannot be asked the prerequisite does not meet it")
	_, err := set.SetDisabled(t.Context(), "base", true, "")
	require.NoError(t, err)
	require.False(t, f.OnFor(set, &flags.Who{Tenant: "acme"}), "a disabled flag meets nothing")
}

func TestEvaluationAllocatesNothing(t *testing.T) {
	set := load(t,
		`{"key":"on","type":"bool","default":"on"}`,
		`{"key":"rollout","type":"bool","rollout":{"percent":50,"serve":[{"variant":"on","weight":1},{"variant":"off","weight":1}]}}`,
		`{"key":"rules","type":"bool","rules":[{"if":{"all":[{"attr":"country","op":"in","values":["US","CA"]},{"attr":"version","op":"semver_ge","value":"1.2"},
			{"attr":"since","op":"date_ge","value":"2026-01-01"},{"attr":"ip","op":"cidr","value":"10.0.0.0/8"},{"attr":"tenant","op":"prefix","values":["t","u"]}]},"serve":"on"}]}`)
	who := &flags.Who{Tenant: "tenant-1", Attrs: []flags.Attr{
		flags.Text("country", "CA"), flags.Text("version", "v1.10.0-rc.1"), flags.Text("since", "2026-03-10T12:00:00Z"), flags.Text("ip", "10.1.2.3"),
	}}
	for _, key := range []string{"on", "rollout", "rules", "unknown"} {
		f := flags.Bool(key, false)
		require.Zero(t, testing.AllocsPerRun(100, func() { f.OnFor(set, who) }), key)
		require.Zero(t, testing.AllocsPerRun(100, func() { f.On(t.Context(), set) }), key)
		require.Zero(t, testing.AllocsPerRun(100, func() { f.DetailFor(set, who) }), key)
		require.Zero(t, testing.AllocsPerRun(100, func() { set.EvaluateAs(flags.TypeBool, key, who) }), key)
	}
	require.True(t, flags.Bool("rules", false).OnFor(set, who))
}

func TestManyFlagsInCodeFindTheirDefinitions(t *testing.T) {
	t.Parallel()
	var all []flags.Definition
	for i := range 50 {
		all = append(all, flags.Definition{
			Key: fmt.Sprintf("f%d", i), Type: flags.TypeInt, Default: "v",
			Variants: []flags.Variant{{Name: "v", Value: []byte(fmt.Sprint(i))}},
		})
	}
	set := flags.NewSet(flags.NewMemoryStore(nil), nil)
	require.NoError(t, set.Declare(t.Context(), all...))
	for i := range 5000 {
		require.EqualValues(t, i%50, flags.Int(fmt.Sprintf("f%d", i%50), -1).Value(t.Context(), set))
	}
}
