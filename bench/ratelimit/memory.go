package ratelimit

import (
	"context"
	"fmt"
	"hash/maphash"
	"math"
	"runtime"
	"strconv"
	"time"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
)

const (
	manyKeys   = 1 << 20
	calls      = 400_000 // of one goroutine in a round
	goroutines = 4
)

// column is one way to ask.
type column struct {
	name       string
	limit      int
	window     time.Duration
	keys       int // 1 or manyKeys
	goroutines int
	bucket     float64 // targets: the best peer over tenon's; 0 is none
	strict     float64
	denies     bool
}

var columns = []column{
	{name: "one key", limit: 1_000_000_000, window: time.Second, keys: 1, goroutines: 1, bucket: 1.8, strict: 1},
	{name: "one key, denied", limit: 120, window: time.Hour, keys: 1, goroutines: 1, strict: 1, denies: true},
	{name: "one key, 4 goroutines", limit: 1_000_000_000, window: time.Second, keys: 1, goroutines: goroutines, bucket: 2.5, strict: 1},
	{
		name: "one key, denied, 4 goroutines", limit: 120, window: time.Hour, keys: 1, goroutines: goroutines, bucket: 10, strict: 1,
		denies: true,
	},
	{name: "a million keys, 4 goroutines", limit: 1_000_000, window: time.Minute, keys: manyKeys, goroutines: goroutines, bucket: 2.5, strict: 1},
}

func compareMemory(ctx context.Context, l *lab.Lab, s *report.Section) error {
	t := report.Table{
		Title: "In one process",
		Text: "Nanoseconds of a call, from call to return; with goroutines each waits for itself. A round is 400,000 calls of each " +
			"goroutine; everybody is set up once, with all keys, and stays in memory for all rounds. The last rows are the memory " +
			"of a million keys, each used once. Every limiter has to read the clock and to hash the key: the best peer over " +
			"these two alone is more than any limiter can reach on this machine.",
	}
	all := contestants()
	for _, c := range all {
		t.Columns = append(t.Columns, c.name)
	}
	for _, c := range columns {
		l.Say("ratelimit: %s, %d rounds", c.name, l.Rounds)
		series, allocs, err := c.measure(ctx, l, all)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		t.Rows = append(t.Rows, c.rows(all, series, allocs)...)
		for i, who := range all {
			s.Samples = append(s.Samples, report.Sample{
				Name: "memory/" + c.name + "/" + who.name, Unit: report.Nanoseconds, Series: series[i],
			})
		}
	}
	rows, err := bytesPerKey(l, all)
	t.Rows = append(t.Rows, rows...)
	s.Tables = append(s.Tables, t)
	return err
}

// measure times everybody in turn, and last the floor. Each is set up, and has seen every key, before its first round, and stays: to fill
// the slow ones with a million keys takes longer than to measure them.
func (c column) measure(ctx context.Context, l *lab.Lab, all []contestant) (times []measure.Series, allocs []measure.Series, err error) {
	keys := longNames(l, c.keys)
	allocs = make([]measure.Series, len(all))
	var contenders []measure.Contender
	for i, who := range all {
		ask, done, err := who.filled(c.limit, c.window, keys)
		if err != nil {
			return nil, nil, err
		}
		defer done()
		contenders = append(contenders, func(context.Context) (float64, error) {
			cost := measure.Loop(c.goroutines, l.Size(calls), part(ask, keys))
			allocs[i] = append(allocs[i], cost.Allocs)
			return cost.Nanoseconds, nil
		})
	}
	contenders = append(contenders, func(context.Context) (float64, error) {
		return measure.Loop(c.goroutines, l.Size(calls), part(newFloor(), keys)).Nanoseconds, nil
	})
	times, err = measure.Interleave(ctx, l.Rounds, contenders...)
	return times, allocs, err
}

// newFloor does what any limiter has to do before it can decide: it reads the clock and hashes the key.
func newFloor() allow {
	start, seed := time.Now(), maphash.MakeSeed()
	return func(key string) bool {
		return uint64(time.Since(start)) != maphash.String(seed, key)
	}
}

// filled returns a limiter that counts correctly and has seen keys.
func (c contestant) filled(limit int, window time.Duration, keys []string) (allow, func(), error) {
	if err := c.verify(); err != nil {
		return nil, nil, err
	}
	ask, done, err := c.make(limit, window, len(keys))
	if err != nil {
		return nil, nil, err
	}
	for _, key := range keys {
		ask(key)
	}
	return ask, done, nil
}

func part(ask allow, keys []string) func(goroutine, n int) int {
	return func(goroutine, n int) (allowed int) {
		random := uint32(goroutine + 1)
		for range n {
			random = random*1664525 + 1013904223
			if ask(keys[uint64(random)*uint64(len(keys))>>32]) {
				allowed++
			}
		}
		return allowed
	}
}

// verify requires that twice the limit gets the limit.
func (c contestant) verify() error {
	const limit = 50
	ask, done, err := c.make(limit, time.Hour, 16)
	if err != nil {
		return err
	}
	defer done()
	allowed := 0
	for range 2 * limit {
		if ask("key") {
			allowed++
		}
	}
	if allowed != limit {
		return fmt.Errorf("%s let %d of %d through", c.name, allowed, limit)
	}
	return nil
}

func (c column) rows(all []contestant, series, allocs []measure.Series) []report.Row {
	var cells []string
	for _, s := range series[:len(all)] {
		cells = append(cells, report.Spread(s, report.Nanoseconds))
	}
	none := make([]string, len(all))
	floor := len(all)
	best := bestOf(series[2:floor])
	row := func(what string, i int, target float64) report.Row {
		r := report.Row{
			Case:   c.name + ": best peer over " + what,
			Figure: report.Over(series[best+2], series[i]),
			Cells:  none,
		}
		if target > 0 {
			r.Target = report.Target{Bound: report.AtLeast, Value: target}
		}
		return r
	}
	strict, bucket := row("strict", 0, c.strict), row("bucket", 1, c.bucket)
	strict.Cells = cells
	return []report.Row{strict, bucket, row("the clock and a hash of the key alone", floor, 0), {
		Case:   c.name + ": allocations",
		Figure: report.Figure{Value: max(whole(allocs[0].Median()), whole(allocs[1].Median())), Unit: report.Allocs},
		Target: report.Target{Bound: report.AtMost, Value: 0},
		Cells:  none,
	}}
}

// whole rounds as package testing does: a handful in a million calls is the timer's.
func whole(perCall float64) float64 {
	if perCall < 0.001 {
		return 0
	}
	return perCall
}

func bestOf(series []measure.Series) (best int) {
	for i := range series {
		if series[i].Median() < series[best].Median() {
			best = i
		}
	}
	return best
}

// bytesPerKey fills everybody with keys that are made beforehand and looks at the heap.
func bytesPerKey(l *lab.Lab, all []contestant) ([]report.Row, error) {
	keys := longNames(l, manyKeys)
	var cells []string
	var perKey []float64
	for _, who := range all {
		before := heap()
		ask, done, err := who.make(120, time.Hour, len(keys))
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			ask(key)
		}
		bytes := math.Round(float64(heap()-before) / float64(len(keys)))
		runtime.KeepAlive(ask)
		done()
		perKey, cells = append(perKey, bytes), append(cells, strconv.Itoa(int(bytes)))
	}
	runtime.KeepAlive(keys)
	row := func(what string, i int, most float64) report.Row {
		return report.Row{
			Case: "bytes a key: " + what, Figure: report.Figure{Value: perKey[i], Unit: "bytes"},
			Target: report.Target{Bound: report.AtMost, Value: most}, Cells: make([]string, len(all)),
		}
	}
	strict := row("strict", 0, 120)
	strict.Cells = cells
	return []report.Row{strict, row("bucket", 1, 40)}, nil
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func longNames(l *lab.Lab, n int) []string {
	if n > 1 {
		n = l.Size(n)
	}
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("tenant-%07d:/v1/orders", i)
	}
	return names
}
