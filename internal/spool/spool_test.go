package spool_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/spool"
)

type entry struct{ ID string }

// sink takes entries, and keeps those that it is told to refuse out.
type sink struct {
	got     []string
	batches int
	away    error
	aside   int
}

func (s *sink) replayer() spool.Replayer[entry] {
	return spool.Replayer[entry]{Batch: 2, Store: s.store, Aside: func(_ string, lines int) { s.aside += lines }}
}

func (s *sink) store(_ context.Context, entries []entry) (refused []byte, err error) {
	if s.away != nil {
		return nil, s.away
	}
	s.batches++
	for _, e := range entries {
		if e.ID == "bad" {
			refused = append(refused, spool.Refusal(e, errors.New("no"))...)
			continue
		}
		s.got = append(s.got, e.ID)
	}
	return refused, nil
}

func files(t *testing.T, dir, ending string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+ending))
	require.NoError(t, err)
	return names
}

func TestWhatIsWrittenIsReplayedOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "when needed")
	s, to := spool.New[entry](dir, ".spool"), &sink{}
	require.NoError(t, s.Replay(t.Context(), to.replayer()), "nothing is there")
	require.NoError(t, s.Write(entry{"a"}, entry{"b"}))
	require.NoError(t, s.Write(entry{"c"}))
	require.Equal(t, int64(3), s.Left())

	require.NoError(t, s.Replay(t.Context(), to.replayer()))
	require.Equal(t, []string{"a", "b", "c"}, to.got)
	require.Equal(t, 2, to.batches)
	require.Zero(t, s.Left())
	require.Empty(t, files(t, dir, ".spool"))
	require.NoError(t, s.Replay(t.Context(), to.replayer()))
	require.Len(t, to.got, 3)
}

func TestAnotherProcessStoresWhatADeadOneLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dead, heir, to := spool.New[entry](dir, ".spool"), spool.New[entry](dir, ".spool"), &sink{}
	require.NoError(t, dead.Write(entry{"a"}))
	require.NoError(t, heir.Replay(t.Context(), to.replayer()))
	require.Empty(t, to.got, "the writer has it open still")
	require.ErrorIs(t, dead.Replay(t.Context(), (&sink{away: tenon.ErrUnavailable}).replayer()), tenon.ErrUnavailable)
	require.NoError(t, heir.Replay(t.Context(), to.replayer()))
	require.Equal(t, []string{"a"}, to.got)
	require.Zero(t, dead.Left(), "and it is known")
}

func TestAStoreThatIsAwayLeavesEveryFileAndIsAskedOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, id := range []string{"a", "b"} {
		s := spool.New[entry](dir, ".spool")
		require.NoError(t, s.Write(entry{id}))
		require.ErrorIs(t, s.Replay(t.Context(), (&sink{away: tenon.ErrUnavailable}).replayer()), tenon.ErrUnavailable)
	}
	require.Len(t, files(t, dir, ".spool"), 2)
	asked := 0
	r := spool.Replayer[entry]{Batch: 1, Store: func(context.Context, []entry) ([]byte, error) {
		asked++
		return nil, tenon.ErrUnavailable
	}}
	require.ErrorIs(t, spool.New[entry](dir, ".spool").Replay(t.Context(), r), tenon.ErrUnavailable)
	require.Equal(t, 1, asked)
}

func TestTornAndRefusedLinesAreKeptForAPerson(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, to := spool.New[entry](dir, ".spool"), &sink{}
	require.NoError(t, s.Write(entry{"a"}, entry{"bad"}, entry{"b"}))
	file := files(t, dir, ".spool")[0]
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("0123abcd {\"ID\":\"torn")
	require.NoError(t, errors.Join(err, f.Close()))

	require.NoError(t, s.Replay(t.Context(), to.replayer()))
	require.Equal(t, []string{"a", "b"}, to.got)
	require.Equal(t, 2, to.aside)
	kept, err := os.ReadFile(file + ".refused")
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(kept), "\n"))
	require.Contains(t, string(kept), "torn")
	require.Contains(t, string(kept), `{"ID":"bad"} "no"`)
	require.Empty(t, files(t, dir, ".spool"))
}

func TestAFileThatCannotBeStoredDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, id := range []string{"a", "b"} {
		s := spool.New[entry](dir, ".spool")
		require.NoError(t, s.Write(entry{id}))
		require.Error(t, s.Replay(t.Context(), (&sink{away: errors.New("not now")}).replayer()))
	}
	to, first := &sink{}, true
	r := to.replayer()
	r.Store = func(ctx context.Context, entries []entry) ([]byte, error) {
		if first {
			first = false
			return nil, errors.New("odd")
		}
		return to.store(ctx, entries)
	}
	require.ErrorContains(t, spool.New[entry](dir, ".spool").Replay(t.Context(), r), "odd")
	require.Len(t, to.got, 1)
	require.Len(t, files(t, dir, ".spool"), 1)
}

func TestWithoutAFolderNothingIsKept(t *testing.T) {
	t.Parallel()
	s := spool.New[entry]("", ".spool")
	require.False(t, s.Given())
	require.Error(t, s.Write(entry{"a"}))
	require.NoError(t, s.Replay(t.Context(), spool.Replayer[entry]{}))
	require.Zero(t, s.Left())
}

func TestWhatIsSetAsideIsNotReplayed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, to := spool.New[entry](dir, ".spool"), &sink{}
	require.NoError(t, s.SetAside("a", entry{"a"}, errors.New("why")))
	require.NoError(t, s.Replay(t.Context(), to.replayer()))
	require.Empty(t, to.got)
	kept, err := os.ReadFile(filepath.Join(dir, "a.spool.refused"))
	require.NoError(t, err)
	require.Contains(t, string(kept), "why")
}
