package pgtest_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
)

func start(t *testing.T, opts *pgtest.Options) *pgtest.Server {
	t.Helper()
	s, err := pgtest.Start(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func exec1(t *testing.T, conn pgtest.Handle, sql string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}

func read[T any](t *testing.T, conn pgtest.Handle, sql string) T {
	t.Helper()
	var v T
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&v))
	return v
}

func TestStart(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := connect(t, s.URL("postgres"))

	require.Equal(t, "off", read[string](t, conn, "show fsync"))
	require.Equal(t, "on", read[string](t, conn, "show synchronous_commit"))
	require.Empty(t, read[string](t, conn, "show listen_addresses"))
	require.NotEqual(t, 5432, s.Port())
	require.True(t, strings.HasPrefix(s.Socket(), "/tmp/"))
	require.Less(t, len(s.Socket()), 60)
	require.FileExists(t, filepath.Join(s.BinDir(), "initdb"))
	require.NoError(t, s.Stop())
	require.NoDirExists(t, s.Socket())
	require.NoDirExists(t, s.Data())
	require.NoError(t, s.Stop(), "a second time")
}

func TestStartByTCPAsksForThePassword(t *testing.T) {
	t.Parallel()
	s := start(t, &pgtest.Options{TCP: true})
	require.Equal(t, int32(1), read[int32](t, connect(t, s.URL("postgres")), "select 1"))

	_, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://tenon:guess@127.0.0.1:%d/postgres?sslmode=disable", s.Port()))
	require.ErrorContains(t, err, "password authentication failed")
}

func TestStartTakesSettingsAndWritesTheLog(t *testing.T) {
	t.Parallel()
	var log lines
	s := start(t, &pgtest.Options{Settings: map[string]string{"max_connections": "17", "log_statement": "all"}, Log: &log})
	require.Equal(t, "17", read[string](t, connect(t, s.URL("postgres")), "show max_connections"))
	require.NoError(t, s.Stop())
	require.Contains(t, log.String(), "show max_connections")
}

func TestStartShowsTheLogOfAServerThatDoesNotStart(t *testing.T) {
	t.Parallel()
	_, err := pgtest.Start(t.Context(), &pgtest.Options{Settings: map[string]string{"no_such_setting": "1"}})
	require.ErrorContains(t, err, "no_such_setting")
}

func TestKeptDataSurvivesARestart(t *testing.T) {
	t.Parallel()
	opts := &pgtest.Options{Dir: filepath.Join(openDir(t), "data")}
	s := start(t, opts)
	conn := connect(t, s.URL("postgres"))
	require.Equal(t, "on", read[string](t, conn, "show fsync"))
	exec1(t, conn, "create table kept as select 42 as n")
	require.NoError(t, s.Stop())

	again := start(t, opts)
	require.Equal(t, int32(42), read[int32](t, connect(t, again.URL("postgres")), "select n from kept"))
}

func TestKeptDataOfAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "PG_VERSION"), []byte("9\n"), 0o600))
	t.Cleanup(func() { _ = os.Remove(dir + ".lock") })
	_, err := pgtest.Start(t.Context(), &pgtest.Options{Dir: dir})
	require.ErrorContains(t, err, "was made by Postgres 9")
	require.ErrorContains(t, err, "TENON_PG_BIN")
}

func TestKeptDataNeverReplacesOtherFiles(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "letter.txt"), nil, 0o600))
	t.Cleanup(func() { _ = os.Remove(dir + ".lock") })
	_, err := pgtest.Start(t.Context(), &pgtest.Options{Dir: dir})
	require.ErrorContains(t, err, "choose another folder")
	require.FileExists(t, filepath.Join(dir, "letter.txt"))
}

func TestKeptDataOutOfReachIsRefused(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // the server runs as ourselves and reaches what we reach
	}
	_, err := pgtest.Start(t.Context(), &pgtest.Options{Dir: filepath.Join(closedDir(t), "data")})
	require.ErrorContains(t, err, "cannot enter")
	require.ErrorContains(t, err, pgtest.KeepDir("data"))
}

func closedDir(t *testing.T) string {
	t.Helper()
	dir := openDir(t)
	require.NoError(t, os.Chmod(dir, 0o700))
	return dir
}

func TestServersStartAtOnce(t *testing.T) {
	t.Parallel()
	began := time.Now()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			s, err := pgtest.Start(t.Context(), nil)
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	t.Logf("4 servers at once: %v", time.Since(began))
}

// TestChild is not a test: TestKilledParent runs it as a process of its own.
func TestChild(t *testing.T) {
	dir, ok := os.LookupEnv("PGTEST_CHILD")
	if !ok {
		return
	}
	s, err := pgtest.Start(t.Context(), &pgtest.Options{Dir: dir})
	require.NoError(t, err)
	fmt.Println("child:", s.PID(), s.Socket(), s.Data())
	select {} // until killed
}

type child struct {
	cmd          *exec.Cmd
	server       int
	socket, data string
}

func startChild(t *testing.T, dir string) child {
	t.Helper()
	c := child{cmd: exec.Command(os.Args[0], "-test.run=^TestChild$")}
	c.cmd.Env = append(os.Environ(), "PGTEST_CHILD="+dir)
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	t.Cleanup(func() { _ = c.cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	_, err = fmt.Sscanf(line, "child: %d %s %s", &c.server, &c.socket, &c.data)
	require.NoError(t, err, line)
	return c
}

func (c child) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Kill())
	_ = c.cmd.Wait()
}

func TestKilledParent(t *testing.T) {
	t.Parallel()
	c := startChild(t, "")
	require.DirExists(t, c.socket)
	c.kill(t)
	began := time.Now()
	require.Eventually(t, func() bool {
		return !pgtest.Alive(c.server) && gone(c.socket) && gone(c.data)
	}, time.Minute, 5*time.Millisecond, "the server and its folders go")
	t.Logf("server and folders gone %v after SIGKILL", time.Since(began))
}

func TestKilledParentKeepsItsData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "data")
	c := startChild(t, dir)
	c.kill(t)
	s := start(t, &pgtest.Options{Dir: dir}) // at once: it waits for the old server
	require.False(t, pgtest.Alive(c.server))
	require.Equal(t, int32(1), read[int32](t, connect(t, s.URL("postgres")), "select 1"))
}

func gone(path string) bool {
	_, err := os.Stat(path)
	return os.IsNotExist(err)
}

// lines collects a log that a server writes while a test reads it.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
