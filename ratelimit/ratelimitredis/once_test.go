package ratelimitredis_test

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/redistest"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitredis"
)

func TestAScriptThatTheServerDoesNotKnowIsSent(t *testing.T) {
	t.Parallel()
	srv := server(t, nil)
	client := connect(t, srv.Options())
	s := ratelimitredis.New(client, nil)
	key := ratelimit.Key{Name: "k"}
	for i := range int64(3) {
		require.EqualValues(t, i, used(t, s, key))
		require.NoError(t, client.ScriptFlush(t.Context()).Err())
		settle(t, s, take(key, 1))
	}
}

// deaf stands between a client and a server, and can lose answers: it lets a script through, and the connection ends
// before its answer.
type deaf struct {
	address string
	losing  atomic.Bool
	lost    atomic.Int64
}

func newDeaf(t *testing.T, socket string) *deaf {
	t.Helper()
	d := &deaf{address: filepath.Join(t.TempDir(), "s")}
	listener, err := net.Listen("unix", d.address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go d.serve(conn, socket)
		}
	}()
	return d
}

func (d *deaf) serve(client net.Conn, socket string) {
	defer client.Close()
	server, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer server.Close()
	var last atomic.Bool
	go func() {
		pass(server, client, func(request []byte) bool {
			if d.losing.Load() && bytes.Contains(request, []byte("evalsha")) {
				last.Store(true)
			}
			return true
		})
		_ = server.Close()
	}()
	pass(client, server, func([]byte) bool {
		if last.Load() {
			d.lost.Add(1)
		}
		return !last.Load()
	})
}

// pass copies for as long as it may.
func pass(to, from net.Conn, may func([]byte) bool) {
	b := make([]byte, 1<<16)
	for {
		n, err := from.Read(b)
		if err != nil || !may(b[:n]) {
			return
		}
		_, _ = to.Write(b[:n])
	}
}

func TestATakeWhoseAnswerWasLostIsNotSentAgain(t *testing.T) {
	t.Parallel()
	srv := redistest.Shared(t)
	d := newDeaf(t, srv.Options().Addr)
	through := connect(t, &redis.Options{
		Network: "unix", Addr: d.address, MaxRetries: 5, MinRetryBackoff: time.Millisecond, MaxRetryBackoff: time.Millisecond,
	})
	prefix, key := ours(), ratelimit.Key{Name: "k"}
	s := ratelimitredis.New(through, &ratelimitredis.Options{Prefix: prefix})
	direct := ratelimitredis.New(redistest.Client(t), &ratelimitredis.Options{Prefix: prefix})
	settle(t, s, take(key, 1))
	for i := range int64(10) {
		d.losing.Store(true)
		_, err := s.Settle(t.Context(), []ratelimit.Op{take(key, 1)})
		require.ErrorIs(t, err, tenon.ErrUnavailable)
		require.EqualValues(t, i+1, d.lost.Load(), "one answer was lost")
		d.losing.Store(false)
		require.EqualValues(t, i+2, used(t, direct, key), "it was counted once")
	}
}

func TestATakeThatTimedOutIsNotSentAgain(t *testing.T) {
	t.Parallel()
	srv := server(t, nil)
	opts := srv.Options()
	opts.ContextTimeoutEnabled, opts.MaxRetries, opts.MaxRetryBackoff = true, 5, time.Millisecond
	s := ratelimitredis.New(connect(t, opts), nil)
	key := ratelimit.Key{Name: "k"}
	settle(t, s, take(key, 1))
	require.NoError(t, srv.Pause())
	const calls = 4
	for range calls {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err := s.Settle(ctx, []ratelimit.Op{take(key, 1)})
		cancel()
		require.ErrorIs(t, err, tenon.ErrUnavailable)
	}
	require.NoError(t, srv.Resume())
	n := used(t, s, key)
	require.GreaterOrEqual(t, n, int64(1))
	require.LessOrEqual(t, n, int64(1+calls), "each was carried out once, or not at all")
}

func TestAServerThatIsAwayIsSaidToBe(t *testing.T) {
	t.Parallel()
	srv := server(t, nil)
	client := connect(t, srv.Options())
	s := ratelimitredis.New(client, nil)
	settle(t, s, take(ratelimit.Key{Name: "k"}, 1))

	require.NoError(t, client.ConfigSet(t.Context(), "maxmemory", "1").Err())
	_, err := s.Settle(t.Context(), []ratelimit.Op{take(ratelimit.Key{Name: "k"}, 1)})
	require.ErrorIs(t, err, tenon.ErrUnavailable, "no memory is left")
	require.NoError(t, client.ConfigSet(t.Context(), "maxmemory", "0").Err())

	require.NoError(t, srv.Kill())
	_, err = s.Settle(t.Context(), []ratelimit.Op{take(ratelimit.Key{Name: "k"}, 1)})
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	_, err = s.Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	require.NoError(t, srv.Restart(t.Context()))
	settle(t, s, take(ratelimit.Key{Name: "k"}, 1))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Settle(ctx, []ratelimit.Op{take(ratelimit.Key{Name: "k"}, 1)})
	require.ErrorIs(t, err, context.Canceled)
}
