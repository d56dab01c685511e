package flags_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagstest"
)

func TestExplainTellsTheWholePath(t *testing.T) {
	t.Parallel()
	set := load(t, `{"key":"base","type":"bool","default":"on"}`)
	segment(t, set, `{"key":"north","if":{"attr":"country","op":"in","values":["CA","US"]}}`)
	_, err := set.Put(t.Context(), parse(t, `{"key":"bulk_rating","type":"bool","prerequisites":[{"flag":"base","variants":["on"]}],"tenants":{"transbotai-demo":"on"},
		"rules":[{"id":"big","if":{"all":[{"segment":"north"},{"attr":"seats","op":"ge","value":50},{"not":{"attr":"plan","op":"equal","value":"trial"}}]},"serve":"on"},
			{"if":{"attr":"version","op":"semver_lt","value":"2.0"},"serve":[{"variant":"on","weight":1},{"variant":"off","weight":3}]}],
		"rollout":{"percent":0,"ramp":{"stages":[{"percent":5},{"percent":50}],"reached":1,"state":"running"}}}`), "")
	require.NoError(t, err)
	text := ""
	for _, w := range []flags.Who{
		{Tenant: "transbotai-demo"},
		{Tenant: "acme", Attrs: []flags.Attr{flags.Text("country", "CA"), flags.Number("seats", 120), flags.Text("plan", "pro")}},
		{Tenant: "acme", Attrs: []flags.Attr{flags.Text("country", "CA"), flags.Number("seats", 12), flags.Text("version", "v1.9")}},
		{Tenant: "acme"},
		{Tenant: "tenant-000031"},
		{},
	} {
		explained, err := set.Explain("bulk_rating", &w)
		require.NoError(t, err)
		require.Equal(t, set.Evaluate("bulk_rating", &w), explained.Detail)
		text += explained.Text() + "\n"
	}
	golden(t, "explain.golden", text)
	_, err = set.Explain("none", &flags.Who{})
	require.ErrorIs(t, err, flags.ErrUnknownFlag)
}

func TestDiffListsWhomAChangeWouldFlip(t *testing.T) {
	t.Parallel()
	people := tenants(1000)
	set := flags.NewSet(flags.NewMemoryStore(nil), &flags.Options{Population: population(people...)})
	before := parse(t, `{"key":"f","type":"bool","tenants":{"tenant-000007":"on"},"rollout":{"percent":5}}`)
	after := parse(t, `{"key":"f","type":"bool","tenants":{"tenant-000007":"off"},"rollout":{"percent":10}}`)
	require.NoError(t, set.Declare(t.Context(), before))
	flips, err := set.Diff(t.Context(), before, after)
	require.NoError(t, err)
	was := map[string]bool{}
	for _, tenant := range people {
		was[tenant] = set.Evaluate("f", &flags.Who{Tenant: tenant}).Value == true
	}
	_, err = set.Edit(t.Context(), "f", func(d *flags.Definition) error {
		d.Tenants, d.Rollout = after.Tenants, after.Rollout
		return nil
	}, "")
	require.NoError(t, err)
	flipped := map[string]flags.Flip{}
	for _, f := range flips {
		flipped[f.Tenant] = f
	}
	for _, tenant := range people {
		is := set.Evaluate("f", &flags.Who{Tenant: tenant}).Value == true
		f, told := flipped[tenant]
		require.Equal(t, is != was[tenant], told, tenant)
		if told {
			require.Equal(t, map[bool]string{true: "on", false: "off"}[was[tenant]], f.Before)
			require.Equal(t, map[bool]string{true: "on", false: "off"}[is], f.After)
		}
	}
	require.Equal(t, flags.Flip{Tenant: "tenant-000007", Before: "on", After: "off"}, flipped["tenant-000007"])
	same, err := set.Diff(t.Context(), after, after)
	require.NoError(t, err)
	require.Empty(t, same)
	_, err = flags.NewSet(flags.NewMemoryStore(nil), nil).Diff(t.Context(), before, after)
	require.ErrorIs(t, err, tenon.ErrInvalid)
}

func TestWritesAreAudited(t *testing.T) {
	t.Parallel()
	var recorder flagstest.Recorder
	set := flags.NewSet(flags.NewMemoryStore(&flags.MemoryOptions{Recorder: &recorder}), nil)
	ctx := tenon.WithCaller(t.Context(), tenon.Caller{Actor: "ann"})
	d, err := set.Put(ctx, onFlag("f", "off"), "new")
	require.NoError(t, err)
	d.Default = "on"
	_, err = set.Put(ctx, d, "ready")
	require.NoError(t, err)
	require.NoError(t, set.Delete(ctx, "f", 2, "done with it"))
	changes := recorder.Changes()
	require.Len(t, changes, 3)
	require.Nil(t, changes[0].Before)
	require.JSONEq(t, `{"key":"f","type":"bool","default":"off"}`, string(changes[1].Before))
	require.JSONEq(t, `{"key":"f","type":"bool","default":"on"}`, string(changes[1].After))
	require.Equal(t, "ready", changes[1].Reason)
	require.Equal(t, "flags.deleted", changes[2].Action)
	require.Nil(t, changes[2].After)
	versions, err := set.Versions(ctx, "f", 0, 10)
	require.NoError(t, err)
	require.Equal(t, "ann", versions[2].By)

	recorder.Fail(errors.New("the log is full"))
	_, err = set.Put(ctx, onFlag("g", "on"), "")
	require.ErrorContains(t, err, "the log is full")
	require.Equal(t, flags.CodeNotFound, set.Evaluate("g", &flags.Who{}).Code)
	_, err = set.Versions(ctx, "f", -1, 10)
	require.ErrorIs(t, err, tenon.ErrInvalid)
	_, err = set.Versions(ctx, "f", 0, 0)
	require.ErrorIs(t, err, tenon.ErrInvalid)
}

func TestAWriteThatWasDoneMayBeSentAgain(t *testing.T) {
	t.Parallel()
	set := flags.NewSet(flags.NewMemoryStore(nil), nil)
	for range 3 {
		d, err := set.Put(t.Context(), onFlag("f", "on"), "")
		require.NoError(t, err)
		require.EqualValues(t, 1, d.Version)
	}
	_, err := set.Put(t.Context(), onFlag("f", "off"), "")
	require.ErrorIs(t, err, flags.ErrConflict)
	require.ErrorIs(t, set.Delete(t.Context(), "f", 7, ""), flags.ErrConflict)
	require.ErrorIs(t, set.Delete(t.Context(), "g", 1, ""), flags.ErrUnknownFlag)
	_, err = set.Revert(t.Context(), "f", 9, "")
	require.ErrorIs(t, err, flags.ErrUnknownVersion)

	north := flags.Segment{Key: "north", If: flags.Condition{Attr: "country", Op: flags.OpEqual, Value: "CA"}}
	for range 3 {
		s, err := set.PutSegment(t.Context(), north, "")
		require.NoError(t, err)
		require.EqualValues(t, 1, s.Version)
	}
	north.Description = "of the border"
	_, err = set.PutSegment(t.Context(), north, "")
	require.ErrorIs(t, err, flags.ErrConflict)
}

func TestStaleFlagsAreListed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := flags.NewSet(flags.NewMemoryStore(nil), &flags.Options{Refresh: time.Hour, Every: time.Hour})
		for _, text := range []string{
			`{"key":"constant","type":"bool","default":"on","owner":"ann"}`,
			`{"key":"alive","type":"bool","tenants":{"acme":"on"}}`,
			`{"key":"unseen","type":"bool"}`,
			`{"key":"expired","type":"bool","tenants":{"acme":"on"},"expires":"2000-01-20T00:00:00Z"}`,
			`{"key":"kept","type":"bool","never_stale":true}`,
		} {
			require.NoError(t, set.Declare(t.Context(), parse(t, text)))
		}
		running(t, set)
		list := func() map[string]flags.StaleFlag {
			t.Helper()
			all, err := set.Stale(t.Context())
			require.NoError(t, err)
			byKey := map[string]flags.StaleFlag{}
			for _, f := range all {
				byKey[f.Key] = f
			}
			return byKey
		}
		ask := func() {
			for _, key := range []string{"constant", "alive", "expired"} {
				for _, tenant := range []string{"acme", "other"} {
					flags.Bool(key, false).OnFor(set, &flags.Who{Tenant: tenant})
				}
			}
		}
		require.Empty(t, list())
		for range 31 {
			ask()
			time.Sleep(24 * time.Hour)
		}
		synctest.Wait()
		stale := list()
		require.Len(t, stale, 3)
		require.True(t, stale["constant"].Constant)
		require.Equal(t, "on", stale["constant"].Variant)
		require.Equal(t, "ann", stale["constant"].Owner)
		require.False(t, stale["constant"].Unseen)
		require.True(t, stale["unseen"].Unseen)
		require.True(t, stale["unseen"].LastSeen.IsZero())
		require.True(t, stale["expired"].Expired)
		require.False(t, stale["expired"].Constant)
		require.False(t, stale["expired"].Unseen)
	})
}

func TestMarksAreWrittenWhenRunEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := flags.NewMemoryStore(nil)
		set := flags.NewSet(store, nil)
		require.NoError(t, set.Declare(t.Context(), onFlag("f", "on")))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- set.Run(ctx) }()
		synctest.Wait()
		flags.Bool("f", false).On(t.Context(), set)
		_, err := set.SetDisabled(t.Context(), "f", true, "") // what was seen of the former version is not lost
		require.NoError(t, err)
		flags.Bool("f", false).On(t.Context(), set)
		cancel()
		require.NoError(t, <-ended)
		marks, err := store.Marks(t.Context())
		require.NoError(t, err)
		require.Len(t, marks, 2)
		require.Equal(t, "", marks[0].Variant)
		require.Equal(t, "on", marks[1].Variant)
	})
}

func TestAVariantThatIsGoneWasNotTheCallersDefault(t *testing.T) {
	t.Parallel()
	store := flags.NewMemoryStore(nil)
	set := flags.NewSet(store, nil)
	d := parse(t, `{"key":"f","type":"int","default":"old","variants":[{"name":"old","value":1},{"name":"new","value":2}]}`)
	d, err := set.Put(t.Context(), d, "")
	require.NoError(t, err)
	f := flags.Int("f", 0)
	require.EqualValues(t, 1, f.Value(t.Context(), set))
	d.Default, d.Variants = "new", d.Variants[1:]
	_, err = set.Put(t.Context(), d, "")
	require.NoError(t, err)
	require.EqualValues(t, 2, f.Value(t.Context(), set))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, set.Run(ctx))
	marks, err := store.Marks(t.Context())
	require.NoError(t, err)
	require.Len(t, marks, 1)
	require.Equal(t, "new", marks[0].Variant)
}

// sink collects exposures.
type sink struct {
	mu      sync.Mutex
	batches [][]flags.Exposure
	err     error
}

func (s *sink) take(_ context.Context, batch []flags.Exposure) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.batches = append(s.batches, batch)
	}
	return s.err
}

func TestExposuresAreBatchedAndDropsCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s sink
		set := flags.NewSet(flags.NewMemoryStore(nil), &flags.Options{Exposures: &flags.Exposures{Sink: s.take, Buffer: 10, Batch: 4}})
		require.NoError(t, set.Declare(t.Context(), onFlag("f", "on")))
		f := flags.Bool("f", false)
		ctx := tenon.WithCaller(t.Context(), tenon.Caller{Tenant: "acme"})
		for range 15 {
			require.True(t, f.On(ctx, set), "nobody waits for a sink")
		}
		require.EqualValues(t, 5, set.Stats().Dropped)
		running(t, set)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Len(t, s.batches, 3)
		require.Len(t, s.batches[0], 4)
		one := s.batches[0][0]
		require.Equal(t, flags.Exposure{Flag: "f", Version: 1, Tenant: "acme", Variant: "on", Reason: flags.ReasonStatic, At: one.At}, one)
		require.EqualValues(t, 10, set.Stats().Exposed)
		s.mu.Lock()
		s.err = errors.New("full")
		s.mu.Unlock()
		f.On(ctx, set)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.EqualValues(t, 6, set.Stats().Dropped)
	})
}

func TestExposuresAreSampled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s sink
		set := flags.NewSet(flags.NewMemoryStore(nil), &flags.Options{Exposures: &flags.Exposures{Sink: s.take, OneIn: 10}})
		require.NoError(t, set.Declare(t.Context(), onFlag("f", "on")))
		for range 10_000 {
			flags.Bool("f", false).On(t.Context(), set)
		}
		running(t, set)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.InDelta(t, 1000, set.Stats().Exposed, 250)
	})
}
