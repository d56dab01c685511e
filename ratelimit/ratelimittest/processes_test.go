package ratelimittest_test

import (
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/internal/redistest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/ratelimit"
)

// soak says whether the long versions of the loops were asked for.
func soak() bool { return os.Getenv("TENON_SOAK") != "" }

// backends are where children share a limit; each is the test's own.
var backends = map[string]func(t *testing.T) order{
	"redis": func(t *testing.T) order {
		s, err := redistest.Start(t.Context(), nil)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Stop()) })
		return order{Redis: s.URL()}
	},
	"postgres": func(t *testing.T) order {
		return order{Postgres: pgtest.Database(t, migrations.Ratelimit)}
	},
}

// log is what children were allowed.
type log struct {
	mu     sync.Mutex
	events []event
}

func (l *log) add(e event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

func (l *log) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.events)
}

// worst returns the most calls that any window of the length surely held: those that were asked and answered within it.
// A call whose answer was slow to be seen lies within fewer windows, so a busy machine cannot make this too high.
func (l *log) worst(window time.Duration) (worst int) {
	events := slices.Clone(l.events)
	slices.SortFunc(events, func(a, b event) int { return int(a.Asked - b.Asked) })
	for i, first := range events {
		inside := 0
		for _, e := range events[i:] {
			if e.Asked >= first.Asked+int64(window) {
				break
			}
			if e.Answered < first.Asked+int64(window) {
				inside++
			}
		}
		worst = max(worst, inside)
	}
	return worst
}

func TestFourProcessesOfWhichOneIsKilledNeverExceedTheLimit(t *testing.T) {
	t.Parallel()
	const (
		most   = 60
		window = 600 * time.Millisecond
	)
	strict, bucket := ratelimit.Per(most, window), ratelimit.Bucket(rate.Every(window/most), 30)
	leased, leasedBucket := strict, bucket
	strict.Lease, bucket.Lease, leased.Lease, leasedBucket.Lease = 1, 1, 4, 4
	for name, c := range map[string]struct {
		limit ratelimit.Limit
		bound int
	}{
		"strict":        {strict, most},
		"strict_leased": {leased, most},
		"bucket":        {bucket, 30 + most},
		"bucket_leased": {leasedBucket, 30 + most},
	} {
		for backend, on := range backends {
			t.Run(backend+"/"+name, func(t *testing.T) {
				t.Parallel()
				o := on(t)
				o.Limit, o.LeaseFor, o.Callers = c.limit, 100*time.Millisecond, 8
				l := share(t, o, 4*most)
				require.LessOrEqual(t, l.worst(window), c.bound)
			})
		}
	}
}

// share lets four processes take until they were allowed as many calls, of which one is killed in between, with what it
// was leased.
func share(t *testing.T, o order, calls int) *log {
	t.Helper()
	if soak() {
		calls *= 20
	}
	l := &log{}
	var all []*process
	for range processes {
		all = append(all, start(t, o, l.add))
	}
	until := func(n int) {
		require.Eventually(t, func() bool { return l.count() >= n }, 5*time.Minute, 5*time.Millisecond)
	}
	until(calls / 3)
	all[0].kill(t)
	until(calls)
	for _, p := range all[1:] {
		p.kill(t)
	}
	return l
}
