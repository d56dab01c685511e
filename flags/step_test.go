package flags_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagstest"
)

func TestAStepThatARampIsNotAtIsRefused(t *testing.T) {
	t.Parallel()
	set := load(t, `{"key":"plain","type":"bool"}`, `{"key":"rolled","type":"bool","rollout":{"percent":5}}`, `{"key":"f","type":"bool"}`)
	_, err := set.Ramp(t.Context(), "f", flags.Ramp(5, 50), "")
	require.NoError(t, err)
	before, err := set.Flag("f")
	require.NoError(t, err)
	for _, key := range []string{"plain", "rolled", "f", "none"} {
		want := flags.ErrNoRamp
		if key == "none" {
			want = flags.ErrUnknownFlag
		}
		_, err := set.Rollback(t.Context(), key, "back")
		require.ErrorIs(t, err, want, "%s has no stage to leave", key)
		_, err = set.Resume(t.Context(), key, "on")
		require.ErrorIs(t, err, want, "%s does not wait", key)
	}
	after, err := set.Flag("f")
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestAPersonIsToldWhyAStageHasNobodyToChooseFrom(t *testing.T) {
	t.Parallel()
	store := flags.NewMemoryStore(nil)
	put(t, store, onFlag("f", "off"))
	advance := func(people func(context.Context) ([]flags.Who, error)) error {
		set := flags.NewSet(store, &flags.Options{Population: people})
		_, err := set.Ramp(t.Context(), "f", flags.Ramp(5).AtLeast(2), "")
		require.NoError(t, err)
		_, err = set.Advance(t.Context(), "f", "now")
		return err
	}
	var wrong *tenon.FieldError
	require.ErrorAs(t, advance(nil), &wrong)
	require.Equal(t, "rollout.ramp", wrong.Field)
	err := advance(func(context.Context) ([]flags.Who, error) { return nil, tenon.ErrUnavailable })
	require.ErrorIs(t, err, tenon.ErrUnavailable, "it may be tried again")
	require.NotErrorIs(t, err, tenon.ErrInvalid)
}

func TestWhoIsInThePopulationTwiceOrNamelessCountsOnceOrNot(t *testing.T) {
	t.Parallel()
	people := append(tenants(10), append(tenants(10), "", "")...)
	set := flags.NewSet(flags.NewMemoryStore(nil), &flags.Options{Population: population(people...)})
	require.NoError(t, set.Declare(t.Context(), onFlag("f", "off")))
	_, err := set.Ramp(t.Context(), "f", flags.Ramp(0.0001).AtLeast(4), "")
	require.NoError(t, err)
	d, err := set.Advance(t.Context(), "f", "now")
	require.NoError(t, err)
	require.Len(t, d.Rollout.Ramp.Stages[0].Extra, 4)
	require.Equal(t, 4, share(set, "f", tenants(10)))
}

func TestEveryGuardThatHoldsSaysWhy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var slo, errs flagstest.Guard
		s := newStage(t)
		s.set = flags.NewSet(s.store, &flags.Options{Guards: map[string]tenon.Guard{"slo": &slo, "errors": &errs}})
		defer s.run(s.set)()
		slo.Say(tenon.Verdict{Outcome: tenon.Hold, Reasons: []string{"no data"}}, nil)
		errs.Say(tenon.Verdict{Outcome: tenon.Hold, Reasons: []string{"too early", "too few"}}, nil)
		s.ramp(flags.Ramp(5, 100).Guard("slo", "errors"))
		s.until(time.Hour)
		s.requireAt(0, flags.RampRunning)
		require.Equal(t, []string{"no data", "too early", "too few"}, s.set.Ramps()[0].Holding)
	})
}

func TestALastStageIsWatchedForAsLongAsItSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.run(s.set)()
		schedule := flags.Ramp(100).Guard("slo")
		schedule.Watch = flags.Duration(2 * time.Hour)
		s.ramp(schedule)
		s.until(time.Hour)
		s.requireAt(100, flags.RampRunning)
		s.until(3 * time.Hour)
		s.requireAt(100, flags.RampDone)
	})
}

func TestAReasonThatIsTooLongStopsNoRollback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.run(s.set)()
		s.ramp(s.days())
		s.until(time.Hour)
		s.guard.Say(tenon.Verdict{Outcome: tenon.Fail, Reasons: []string{strings.Repeat("é", 5000)}}, nil)
		s.until(2 * time.Hour)
		s.requireAt(0, flags.RampRolledBack)
		changes := s.recorder.Changes()
		reason := changes[len(changes)-1].Reason
		require.LessOrEqual(t, len(reason), 4096)
		require.True(t, utf8.ValidString(reason))
		require.True(t, strings.HasSuffix(reason, "é…"))
	})
}

// picky records all but what is done to one target.
type picky struct{ target string }

func (p picky) RecordChange(_ context.Context, c tenon.Change) error {
	if c.Target == p.target && c.Action == "flags.ramp_advanced" {
		return errors.New("the log is full")
	}
	return nil
}

func TestARampThatCannotMoveHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := flags.NewSet(flags.NewMemoryStore(&flags.MemoryOptions{Recorder: picky{"flag/b"}}), nil)
		for _, key := range []string{"a", "b", "c"} {
			require.NoError(t, set.Declare(t.Context(), onFlag(key, "off")))
			_, err := set.Ramp(t.Context(), key, flags.Ramp(5, 50).Every(time.Hour), "")
			require.NoError(t, err)
		}
		running(t, set)
		time.Sleep(90 * time.Minute)
		synctest.Wait()
		reached := map[string]int{}
		for _, r := range set.Ramps() {
			reached[r.Key] = r.Schedule.Reached
		}
		require.Equal(t, map[string]int{"a": 2, "b": 0, "c": 2}, reached)
	})
}

func TestExplainPutsEveryOperatorIntoWords(t *testing.T) {
	t.Parallel()
	many := make([]string, 12)
	for i := range many {
		many[i] = fmt.Sprintf("%q", fmt.Sprint("code-", i))
	}
	rules := ""
	for _, condition := range []string{
		`{"attr":"tenant","op":"suffix","values":["corp","inc"]}`, `{"attr":"gone","op":"exists"}`, `{"attr":"is","op":"equal","value":true}`,
		`{"attr":"n","op":"equal","value":1.5}`, `{"attr":"word","op":"in","values":["a",3,true,false]}`, `{"attr":"word","op":"in","values":[` + strings.Join(many, ",") + `]}`,
		`{"not":{"attr":"word","op":"not_in","values":["x","y"]}}`, `{"attr":"since","op":"date_ge","value":"2026-03-10"}`,
		`{"attr":"version","op":"semver_gt","value":"v1.2.0-rc.1+5"}`, `{"attr":"word","op":"matches","value":"^a+$"}`, `{"attr":"ip","op":"cidr","values":["10.1.2.3/8","192.0.2.7"]}`,
	} {
		rules += `{"if":` + condition + `,"serve":"a"},`
	}
	set := load(t, `{"key":"f","type":"string","by":"user","variants":[{"name":"a","value":"A"},{"name":"b","value":"B"}],"rollout":{"percent":0,"serve":"a"},"rules":[`+rules+
		`{"id":"split","if":{"attr":"split","op":"exists"},"serve":[{"variant":"a","weight":1},{"variant":"b","weight":1}]}]}`)
	known := []flags.Attr{
		flags.Truth("is", false), flags.Number("n", 2), flags.Text("word", "b"), flags.Time("since", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)),
		flags.Text("version", "1.2.0-beta"), flags.Text("ip", "192.0.2.8"),
	}
	text := ""
	for _, w := range []flags.Who{
		{Tenant: "acme", Attrs: append(known, flags.Text("user", "ann"))},
		{Tenant: "zenith inc"},
		{Attrs: []flags.Attr{flags.Truth("split", true)}},
		{Attrs: []flags.Attr{flags.Truth("split", true), flags.Text("user", "ann")}},
		{Attrs: []flags.Attr{flags.Number("user", 0.5)}},
	} {
		explained, err := set.Explain("f", &w)
		require.NoError(t, err)
		require.Equal(t, set.Evaluate("f", &w), explained.Detail)
		text += explained.Text() + "\n"
	}
	golden(t, "explain_operators.golden", text)
}
