package entitlements_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

// spooling returns a Gate whose store is away and whose use goes to dir.
func spooling(t *testing.T, store *troubled, dir string) *entitlements.Gate {
	t.Helper()
	store.be(none)
	g := setup(t, store, &entitlements.Options{SpoolDir: dir}, "acme")
	store.be(away)
	return g
}

// spool uses while the store is away.
func spool(t *testing.T, g *entitlements.Gate, key string, quantity int64) {
	t.Helper()
	u := use("events", quantity)
	u.Key, u.Metadata = key, map[string]any{"lane": "a → b"}
	d, err := g.Consume(t.Context(), u)
	require.NoError(t, err)
	require.True(t, d.Spooled)
}

// left returns the names in dir that end so.
func left(t *testing.T, dir, ending string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+ending))
	require.NoError(t, err)
	return names
}

func TestSpooledUseIsCountedOnceTheStoreIsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, dir := newTroubled(), filepath.Join(t.TempDir(), "made", "when needed")
		g := spooling(t, store, dir)
		began := time.Now()
		spool(t, g, "k", 3)
		spool(t, g, "", 4)
		require.Equal(t, int64(2), g.Stats().Spooled)
		info, err := os.Stat(left(t, dir, ".spool")[0])
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		stop := running(t, g)
		time.Sleep(time.Hour)
		require.Zero(t, store.used(t, "acme", "events"))
		require.NotEmpty(t, g.Stats().LastError)
		store.be(none)
		time.Sleep(2 * time.Second)
		require.Equal(t, int64(7), store.used(t, "acme", "events"))
		require.Zero(t, g.Stats().Spooled)
		require.Empty(t, left(t, dir, ""))
		buckets, err := g.Usage(t.Context(), entitlements.UsageQuery{Tenant: "acme", Feature: "events", Bucket: entitlements.Hourly, Anchor: began})
		require.NoError(t, err)
		require.Len(t, buckets, 1)
		require.Equal(t, began.UTC(), buckets[0].Start, "use is counted when it happened")
		require.NoError(t, stop())
	})
}

func TestSpooledUseIsCountedAfterARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, dir := newTroubled(), t.TempDir()
		g := spooling(t, store, dir)
		spool(t, g, "k", 3)
		crash(t, g)
		store.be(none)
		after := entitlements.NewGate(store, &entitlements.Options{SpoolDir: dir})
		stop := running(t, after)
		require.NoError(t, stop())
		require.Equal(t, int64(3), store.used(t, "acme", "events"))
		require.Empty(t, left(t, dir, ""))
		u := use("events", 3)
		u.Key, u.Metadata = "k", map[string]any{"lane": "a → b"}
		d, err := after.Consume(t.Context(), u)
		require.NoError(t, err)
		require.True(t, d.Replayed, "the caller's retry is the same use")
	})
}

// crash leaves the files of g as a process that died would: unlocked. A Gate lets go of its file when it replays.
func crash(t *testing.T, g *entitlements.Gate) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, g.Run(ctx), "the store is away, so that Run could not finish")
}

func TestRunReturnsWhatItCouldNotFinish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, dir := newTroubled(), t.TempDir()
		g := spooling(t, store, dir)
		spool(t, g, "k", 3)
		stop := running(t, g)
		require.ErrorContains(t, stop(), "spool")
		require.Equal(t, int64(1), g.Stats().Spooled)
		require.Len(t, left(t, dir, ".spool"), 1)
	})
}

func TestRunCountsOnceMoreWhenItEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, dir := newTroubled(), t.TempDir()
		g := spooling(t, store, dir)
		stop := running(t, g)
		spool(t, g, "k", 3)
		store.be(none)
		require.NoError(t, stop())
		require.Equal(t, int64(3), store.used(t, "acme", "events"))
	})
}

func TestATornLastLineIsSetAside(t *testing.T) {
	t.Parallel()
	for name, tear := range map[string]func(b []byte) []byte{
		"half a line":      func(b []byte) []byte { return append(b, b[:len(b)/2]...) },
		"no end of line":   func(b []byte) []byte { return append(b, "0badc0de {\"tenant\":\"acme\"}"...) },
		"zeros":            func(b []byte) []byte { return append(b, make([]byte, 512)...) },
		"a flipped bit":    func(b []byte) []byte { again := append([]byte(nil), b...); again[20] ^= 1; return append(b, again...) },
		"a checksum alone": func(b []byte) []byte { return append(b, b[:9]...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store, dir := newTroubled(), t.TempDir()
				g := spooling(t, store, dir)
				spool(t, g, "k", 3)
				crash(t, g)
				file := left(t, dir, ".spool")[0]
				b, err := os.ReadFile(file)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(file, tear(b), 0o600))
				store.be(none)
				stop := running(t, g)
				require.NoError(t, stop())
				require.Equal(t, int64(3), store.used(t, "acme", "events"))
				require.Equal(t, int64(1), g.Stats().SetAside)
				require.Len(t, left(t, dir, ".refused"), 1)
				require.Empty(t, left(t, dir, ".spool"))
			})
		})
	}
}

func TestUseThatTheStoreRefusesIsSetAside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, dir := newTroubled(), t.TempDir()
		g := spooling(t, store, dir)
		spool(t, g, "k", 3)
		u := use("events", 1)
		u.Tenant = "nobody"
		_, err := g.Consume(t.Context(), u)
		require.NoError(t, err)
		store.be(none)
		stop := running(t, g)
		require.NoError(t, stop())
		require.Equal(t, int64(3), store.used(t, "acme", "events"))
		require.Equal(t, int64(1), g.Stats().SetAside)
		kept, err := os.ReadFile(left(t, dir, ".refused")[0])
		require.NoError(t, err)
		require.Contains(t, string(kept), `"tenant":"nobody"`)
		require.Contains(t, string(kept), "not found")
	})
}

// choosy is a store that fails a call as a whole for one use in it.
type choosy struct {
	*troubled
	key string
	why error
}

func (s *choosy) Settle(ctx context.Context, ops []entitlements.Op) ([]entitlements.Outcome, error) {
	for _, op := range ops {
		if trouble(s.mood.Load()) == none && op.Use.Key == s.key {
			return nil, s.why
		}
	}
	return s.troubled.Settle(ctx, ops)
}

// spoolThree spools uses of 1, 2 and 4 units for a store that fails for the second, and brings it back.
func spoolThree(t *testing.T, why error) (g *entitlements.Gate, store *choosy, dir string) {
	t.Helper()
	store, dir = &choosy{newTroubled(), "b", why}, t.TempDir()
	g = setup(t, store, &entitlements.Options{SpoolDir: dir}, "acme")
	store.be(away)
	for i, key := range []string{"a", "b", "c"} {
		spool(t, g, key, 1<<i)
	}
	store.be(none)
	return g, store, dir
}

func TestASpooledUseThatSpoilsItForTheOthersIsSetAsideAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, store, dir := spoolThree(t, tenon.Invalid("metadata", "is more than the store takes"))
		stop := running(t, g)
		require.NoError(t, stop())
		require.Equal(t, int64(5), store.used(t, "acme", "events"))
		require.Equal(t, int64(1), g.Stats().SetAside)
		kept, err := os.ReadFile(left(t, dir, ".refused")[0])
		require.NoError(t, err)
		require.Contains(t, string(kept), `"key":"b"`)
		require.Contains(t, string(kept), "more than the store takes")
	})
}

func TestWhatIsNoRefusalSetsNothingAside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, store, dir := spoolThree(t, errors.New("the host's notifier has no table"))
		stop := running(t, g)
		time.Sleep(time.Minute)
		require.Contains(t, g.Stats().LastError, "no table")
		require.Equal(t, int64(3), g.Stats().Spooled)
		require.Empty(t, left(t, dir, ".refused"))
		synctest.Wait()
		store.key = ""
		require.NoError(t, stop())
		require.Equal(t, int64(7), store.used(t, "acme", "events"))
		require.Zero(t, g.Stats().SetAside)
	})
}

func TestAThresholdThatNobodyCanBeToldOfKeepsItsUseInTheSpool(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		told := &entitlementstest.Notifier{}
		store := &troubled{MemoryStore: entitlements.NewMemoryStore(&entitlements.MemoryOptions{Notifier: told})}
		dir, c := t.TempDir(), freight()
		c.Plans[0].Features["events"].Limits[0].Soft = 50
		g := entitlements.NewGate(store, &entitlements.Options{SpoolDir: dir})
		_, err := g.ApplyCatalog(t.Context(), c)
		require.NoError(t, err)
		_, err = g.Subscribe(t.Context(), entitlements.Subscription{Tenant: "acme", Plan: "starter"})
		require.NoError(t, err)
		store.be(away)
		spool(t, g, "k", 60)
		store.be(none)
		told.Fail(errors.New("refused"))
		stop := running(t, g)
		time.Sleep(time.Minute)
		require.Zero(t, store.used(t, "acme", "events"))
		require.Empty(t, left(t, dir, ".refused"))
		told.Fail(nil)
		require.NoError(t, stop())
		require.Equal(t, int64(60), store.used(t, "acme", "events"))
		require.Len(t, told.Told(), 1)
	})
}

func TestAConnectionThatIsLostDuringTheReplayCountsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, dir := newTroubled(), t.TempDir()
		g := spooling(t, store, dir)
		for i := range 1200 { // more than one call's worth
			spool(t, g, fmt.Sprint("k", i), 1)
		}
		store.be(broken)
		stop := running(t, g)
		time.Sleep(3 * time.Second)
		require.Len(t, left(t, dir, ".spool"), 1)
		store.be(none)
		time.Sleep(2 * time.Second)
		require.Equal(t, int64(1200), store.used(t, "acme", "events"))
		require.NoError(t, stop())
	})
}

// Two gates for which the store is away write, and begin a new file whenever they try to replay. Three for which it is
// there replay whatever lies in the folder.
func TestGatesShareAFolder(t *testing.T) {
	t.Parallel()
	store, dir := newTroubled(), t.TempDir()
	writing := []*entitlements.Gate{spooling(t, store, dir), spooling(t, store, dir)}
	over, end := context.WithCancel(t.Context())
	end()
	var writers, runners sync.WaitGroup
	var written atomic.Bool
	run := func(g *entitlements.Gate) {
		for !written.Load() {
			_ = g.Run(over) // it ends with a replay
		}
	}
	for range 3 {
		runners.Go(func() { run(entitlements.NewGate(store.MemoryStore, &entitlements.Options{SpoolDir: dir})) })
	}
	for n, g := range writing {
		runners.Go(func() { run(g) })
		for w := range 3 {
			writers.Go(func() {
				for i := range 100 {
					spool(t, g, fmt.Sprint(n, w, i), 1)
				}
			})
		}
	}
	writers.Wait()
	written.Store(true)
	runners.Wait()
	store.be(none)
	for _, g := range writing {
		require.NoError(t, g.Run(over))
		require.Zero(t, g.Stats().Spooled)
		require.Zero(t, g.Stats().SetAside)
	}
	require.Equal(t, int64(600), store.used(t, "acme", "events"))
	require.Empty(t, left(t, dir, ""))
}

func TestAFolderThatCannotBeWrittenRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, file := newTroubled(), filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		g := spooling(t, store, file)
		d, err := g.Consume(t.Context(), use("events", 1))
		require.Error(t, err)
		require.False(t, d.Allowed, "what cannot be kept is not let through in silence")
		require.True(t, strings.Contains(err.Error(), "spool"))
	})
}
