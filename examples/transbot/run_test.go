package main

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
)

func noEnv(string) string { return "" }

func TestRun(t *testing.T) {
	t.Parallel()

	t.Run("uses_DATABASE_URL", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		require.Equal(t, http.StatusOK, s.ask("", "/readyz", "").status)
		require.Equal(t, 3, scan[int](s, "select count(*) from tenon.plans"))
		files, err := filepath.Glob("schema/*.up.sql")
		require.NoError(t, err)
		require.Equal(t, len(files), scan[int](s, "select count(*) from tenon.migrations where set = 'transbot'"))
		require.Zero(t, scan[int](s, "select count(*) from companies"), "without -demo nothing is made up")
	})

	t.Run("starts_twice_on_one_database", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		url := s.pool.Config().ConnString()
		other := begin(t, func(name string) string { return map[string]string{"DATABASE_URL": url}[name] })
		key := s.company("acme", "starter")
		require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)
		require.Equal(t, http.StatusCreated, other.ask(key, "/api/quotes", lane).status)
		s.requireUsed("acme", "rates", 2)
		require.Equal(t, http.StatusUnauthorized, other.browser().post("/signin", "key", "").status, "without an admin key nobody is staff")
	})

	t.Run("refuses_what_it_does_not_understand", func(t *testing.T) {
		t.Parallel()
		short := func(of string) func(string) string {
			return func(name string) string { return map[string]string{of: "short"}[name] }
		}
		for _, err := range []error{
			run(t.Context(), []string{"-port", "1"}, noEnv, io.Discard, io.Discard),
			run(t.Context(), []string{"start"}, noEnv, io.Discard, io.Discard),
			run(t.Context(), []string{"-linger", "-1s"}, noEnv, io.Discard, io.Discard),
			run(t.Context(), []string{"-partners", "-1"}, noEnv, io.Discard, io.Discard),
			run(t.Context(), nil, short("TRANSBOT_ADMIN_KEY"), io.Discard, io.Discard),
			run(t.Context(), nil, short("TRANSBOT_SECRET"), io.Discard, io.Discard),
		} {
			require.ErrorIs(t, err, errUsage)
		}
	})

	t.Run("says_so_when_the_address_is_taken", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		url := s.pool.Config().ConnString()
		env := func(name string) string { return map[string]string{"DATABASE_URL": url}[name] }
		err := run(t.Context(), []string{"-addr", strings.TrimPrefix(s.url, "http://")}, env, io.Discard, io.Discard)
		require.ErrorIs(t, err, syscall.EADDRINUSE)
	})
}

func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	server, err := pgtest.Start(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	env := func(name string) string { return map[string]string{"DATABASE_URL": server.URL("postgres")}[name] }
	s := begin(t, env).connect(server.URL("postgres"))
	key := s.company("acme", "pro")
	require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)

	require.NoError(t, server.Kill())
	for _, r := range []reply{
		s.ask(key, "/api/quotes", lane), s.ask(key, "/api/quotes", ""), s.ask(key, "/api/entitlements", ""),
		s.ask("", "/readyz", ""), s.browser().post("/signin", "key", key),
	} {
		require.Equal(t, http.StatusServiceUnavailable, r.status, r.body)
	}
	require.Equal(t, http.StatusOK, s.ask("", "/healthz", "").status)

	require.NoError(t, server.Restart(t.Context()))
	require.Eventually(t, func() bool { return s.ask(key, "/api/quotes", lane).status == http.StatusCreated }, time.Minute, 20*time.Millisecond)
}

// reachable returns a folder that the server's account can enter, which the one of t.TempDir is not for root.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "transbot")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

// printed returns the keys that the program printed for a shell.
func printed(s *site) map[string]string {
	keys := map[string]string{}
	for _, line := range s.lines {
		if name, rest, ok := strings.Cut(strings.TrimPrefix(line, "export "), "="); ok {
			keys[name], _, _ = strings.Cut(rest, " ")
		}
	}
	return keys
}

func TestStop(t *testing.T) {
	t.Parallel()

	t.Run("says_not_ready_and_still_answers_for_a_while", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, "-linger", "6s")
		key := s.company("acme", "starter")
		require.Equal(t, http.StatusOK, s.ask("", "/readyz", "").status)
		s.stop()
		require.Eventually(t, func() bool { return s.ask("", "/readyz", "").status == http.StatusServiceUnavailable }, 3*time.Second, time.Millisecond)
		require.Equal(t, http.StatusOK, s.ask("", "/healthz", "").status)
		require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)
		require.NoError(t, s.end())
		_, err := http.Get(s.url + "/healthz")
		require.Error(t, err)
	})

	t.Run("by_a_signal_ends_well", func(t *testing.T) {
		t.Parallel()
		p := launch(t)
		require.NoError(t, p.Process.Signal(syscall.SIGTERM))
		require.NoError(t, p.Wait(), p.log.String())
	})

	t.Run("by_a_second_signal_ends_at_once", func(t *testing.T) {
		t.Parallel()
		p := launch(t, "-linger", "1m")
		require.NoError(t, p.Process.Signal(syscall.SIGTERM))
		require.Eventually(t, func() bool { return notReady(p.url) }, time.Minute, 5*time.Millisecond)
		require.NoError(t, p.Process.Signal(syscall.SIGTERM))
		var exit *exec.ExitError
		require.ErrorAs(t, p.Wait(), &exit)
		require.Equal(t, syscall.SIGTERM, exit.Sys().(syscall.WaitStatus).Signal())
	})
}

// process is the program as a process of its own.
type process struct {
	*exec.Cmd
	url string
	log syncBuffer
}

func launch(t *testing.T, args ...string) *process {
	t.Helper()
	all, err := sets()
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	p := &process{Cmd: exec.Command(self, append([]string{"-addr", "127.0.0.1:0"}, args...)...)}
	p.Env = append(os.Environ(), "TRANSBOT_TEST_MAIN=1", "DATABASE_URL="+pgtest.Database(t, all...))
	p.Stderr = &p.log
	out, err := p.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	p.url = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	return p
}

func notReady(url string) bool {
	res, err := http.Get(url + "/readyz")
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusServiceUnavailable
}
