package notify_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifytest"
)

// unstable is a store that fails as often as it is told, for each method.
type unstable struct {
	*notify.MemoryStore
	mu    sync.Mutex
	fails map[string]int
}

func (s *unstable) err(method string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails[method] > 0 {
		s.fails[method]--
		return tenon.ErrUnavailable
	}
	return nil
}

func (s *unstable) Start(context.Context) error { return s.err("start") }

func (s *unstable) Clock(context.Context) (time.Time, error) { return time.Now(), s.err("clock") }

func (s *unstable) Claim(ctx context.Context, c notify.Claim) ([]notify.Entry, error) {
	if err := s.err("claim"); err != nil {
		return nil, err
	}
	return s.MemoryStore.Claim(ctx, c)
}

func (s *unstable) Settle(ctx context.Context, r []notify.Result) error {
	if err := s.err("settle"); err != nil {
		return err
	}
	return s.MemoryStore.Settle(ctx, r)
}

func (s *unstable) Tally(ctx context.Context) ([]notify.Tally, error) {
	if err := s.err("tally"); err != nil {
		return nil, err
	}
	return s.MemoryStore.Tally(ctx)
}

func TestAStoreThatComesAndGoes(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"start", "clock", "claim", "settle", "tally"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &unstable{MemoryStore: notify.NewMemoryStore(), fails: map[string]int{method: 3}}
				to := &notifytest.Notifier{}
				o := notify.NewOutbox(s, map[string]tenon.Notifier{"hook": to}, nil)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- o.Run(ctx) }()
				require.NoError(t, o.Notify(ctx, notifytest.Notification("acme", "k")))
				time.Sleep(10 * time.Second)
				require.Len(t, to.Told(), 1, "once, also when its settling had to be tried again")
				cancel()
				require.NoError(t, <-ended)
				list, err := s.List(t.Context(), notify.Query{State: notify.Delivered})
				require.NoError(t, err)
				require.Len(t, list, 1)
			})
		})
	}
}

// mute is a store of which the first call of a method does not answer.
type mute struct {
	*unstable
}

func (s mute) hang(ctx context.Context, method string) error {
	if s.err(method) == nil {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (s mute) Start(ctx context.Context) error { return s.hang(ctx, "start") }

func (s mute) Clock(ctx context.Context) (time.Time, error) {
	return time.Now(), s.hang(ctx, "clock")
}

func (s mute) Claim(ctx context.Context, c notify.Claim) ([]notify.Entry, error) {
	if err := s.hang(ctx, "claim"); err != nil {
		return nil, err
	}
	return s.MemoryStore.Claim(ctx, c)
}

func (s mute) Settle(ctx context.Context, r []notify.Result) error {
	if err := s.hang(ctx, "settle"); err != nil {
		return err
	}
	return s.MemoryStore.Settle(ctx, r)
}

func (s mute) Tally(ctx context.Context) ([]notify.Tally, error) {
	if err := s.hang(ctx, "tally"); err != nil {
		return nil, err
	}
	return s.MemoryStore.Tally(ctx)
}

func TestAStoreThatDoesNotAnswerOnceStopsNothingForLong(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"start", "clock", "claim", "settle", "tally"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := mute{&unstable{MemoryStore: notify.NewMemoryStore(), fails: map[string]int{method: 1}}}
				to := &notifytest.Notifier{}
				o := notify.NewOutbox(s, map[string]tenon.Notifier{"hook": to}, nil)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- o.Run(ctx) }()
				require.NoError(t, o.Notify(ctx, notifytest.Notification("acme", "1")))
				time.Sleep(40 * time.Second)
				require.NoError(t, o.Notify(ctx, notifytest.Notification("acme", "2")))
				time.Sleep(40 * time.Second)
				require.Equal(t, []string{"1", "2"}, slices.Compact(to.Keys()))
				require.False(t, o.Stats().LastLook.IsZero())
				cancel()
				require.NoError(t, <-ended)
			})
		})
	}
}

func TestRunRefusesAStoreThatWouldNotSeeEverything(t *testing.T) {
	t.Parallel()
	o := notify.NewOutbox(filtered{notify.NewMemoryStore()}, nil, nil)
	require.ErrorIs(t, o.Run(t.Context()), tenon.ErrDenied)
}

type filtered struct{ *notify.MemoryStore }

func (filtered) Start(context.Context) error { return tenon.ErrDenied }
