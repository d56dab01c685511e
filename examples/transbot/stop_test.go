package main

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// pipes is a listener without a network.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error { close(p); return nil }
func (pipes) Addr() net.Addr { return &net.TCPAddr{} }

// A browser opens connections ahead. The clock is one that nobody waits for.
func TestStoppingDoesNotWaitForConnectionsOnWhichNothingWasAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		listener, server := make(pipes), newServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
		go func() { _ = server.Serve(listener) }()
		client, conn := net.Pipe()
		listener <- conn
		synctest.Wait()
		began := time.Now()
		require.NoError(t, drain(server))
		require.Less(t, time.Since(began), time.Second)
		_, err := client.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	})
}

// terminal is the program on a private Postgres, started by a shell as a person in front of a terminal has it: ^C reaches
// the shell and all that it started.
type terminal struct {
	*exec.Cmd
	keys map[string]string
	url  string
	log  syncBuffer
	rest chan struct{} // closed at the end of what it prints
}

func openTerminal(t *testing.T, data string) *terminal {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	p := &terminal{
		Cmd:  exec.Command("sh", "-c", `"$0" "$@"; exit $?`, self, "-addr", "127.0.0.1:0", "-data", data, "-demo", "-partners", "1"),
		keys: map[string]string{}, rest: make(chan struct{}),
	}
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.Env = append(os.Environ(), "TRANSBOT_TEST_MAIN=1", "DATABASE_URL=", "TRANSBOT_ADMIN_KEY="+adminKey)
	p.Stderr = &p.log
	out, err := p.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL) })
	lines := bufio.NewScanner(out)
	for p.url == "" && lines.Scan() {
		if name, rest, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "="); ok {
			p.keys[name], _, _ = strings.Cut(rest, " ")
		}
		if at, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			p.url = at
		}
	}
	require.NotEmpty(t, p.url, p.log.String())
	go func() {
		defer close(p.rest)
		_, _ = io.Copy(io.Discard, out)
	}()
	return p
}

// interrupt does what ^C does, and waits until all is over.
func (p *terminal) interrupt(t *testing.T) {
	t.Helper()
	require.NoError(t, syscall.Kill(-p.Process.Pid, syscall.SIGINT))
	<-p.rest
	_ = p.Wait() // the shell's own end is by the signal
	require.Contains(t, p.log.String(), "msg=stopping")
	for _, bad := range []string{"transbot:", "panic", "broken off", "unfinished"} {
		require.NotContains(t, p.log.String(), bad)
	}
}

var sealedCount = regexp.MustCompile(`of ([\d,]+) sealed records`)

// sealed verifies the whole audit log and returns how many records are sealed.
func (p *terminal) sealed(t *testing.T) int {
	t.Helper()
	staff := (&site{t: t, url: p.url}).signIn(adminKey)
	page := staff.post("/audit/verify", "csrf", staff.csrf("/audit")).body
	require.Contains(t, page, "nothing was tampered with")
	n, err := strconv.Atoi(strings.ReplaceAll(sealedCount.FindStringSubmatch(page)[1], ",", ""))
	require.NoError(t, err)
	return n
}

func TestAfterInterruptAndStartThePlatformGoesOn(t *testing.T) {
	t.Parallel()
	data := filepath.Join(reachable(t), "data")
	quote := func(p *terminal, key, order string) reply {
		return (&site{t: t, url: p.url}).ask(key, "/api/quotes", lane, "Idempotency-Key", order)
	}

	first := openTerminal(t, data)
	key := first.keys["STARTER_KEY"]
	require.Contains(t, first.log.String(), "companies=40")
	made := quote(first, key, "order-1")
	require.Equal(t, http.StatusCreated, made.status, made.body)
	before := first.sealed(t)
	idle, err := net.Dial("tcp", strings.TrimPrefix(first.url, "http://")) // asks nothing
	require.NoError(t, err)
	defer idle.Close()
	first.interrupt(t)

	second := openTerminal(t, data)
	require.Contains(t, second.log.String(), "companies=0", "they are not made up again")
	again := quote(second, key, "order-1")
	require.Equal(t, made.field(t, "id"), again.field(t, "id"), "the same key, the same quote")
	require.Equal(t, http.StatusCreated, quote(second, key, "order-2").status, "the 100th of the month")
	require.Equal(t, http.StatusTooManyRequests, quote(second, key, "order-3").status, "counting went on where it was")
	require.GreaterOrEqual(t, second.sealed(t), before)
	second.interrupt(t)
}
