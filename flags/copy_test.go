package flags_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

func TestACopyOnDiskLetsAServiceStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "flags")
	synctest.Test(t, func(t *testing.T) {
		store := newSwitched()
		put(t, store, onFlag("f", "on"))
		put(t, store, onFlag("poisoned", "on"))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		first := flags.NewSet(store, &flags.Options{Bootstrap: path})
		wg.Go(func() { _ = first.Run(ctx) })
		time.Sleep(time.Second)
		poison(t, store, "poisoned")
		time.Sleep(6 * time.Second)
		cancel()
		wg.Wait()
		require.Empty(t, first.Stats().CopyError)

		store.away.Store(true)
		second := flags.NewSet(store, &flags.Options{Bootstrap: path})
		require.NoError(t, second.Load(t.Context()))
		require.Equal(t, flags.StatusStale, second.Status())
		d := flags.Bool("f", false).Detail(t.Context(), second)
		require.True(t, d.Value)
		require.True(t, d.Stale)
		require.True(t, flags.Bool("poisoned", false).On(t.Context(), second), "the last good version is in the copy")

		store.away.Store(false)
		put(t, store, onFlag("f", "off"))
		require.NoError(t, second.Load(t.Context()))
		require.Equal(t, flags.StatusReady, second.Status())
		require.False(t, flags.Bool("f", true).On(t.Context(), second))
	})
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing is left beside it")
}

func TestADamagedCopyIsNoCopy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "flags")
	store := newSwitched()
	put(t, store, onFlag("f", "on"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	set := flags.NewSet(store, &flags.Options{Bootstrap: path})
	require.NoError(t, set.Load(t.Context()))
	require.NoError(t, set.Run(ctx))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	store.away.Store(true)
	spoiled := slices.Clone(whole)
	spoiled[len(spoiled)-3] ^= 1
	for name, b := range map[string][]byte{
		"cut": whole[:len(whole)-1], "spoiled": spoiled, "empty": {}, "longer": append(slices.Clone(whole), '\n'), "another": []byte("{}"),
	} {
		require.NoError(t, os.WriteFile(path, b, 0o600))
		set := flags.NewSet(store, &flags.Options{Bootstrap: path})
		require.ErrorIs(t, set.Load(t.Context()), flags.ErrNotLoaded, name)
		require.ErrorIs(t, set.Load(t.Context()), tenon.ErrUnavailable, name)
		require.Equal(t, flags.StatusNotReady, set.Status(), name)
	}
	require.NoError(t, os.WriteFile(path, whole, 0o600))
	require.NoError(t, flags.NewSet(store, &flags.Options{Bootstrap: path}).Load(t.Context()))
	require.ErrorIs(t, flags.NewSet(store, nil).Load(t.Context()), flags.ErrNotLoaded)
}

func TestTheCopyHoldsTheLastGoodSegment(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "flags")
	store := newSwitched()
	set := flags.NewSet(store, &flags.Options{Bootstrap: path})
	segment(t, set, `{"key":"north","if":{"attr":"country","op":"equal","value":"CA"}}`)
	put(t, store, parse(t, `{"key":"f","type":"bool","rules":[{"if":{"segment":"north"},"serve":"on"}]}`))
	poison(t, store, "never_read")
	unreadable(t, store, "north")
	require.NoError(t, set.Load(t.Context()))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, set.Run(ended))
	require.Empty(t, set.Stats().CopyError)

	store.away.Store(true)
	second := flags.NewSet(store, &flags.Options{Bootstrap: path})
	require.NoError(t, second.Load(t.Context()))
	for country, want := range map[string]bool{"CA": true, "FR": false} {
		require.Equal(t, want, second.Evaluate("f", &flags.Who{Attrs: []flags.Attr{flags.Text("country", country)}}).Value)
	}
	require.Equal(t, flags.CodeNotFound, second.Evaluate("never_read", &flags.Who{}).Code)
}

func TestACopyThatCannotBeWrittenIsToldAndTriedAgain(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made later")
	store := newSwitched()
	put(t, store, onFlag("f", "on"))
	set := flags.NewSet(store, &flags.Options{Bootstrap: filepath.Join(dir, "flags")})
	require.NoError(t, set.Load(t.Context()))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, set.Run(ended))
	require.Contains(t, set.Stats().CopyError, "made later")
	require.True(t, flags.Bool("f", false).On(t.Context(), set))

	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, set.Run(ended))
	require.Empty(t, set.Stats().CopyError)
	store.away.Store(true)
	second := flags.NewSet(store, &flags.Options{Bootstrap: filepath.Join(dir, "flags")})
	require.NoError(t, second.Load(t.Context()))
	require.True(t, flags.Bool("f", false).On(t.Context(), second))
}
