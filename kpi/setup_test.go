package kpi_test

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/kpi"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var noon = time.Date(2026, 3, 30, 12, 0, 0, 0, time.UTC)

// still is a store whose clock stands.
type still struct {
	kpi.Store
	now time.Time
}

func (s still) Clock(context.Context) (time.Time, error) { return s.now, nil }

func tracker(s kpi.Store, now time.Time) *kpi.Tracker {
	return kpi.NewTracker(still{s, now}, &kpi.TrackerOptions{Timeout: time.Minute})
}

func board(s kpi.Store, now time.Time) *kpi.Board {
	return kpi.NewBoard(still{s, now}, &kpi.BoardOptions{Timeout: time.Minute})
}

func event(name, user string, at time.Time) kpi.Event {
	return kpi.Event{Tenant: "acme", User: user, Name: name, At: at}
}

func track(t *testing.T, s kpi.Store, events ...kpi.Event) {
	t.Helper()
	_, err := tracker(s, noon).Track(t.Context(), events...)
	require.NoError(t, err)
}

// state is how a [troubled] store is.
type state int

const (
	well state = iota
	away
	lossy  // it writes, and the answer is lost
	choosy // it refuses events that are named "poison"
	deaf   // it refuses these and has no quarantine
	moody  // well, away and lossy in turn
)

// troubled is a memory store that may be away.
type troubled struct {
	*kpi.MemoryStore
	mu    sync.Mutex
	state state
	calls int
}

var moods = []state{well, away, lossy}

func newTroubled() *troubled { return &troubled{MemoryStore: kpi.NewMemoryStore(nil)} }

func (s *troubled) be(state state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
}

var (
	errAway   = fmt.Errorf("away: %w", tenon.ErrUnavailable)
	errPoison = fmt.Errorf("poison: %w", tenon.ErrInvalid)
)

func (s *troubled) Track(ctx context.Context, entries []kpi.Entry) ([]kpi.Receipt, error) {
	s.mu.Lock()
	state := s.state
	if s.calls++; state == moody {
		state = moods[s.calls%len(moods)]
	}
	s.mu.Unlock()
	switch state {
	case away:
		return nil, errAway
	case lossy:
		_, _ = s.MemoryStore.Track(ctx, entries)
		return nil, errAway
	case choosy, deaf:
		for _, e := range entries {
			if e.Event.Name == "poison" && (e.Kind != kpi.SetAside || state == deaf) {
				return nil, errPoison
			}
		}
	}
	return s.MemoryStore.Track(ctx, entries)
}

// counted returns how many events of a name are stored.
func (s *troubled) counted(t *testing.T, name string) int64 {
	t.Helper()
	r, err := kpi.NewBoard(s.MemoryStore, nil).Preview(t.Context(), kpi.KPI{Name: "n", Count: &kpi.Count{Of: kpi.On(name)}}, kpi.Query{Last: 3})
	require.NoError(t, err)
	var n int64
	for _, p := range r.Points {
		n += p.Count
	}
	return n
}
