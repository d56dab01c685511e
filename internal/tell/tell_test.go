package tell_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/tell"
)

// diary notes what it is told, and refuses what is called bad.
type diary struct{ lines []string }

var errBad = errors.New("bad")

func (d *diary) note(line string) error {
	if strings.HasSuffix(line, "bad") {
		return errBad
	}
	d.lines = append(d.lines, line)
	return nil
}

func (d *diary) RecordChange(_ context.Context, c tenon.Change) error {
	return d.note("change " + c.Action)
}

func (d *diary) Notify(_ context.Context, n tenon.Notification) error { return d.note("news " + n.Key) }

// batches is a diary that takes several at once.
type batches struct{ diary }

func (b *batches) NotifyBatch(_ context.Context, ns []tenon.Notification) error {
	keys := make([]string, len(ns))
	for i, n := range ns {
		keys[i] = n.Key
	}
	return b.note("batch " + strings.Join(keys, " "))
}

func news(keys ...string) (ns []tenon.Notification) {
	for _, key := range keys {
		ns = append(ns, tenon.Notification{Key: key})
	}
	return ns
}

func TestChangesAreRecordedAndThenNewsAreTold(t *testing.T) {
	t.Parallel()
	var one diary
	changes := []tenon.Change{{Action: "a"}, {Action: "b"}}
	require.NoError(t, tell.Host(t.Context(), &one, &one, changes, news("1", "2")))
	require.Equal(t, []string{"change a", "change b", "news 1", "news 2"}, one.lines)
	require.NoError(t, tell.Host(t.Context(), nil, nil, changes, news("1")), "a host may want neither")
}

func TestTheFirstErrorEndsIt(t *testing.T) {
	t.Parallel()
	var one diary
	require.ErrorIs(t, tell.Host(t.Context(), &one, &one, nil, news("1", "bad", "3")), errBad)
	require.ErrorIs(t, tell.Host(t.Context(), &one, &one, []tenon.Change{{Action: "bad"}}, news("4")), errBad)
	require.Equal(t, []string{"news 1"}, one.lines)
}

func TestWhoTakesSeveralAtOnceGetsThemAtOnce(t *testing.T) {
	t.Parallel()
	var all batches
	for _, keys := range [][]string{nil, {"1"}, {"2", "3"}} {
		require.NoError(t, tell.News(t.Context(), &all, news(keys...)))
	}
	require.Equal(t, []string{"news 1", "batch 2 3"}, all.lines)
	require.ErrorIs(t, tell.News(t.Context(), &all, news("4", "bad")), errBad)
}
