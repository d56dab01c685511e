package entitlementshttp_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementshttp"
)

func TestMeterReleasesAndPanicsOn(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	h := g.meter(nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "half=done")
		panic(http.ErrAbortHandler)
	})
	require.PanicsWithError(t, http.ErrAbortHandler.Error(), func() { serve(h, request("POST", "/", "pro")) })
	g.requireUse("pro", "rates", 0, 0)
}

func TestMeterKeepsTheUseOfAHandlerThatPanicsAfterItsAnswerBegan(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	h := g.meter(nil, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		panic("late")
	})
	require.PanicsWithValue(t, "late", func() { serve(h, request("POST", "/", "pro")) })
	g.requireUse("pro", "rates", 1, 0)
}

func TestMeterWithholdsAnAnswerThatCannotBeCounted(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"store_away":   tenon.ErrUnavailable,
		"hold_closed":  entitlements.ErrHoldClosed,
		"hold_unknown": entitlements.ErrUnknownHold,
		"no_class":     io.ErrUnexpectedEOF,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			g.store.failBefore(on(entitlements.OpCommit, err))
			h := g.meter(&entitlementshttp.Options{RetryAfter: 7 * time.Second}, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Set-Cookie", "quote=secret")
				w.Header().Set("Content-Length", "999999")
				w.Header().Set("Content-Encoding", "gzip")
				w.WriteHeader(http.StatusCreated)
				n, err := io.WriteString(w, "secret")
				require.Zero(t, n)
				require.ErrorContains(t, err, "withheld")
				w.WriteHeader(http.StatusTeapot)
				require.Error(t, http.NewResponseController(w).Flush())
				_, _, err = http.NewResponseController(w).Hijack()
				require.ErrorContains(t, err, "withheld")
			})
			w := httptest.NewRecorder()
			w.Header().Set("Request-Id", "from outside")
			h.ServeHTTP(w, request("POST", "/", "pro"))
			requireProblem(t, w, http.StatusServiceUnavailable, "unavailable")
			require.Equal(t, "7", w.Header().Get("Retry-After"))
			require.Equal(t, "from outside", w.Header().Get("Request-Id"), "what stood outside stays")
			require.Empty(t, w.Header().Get("Set-Cookie"))
			require.Empty(t, w.Header().Get("Content-Encoding"))
			require.NotContains(t, w.Body.String(), "secret")
			g.requireUse("pro", "rates", 0, 0)
		})
	}
}

func TestMeterWithholdsAnAnswerWhoseCommitIsUnknown(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.store.failAfter(on(entitlements.OpCommit, tenon.ErrUnavailable))
	requireProblem(t, serve(g.meter(nil, ok), request("POST", "/", "pro")), http.StatusServiceUnavailable, "unavailable")
	g.requireUse("pro", "rates", 1, 0)
}

func TestMeterIsUnavailableWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.store.away.Store(true)
	h := entitlementshttp.Meter(g.gate, "bulk_rating", nil, byHeader, nil)(http.HandlerFunc(ok))
	w := serve(h, request("POST", "/", "pro"))
	requireProblem(t, w, http.StatusServiceUnavailable, "unavailable")
	require.Equal(t, "5", w.Header().Get("Retry-After"))
}

func TestMeterLeavesAHoldThatCannotBeReleasedToExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		g.store.failBefore(on(entitlements.OpRelease, tenon.ErrUnavailable))
		opts := &entitlementshttp.Options{HoldFor: time.Minute}
		require.Equal(t, http.StatusTeapot, serve(g.meter(opts, answering(http.StatusTeapot)), request("POST", "/", "pro")).Code)
		g.requireUse("pro", "rates", 0, 1)
		time.Sleep(time.Minute)
		d, err := g.gate.Consume(t.Context(), entitlements.Use{Tenant: "pro", Feature: "rates", Quantity: 10})
		require.NoError(t, err)
		require.True(t, d.Allowed)
	})
}

func TestMeterSecondStatusChangesNothing(t *testing.T) {
	t.Parallel()
	for _, statuses := range [][2]int{{200, 500}, {500, 200}} {
		g := newRig(t)
		w := serve(g.meter(nil, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(statuses[0])
			w.WriteHeader(statuses[1])
			_, _ = io.WriteString(w, "done")
		}), request("POST", "/", "pro"))
		require.Equal(t, statuses[0], w.Code)
		require.Equal(t, "done", w.Body.String())
		used := int64(0)
		if statuses[0] == 200 {
			used = 1
		}
		g.requireUse("pro", "rates", used, 0)
	}
}

func TestMeterClientGone(t *testing.T) {
	t.Parallel()

	gone := func() (*http.Request, context.CancelFunc) {
		r := request("POST", "/", "pro")
		ctx, cancel := context.WithCancel(r.Context())
		return r.WithContext(ctx), cancel
	}

	t.Run("while_the_handler_runs_is_released", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		r, cancel := gone()
		w := serve(g.meter(nil, func(w http.ResponseWriter, _ *http.Request) { cancel(); ok(w, r) }), r)
		requireProblem(t, w, http.StatusServiceUnavailable, "unavailable")
		g.requireUse("pro", "rates", 0, 0)
	})

	t.Run("before_the_handler_runs_is_released", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		r, cancel := gone()
		g.store.failAfter(func(entitlements.Op) error { cancel(); return nil })
		served := false
		serve(g.meter(nil, func(http.ResponseWriter, *http.Request) { served = true }), r)
		require.False(t, served)
		g.requireUse("pro", "rates", 0, 0)
	})

	t.Run("during_the_commit_is_counted", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		r, cancel := gone()
		g.store.failBefore(func(op entitlements.Op) error {
			if op.Kind == entitlements.OpCommit {
				cancel()
			}
			return nil
		})
		require.Equal(t, http.StatusOK, serve(g.meter(nil, ok), r).Code)
		g.requireUse("pro", "rates", 1, 0)
	})

	t.Run("after_the_handler_committed_stays_counted", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		r, cancel := gone()
		w := serve(g.meter(nil, func(w http.ResponseWriter, r *http.Request) {
			held, _ := entitlementshttp.Reservation(r.Context())
			require.NoError(t, held.SetActual(3))
			cancel()
			require.NoError(t, held.Commit(r.Context()))
			require.NoError(t, held.Commit(r.Context()), "twice counts once")
			ok(w, r)
		}), r)
		require.Equal(t, http.StatusOK, w.Code)
		g.requireUse("pro", "rates", 3, 0)
	})
}

func TestMeterCommitAfterARefusalIsClosed(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	serve(g.meter(nil, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		held, _ := entitlementshttp.Reservation(r.Context())
		require.ErrorIs(t, held.Commit(r.Context()), entitlements.ErrHoldClosed)
	}), request("POST", "/", "pro"))
	g.requireUse("pro", "rates", 0, 0)
}

// server runs h behind real HTTP.
func server(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func call(t *testing.T, ctx context.Context, url string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	require.NoError(t, err)
	r.Header.Set("Tenant", "pro")
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

func TestMeterStreams(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	read := make(chan struct{})
	url := server(t, g.meter(nil, func(w http.ResponseWriter, _ *http.Request) {
		control := http.NewResponseController(w)
		_ = control.SetWriteDeadline(time.Now().Add(time.Minute)) // reaches the connection through Unwrap
		_, _ = io.WriteString(w, "first\n")
		require.NoError(t, control.Flush())
		<-read
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, "second\n")
	}))
	answer := call(t, t.Context(), url)
	lines := bufio.NewReader(answer.Body)
	first, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "first\n", first)
	g.requireUse("pro", "rates", 1, 0)
	close(read)
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.Equal(t, "second\n", string(rest))
}

func TestMeterLetsEarlyHintsPassUncounted(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	url := server(t, g.meter(nil, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		g.requireUse("pro", "rates", 0, 1)
		w.WriteHeader(http.StatusAccepted)
	}))
	require.Equal(t, http.StatusAccepted, call(t, t.Context(), url).StatusCode)
	g.requireUse("pro", "rates", 1, 0)
}

func TestMeterReleasesForAClientThatDisconnects(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	running, done := make(chan struct{}), make(chan struct{})
	h := g.meter(nil, func(w http.ResponseWriter, r *http.Request) {
		close(running)
		<-r.Context().Done()
		ok(w, r)
	})
	url := server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		h.ServeHTTP(w, r)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(""))
	require.NoError(t, err)
	r.Header.Set("Tenant", "pro")
	go func() { <-running; cancel() }()
	answer, err := http.DefaultClient.Do(r)
	if err == nil {
		_ = answer.Body.Close()
	}
	require.ErrorIs(t, err, context.Canceled)
	<-done
	g.requireUse("pro", "rates", 0, 0)
}

func TestMeterHijack(t *testing.T) {
	t.Parallel()
	// dial returns what the connection brought, once the handler has returned: the client sees the end before.
	dial := func(t *testing.T, h http.Handler) string {
		t.Helper()
		done := make(chan struct{})
		url := server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(done)
			h.ServeHTTP(w, r)
		}))
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: test\r\nTenant: pro\r\n\r\n")
		require.NoError(t, err)
		all, err := io.ReadAll(conn)
		require.NoError(t, err)
		<-done
		return string(all)
	}
	takeOver := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "hello")
	}

	t.Run("commits", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		require.Equal(t, "hello", dial(t, g.meter(nil, takeOver)))
		g.requireUse("pro", "rates", 1, 0)
	})

	t.Run("closes_a_connection_that_cannot_be_counted", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		g.store.failBefore(on(entitlements.OpCommit, tenon.ErrUnavailable))
		require.Empty(t, dial(t, g.meter(nil, takeOver)))
		g.requireUse("pro", "rates", 0, 0)
	})

	t.Run("counts_nothing_where_there_is_no_connection_to_take", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		w := serve(g.meter(nil, func(w http.ResponseWriter, _ *http.Request) {
			_, _, err := http.NewResponseController(w).Hijack()
			require.ErrorIs(t, err, http.ErrNotSupported)
			http.Error(w, "no", http.StatusNotImplemented)
		}), request("POST", "/", "pro"))
		require.Equal(t, http.StatusNotImplemented, w.Code)
		g.requireUse("pro", "rates", 0, 0)
	})
}
