package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
)

func TestGroup(t *testing.T) {
	t.Parallel()

	t.Run("begins_again_what_could_not_begin", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := newGroup(t.Context(), slog.New(slog.DiscardHandler))
			var tries atomic.Int64
			g.run("job", func(ctx context.Context) error {
				if tries.Add(1) < 3 {
					return tenon.ErrUnavailable
				}
				<-ctx.Done()
				return nil
			})
			synctest.Wait()
			require.EqualValues(t, 1, tries.Load())
			<-time.After(2*againAfter + time.Millisecond)
			synctest.Wait()
			require.EqualValues(t, 3, tries.Load())
			require.NoError(t, g.stop())
		})
	})

	t.Run("ends_with_what_went_wrong", func(t *testing.T) {
		t.Parallel()
		g := newGroup(t.Context(), slog.New(slog.DiscardHandler))
		broken := errors.New("broken")
		g.run("job", func(context.Context) error { return broken })
		<-g.ended()
		require.ErrorIs(t, g.stop(), broken)
	})
}
