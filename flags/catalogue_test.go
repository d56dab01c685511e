package flags_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

func TestWhatIsStoredIsListedAndCopied(t *testing.T) {
	t.Parallel()
	set := load(t, `{"key":"b","type":"bool","tenants":{"acme":"on"}}`, `{"key":"a","type":"bool"}`)
	segment(t, set, `{"key":"south","if":{"attr":"country","op":"equal","value":"AR"}}`)
	segment(t, set, `{"key":"North","if":{"not":{"segment":"south"}}}`)
	all := set.Flags()
	require.Len(t, all, 2)
	require.Equal(t, "a", all[0].Key)
	all[1].Tenants["acme"] = "off"
	again, err := set.Flag("b")
	require.NoError(t, err)
	require.Equal(t, "on", again.Tenants["acme"], "what is handed out is a copy")
	segments := set.Segments()
	require.Len(t, segments, 2)
	require.Equal(t, "North", segments[0].Key)
	require.Len(t, set.All(&flags.Who{Tenant: "acme"}), 2)

	require.ErrorIs(t, set.DeleteSegment(t.Context(), "south", 1, ""), flags.ErrInUse)
	require.ErrorIs(t, set.DeleteSegment(t.Context(), "North", 2, ""), flags.ErrConflict)
	require.NoError(t, set.DeleteSegment(t.Context(), "North", 1, ""))
	require.NoError(t, set.DeleteSegment(t.Context(), "south", 1, ""))
	require.ErrorIs(t, set.DeleteSegment(t.Context(), "south", 1, ""), flags.ErrUnknownSegment)
	_, err = set.Segment("south")
	require.ErrorIs(t, err, tenon.ErrNotFound)
	_, err = set.Flag("none")
	require.ErrorIs(t, err, tenon.ErrNotFound)
	require.Zero(t, set.Stats().Segments)
}

func TestAWrongSegmentIsRefusedWithThePathOfTheFault(t *testing.T) {
	t.Parallel()
	for text, path := range map[string]string{
		`{"key":"s"}`: "if",
		`{"key":"","if":{"attr":"a","op":"exists"}}`:                      "key",
		`{"key":"s","if":{"attr":"a","op":"exists"},"then":1}`:            "then",
		`{"key":"s","if":{"all":[{"segment":"a b"}]}}`:                    "if.all[0].segment",
		`{"key":"s","if":{"attr":"a","op":"in","values":["a\u0000"]}}`:    "if.values[0]",
		`{"key":"s","if":{"any":[{"attr":"a","op":"gt","value":1e999}]}}`: "if.any[0].value",
	} {
		_, err := flags.ParseSegment(strings.NewReader(text))
		var field *tenon.FieldError
		require.True(t, errors.As(err, &field), "%s: %v", text, err)
		require.Equal(t, path, field.Field)
	}
}

// unmarked is a store that keeps no marks for a while, and has a clock of its own.
type unmarked struct {
	*flags.MemoryStore
	full  bool
	ahead time.Duration
}

func (u *unmarked) Mark(ctx context.Context, marks []flags.Mark) error {
	if u.full {
		return fmt.Errorf("no room: %w", tenon.ErrUnavailable)
	}
	return u.MemoryStore.Mark(ctx, marks)
}

func (u *unmarked) Clock(context.Context) (time.Time, error) { return time.Now().Add(u.ahead), nil }

func TestMarksThatCannotBeWrittenAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &unmarked{MemoryStore: flags.NewMemoryStore(nil), full: true}
		set := flags.NewSet(store, nil)
		require.NoError(t, set.Declare(t.Context(), onFlag("f", "on")))
		flags.Bool("f", false).On(t.Context(), set)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, set.Run(ctx), tenon.ErrUnavailable, "Run says what it could not finish")
		store.full = false
		require.NoError(t, set.Run(ctx))
		marks, err := store.Marks(t.Context())
		require.NoError(t, err)
		require.Len(t, marks, 1)
	})
}

func TestTheStoresClockDecides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &unmarked{MemoryStore: flags.NewMemoryStore(nil), ahead: 10 * time.Minute}
		set := flags.NewSet(store, nil)
		require.NoError(t, set.Declare(t.Context(), onFlag("f", "off")))
		start := time.Now().Add(store.ahead)
		running(t, set)
		_, err := set.Ramp(t.Context(), "f", flags.Ramp(100).At(start.Add(time.Hour)), "")
		require.NoError(t, err)
		versions, err := set.Versions(t.Context(), "f", 0, 1)
		require.NoError(t, err)
		require.True(t, versions[0].At.Equal(start.UTC()), "%s", versions[0].At)
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		require.Zero(t, share(set, "f", tenants(10)))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Equal(t, 10, share(set, "f", tenants(10)))
	})
}
