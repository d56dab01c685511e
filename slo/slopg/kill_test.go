package slopg_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
)

// childEnv, when set, makes this binary a process that records into the database of this URL until it is killed.
const childEnv = "TENON_SLOPG_CHILD"

func TestMain(m *testing.M) {
	if url := os.Getenv(childEnv); url != "" {
		if err := steady(context.Background(), url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// said is a line of a child: what it has observed before a flush, and what was flushed after it.
type said struct{ Observed, Flushed int }

// batch is how many events a child observes between two flushes.
const batch = 100

// steady observes, flushes and moves the time on without an end, and says what it does.
func steady(ctx context.Context, url string) error {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	r, err := slo.NewRecorder(slopg.New(pool, nil), []slo.Objective{uptime(), latency()}, &slo.RecorderOptions{Timeout: time.Minute})
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for n := 0; ; n++ {
		r.Tick(start.Add(time.Duration(n) * 20 * time.Second))
		for range batch {
			r.Observe(slo.Good, time.Millisecond)
		}
		if err := out.Encode(said{Observed: (n + 1) * batch}); err != nil {
			return err
		}
		if err := r.Flush(ctx); err != nil {
			return err
		}
		if err := out.Encode(said{Flushed: (n + 1) * batch}); err != nil {
			return err
		}
	}
}

var start = time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)

// run lets a child say some lines, kills it, and returns the most that it said.
func run(t *testing.T, url string, lines int) (most said) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	killed := false
	scanner := bufio.NewScanner(out)
	for n := 0; scanner.Scan(); n++ {
		var s said
		if json.Unmarshal(scanner.Bytes(), &s) != nil {
			break // a line that the kill cut in two
		}
		most.Observed, most.Flushed = max(most.Observed, s.Observed), max(most.Flushed, s.Flushed)
		if n >= lines && !killed {
			killed = true
			require.NoError(t, cmd.Process.Kill())
		}
	}
	var exit *exec.ExitError
	err = cmd.Wait()
	require.True(t, errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled(), "killed, not ended: %v", err)
	return most
}

func TestAKilledProcessLosesWhatItHadNotFlushedAndDoublesNothing(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, migrations.SLO)
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	defer pool.Close()
	store := slopg.New(pool, nil)
	kills := 4
	if soak() {
		kills = 200
	}
	var flushed, observed int64
	for k := range kills {
		most := run(t, url, 5+17*k%43)
		flushed += int64(most.Flushed)
		observed += int64(max(most.Observed, most.Flushed+batch)) // it may have begun another batch, unsaid
		for _, o := range []slo.Objective{uptime(), latency()} {
			c := count(t, store, o, start, start.Add(24*time.Hour))
			require.GreaterOrEqual(t, c.Valid, flushed, "what was flushed is there")
			require.LessOrEqual(t, c.Valid, observed, "nothing is counted twice")
			require.Equal(t, c.Good, c.Valid)
			require.LessOrEqual(t, c.Open, int64(k+1))
			require.Positive(t, c.Open, "the minute that was lost in part is told")
		}
	}
}
