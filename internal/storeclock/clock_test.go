package storeclock_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/storeclock"
)

// server is a store whose clock is off by a while, and which may be away.
type server struct {
	off   time.Duration
	away  bool
	slow  time.Duration
	asked int
}

var errAway = errors.New("away")

func (s *server) Clock(ctx context.Context) (time.Time, error) {
	s.asked++
	if s.slow > 0 {
		select {
		case <-time.After(s.slow):
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		}
	}
	if s.away {
		return time.Time{}, errAway
	}
	return time.Now().Add(s.off), nil
}

func TestAStoreIsAskedOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := &server{off: time.Hour}, &storeclock.Clock{}
		for range 10 {
			at, err := c.Now(t.Context(), s)
			require.NoError(t, err)
			require.Equal(t, tenon.Instant(time.Now().Add(time.Hour)), at)
			time.Sleep(time.Second)
		}
		require.Equal(t, 1, s.asked)
		s.off = 2 * time.Hour
		time.Sleep(time.Minute)
		at, err := c.Now(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, tenon.Instant(time.Now().Add(2*time.Hour)), at)
		require.Equal(t, 2, s.asked)
	})
}

func TestAStoreWithoutAClockHasThisMachines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at, err := new(storeclock.Clock).Now(t.Context(), struct{}{})
		require.NoError(t, err)
		require.Equal(t, tenon.Instant(time.Now()), at)
	})
}

func TestAnAnswerIsOfTheMiddleOfTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := &server{slow: 4 * time.Second}, &storeclock.Clock{}
		at, err := c.Now(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, tenon.Instant(time.Now()), at, "as the store said")
		at, err = c.Now(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, tenon.Instant(time.Now().Add(2*time.Second)), at)
	})
}

func TestAnErrorOfTheStoreIsTold(t *testing.T) {
	t.Parallel()
	_, err := new(storeclock.Clock).Now(t.Context(), &server{away: true})
	require.ErrorIs(t, err, errAway)
}

func TestWhoCannotWaitGoesOnFromTheLastReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := &server{off: time.Hour}, &storeclock.Clock{}
		require.Equal(t, tenon.Instant(time.Now().Add(time.Hour)), c.Best(t.Context(), s))
		s.slow = time.Hour
		time.Sleep(2 * time.Minute)
		before := time.Now()
		for range 5 {
			at := c.Best(t.Context(), s)
			require.Equal(t, tenon.Instant(time.Now().Add(time.Hour)), at)
		}
		require.Equal(t, time.Second, time.Since(before), "one of them asked, for a second")
		require.Equal(t, 2, s.asked)
		require.Equal(t, tenon.Instant(time.Now()), new(storeclock.Clock).Best(t.Context(), &server{away: true}))
	})
}
