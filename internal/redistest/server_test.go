package redistest_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/redistest"
)

func start(t *testing.T, opts *redistest.Options) *redistest.Server {
	t.Helper()
	s, err := redistest.Start(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s
}

func connect(t *testing.T, s *redistest.Server) *redis.Client {
	t.Helper()
	client := redis.NewClient(s.Options())
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestStartServesTheSocketAlone(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	client := connect(t, s)
	port, err := client.ConfigGet(t.Context(), "port").Result()
	require.NoError(t, err)
	require.Equal(t, "0", port["port"])
	require.Less(t, len(s.Socket()), 60)
	require.NoError(t, s.Stop())
	require.NoDirExists(t, filepath.Dir(s.Socket()))
	require.NoError(t, s.Stop(), "a second time")
}

func TestStartByTCPAsksForThePassword(t *testing.T) {
	t.Parallel()
	s := start(t, &redistest.Options{TCP: true})
	require.NoError(t, connect(t, s).Ping(t.Context()).Err())
	require.NotContains(t, s.Arguments(), s.Options().Password)
	opts := s.Options()
	opts.Password = "guess"
	stranger := redis.NewClient(opts)
	defer stranger.Close()
	require.ErrorContains(t, stranger.Ping(t.Context()).Err(), "WRONGPASS")
}

func TestStartShowsTheLogOfAServerThatDoesNotStart(t *testing.T) {
	t.Parallel()
	_, err := redistest.Start(t.Context(), &redistest.Options{Settings: map[string]string{"no-such-setting": "1"}})
	require.ErrorContains(t, err, "no-such-setting")
}

func TestStartSaysHowToInstallWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := redistest.Start(t.Context(), nil)
	require.ErrorContains(t, err, "make deps")
}

func TestAServerThatEndedHasForgotten(t *testing.T) {
	t.Parallel()
	for name, want := range map[bool]string{false: "", true: "v"} {
		t.Run(fmt.Sprint("durable_", name), func(t *testing.T) {
			t.Parallel()
			s := start(t, &redistest.Options{Durable: name})
			client := connect(t, s)
			require.NoError(t, client.Set(t.Context(), "k", "v", 0).Err())
			require.NoError(t, s.Kill())
			require.Error(t, client.Get(t.Context(), "k").Err())
			require.NoError(t, s.Restart(t.Context()))
			got, _ := connect(t, s).Get(t.Context(), "k").Result()
			require.Equal(t, want, got)
		})
	}
}

func TestPauseHoldsEveryAnswerUntilResume(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	opts := s.Options()
	opts.ContextTimeoutEnabled, opts.ReadTimeout, opts.MaxRetries = true, time.Minute, -1
	client := redis.NewClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	require.NoError(t, client.Ping(t.Context()).Err())
	require.NoError(t, s.Pause())
	answered := make(chan error, 1)
	go func() { answered <- client.Ping(t.Context()).Err() }()
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	select {
	case err := <-answered:
		require.Fail(t, "a paused server answered", "%v", err)
	case <-short.Done():
	}
	require.NoError(t, s.Resume())
	require.NoError(t, <-answered)
}

func TestSharedIsOneServer(t *testing.T) {
	t.Parallel()
	require.Same(t, redistest.Shared(t), redistest.Shared(t))
	require.NoError(t, redistest.Client(t).Ping(t.Context()).Err())
}

func TestAClusterServesEverySlot(t *testing.T) {
	t.Parallel()
	c, err := redistest.StartCluster(t.Context(), 3)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop()) })
	client := redis.NewClusterClient(c.Options())
	t.Cleanup(func() { _ = client.Close() })
	for i := range 300 {
		require.NoError(t, client.Set(t.Context(), fmt.Sprint("k", i), i, 0).Err())
	}
	for _, node := range c.Nodes {
		n, err := connect(t, node).DBSize(t.Context()).Result()
		require.NoError(t, err)
		require.Positive(t, n)
	}
}

// TestChild is not a test: TestAServerEndsWithItsProcess runs it as a process of its own.
func TestChild(t *testing.T) {
	if os.Getenv("REDISTEST_CHILD") == "" {
		return
	}
	s, err := redistest.Start(t.Context(), nil)
	require.NoError(t, err)
	fmt.Println("child:", s.PID(), s.Socket())
	select {} // until killed
}

func TestAServerEndsWithItsProcess(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), "REDISTEST_CHILD=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	var pid int
	var socket string
	_, err = fmt.Sscanf(line, "child: %d %s", &pid, &socket)
	require.NoError(t, err, line)
	require.FileExists(t, socket)

	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.Eventually(t, func() bool { return ended(pid) }, 30*time.Second, 5*time.Millisecond)
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Dir(socket))
		return os.IsNotExist(err)
	}, 30*time.Second, 5*time.Millisecond)
}

// ended says whether a process is gone, or is a zombie that nobody waits for.
func ended(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && len(line) == 0
}
