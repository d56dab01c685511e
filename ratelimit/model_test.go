package ratelimit_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/ratelimit"
)

// ledger keeps every unit that was let through with its time.
type ledger struct {
	taken []entry
	begin time.Time
}

type entry struct {
	decision ratelimit.Decision
	at       time.Duration
	units    int64
}

// since returns the units of the last d, the present included.
func (l *ledger) since(d time.Duration) (units int64) {
	now := time.Since(l.begin)
	for _, e := range l.taken {
		if e.at > now-d {
			units += e.units
		}
	}
	return units
}

func soak(short, long int) int {
	if os.Getenv("TENON_SOAK") != "" {
		return long
	}
	return short
}

// A strict limiter and one that keeps every timestamp agree, but for two cells: what was taken in the last window
// always counts, what was taken before that and two cells never.
func TestStrictAgreesWithALimiterThatKeepsEveryTimestamp(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{1, 7, 120, 70_000, 40_000_000} {
		for seed := range soak(4, 100) {
			t.Run(fmt.Sprint(limit, "/", seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					playModel(t, limit, rand.New(rand.NewPCG(uint64(seed), uint64(limit))))
				})
			})
		}
	}
}

func playModel(t *testing.T, limit int64, r *rand.Rand) {
	const window = time.Second
	lim := must(ratelimit.NewLimiter(nil, ratelimit.Per(limit, window)))
	log := &ledger{begin: time.Now()}
	coarse := limit >> 11 // what rounding to 16 bits a cell may cost, above 65,535
	if limit < 1<<16 {
		coarse = 0
	}
	for range 1500 {
		time.Sleep(time.Duration(r.Int64N(int64(window / 30))))
		if len(log.taken) > 0 && r.IntN(8) == 0 {
			refundOne(t, lim, log, r)
		}
		n := 1 + r.Int64N(max(limit/8, 1))
		d := take(t, lim, n)
		if d.Allowed {
			log.taken = append(log.taken, entry{d, time.Since(log.begin), n})
			require.LessOrEqual(t, log.since(window), limit)
			continue
		}
		require.Greater(t, log.since(window+2*window/ratelimit.Cells+2)+n+coarse, limit)
		requireExact(t, lim, d, n)
	}
}

// requireExact peeks a nanosecond before d's RetryAfter has passed, and when it has.
func requireExact(t *testing.T, lim *ratelimit.Limiter, d ratelimit.Decision, n int64) {
	t.Helper()
	require.Positive(t, d.RetryAfter)
	time.Sleep(d.RetryAfter - 1)
	early, err := lim.Peek(t.Context(), key, n)
	require.NoError(t, err)
	require.False(t, early.Allowed)
	require.Equal(t, time.Duration(1), early.RetryAfter)
	time.Sleep(time.Nanosecond)
	due, err := lim.Peek(t.Context(), key, n)
	require.NoError(t, err)
	require.True(t, due.Allowed)
}

func refundOne(t *testing.T, lim *ratelimit.Limiter, log *ledger, r *rand.Rand) {
	i := r.IntN(len(log.taken))
	e := &log.taken[i]
	if e.units == 0 {
		return
	}
	require.NoError(t, lim.Refund(t.Context(), key, e.decision))
	e.units = 0
}

// A bucket agrees with one that counts in exact fractions, but for less than a unit.
func TestABucketAgreesWithOneThatCountsFractions(t *testing.T) {
	t.Parallel()
	for _, perSecond := range []float64{0.3, 7, 1e6 / 3} {
		for seed := range soak(4, 100) {
			t.Run(fmt.Sprint(perSecond, "/", seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					playBucket(t, perSecond, 20, rand.New(rand.NewPCG(uint64(seed), 9)))
				})
			})
		}
	}
}

func playBucket(t *testing.T, perSecond float64, burst int, r *rand.Rand) {
	lim := must(ratelimit.NewLimiter(nil, ratelimit.Bucket(rateOf(perSecond), burst)))
	level, last := float64(burst), time.Now()
	for range 1500 {
		time.Sleep(time.Duration(r.ExpFloat64() * 3e9 / perSecond))
		level, last = min(level+time.Since(last).Seconds()*perSecond, float64(burst)), time.Now()
		n := 1 + r.Int64N(int64(burst))
		d := take(t, lim, n)
		if d.Allowed {
			require.GreaterOrEqual(t, level+0.01, float64(n))
			level -= float64(n)
			continue
		}
		require.Less(t, level-0.01, float64(n))
		requireExact(t, lim, d, n)
	}
}

// FuzzTake plays what the bytes say on a table of four slots, whose keys are handed on and overflow, and requires
// that no key ever gets more than its limit.
func FuzzTake(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 250, 7, 8, 9, 200, 1, 1, 1, 1})
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\xff\xff\x00\x11\x22\x33\x44\x55\x66\x77"))
	f.Fuzz(func(t *testing.T, script []byte) {
		synctest.Test(t, func(t *testing.T) {
			const limit, window = 5, time.Second
			lim := must(ratelimit.NewLimiter(&ratelimit.Options{MaxKeys: 1}, ratelimit.Per(limit, window)))
			logs := map[byte]*ledger{}
			for _, b := range script {
				if b >= 192 {
					time.Sleep(time.Duration(b-191) * 20 * time.Millisecond)
					continue
				}
				who, n := b%24, int64(b/24%4)
				log := logs[who]
				if log == nil {
					log = &ledger{begin: time.Now()}
					logs[who] = log
				}
				k := ratelimit.Key{Tenant: "acme", Name: string('a' + who)}
				d, err := lim.Take(t.Context(), k, n)
				require.NoError(t, err)
				if d.Allowed {
					log.taken = append(log.taken, entry{d, time.Since(log.begin), n})
				}
				require.LessOrEqual(t, log.since(window), int64(limit))
				if b >= 168 && len(log.taken) > 0 {
					e := &log.taken[len(log.taken)-1]
					e.decision.Cost, e.units = e.units, 0 // once: nobody can tell a second time
					require.NoError(t, lim.Refund(t.Context(), k, e.decision))
				}
			}
		})
	})
}
