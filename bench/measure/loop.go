package measure

import (
	"runtime"
	"sync"
	"time"
)

// Cost is what one operation cost.
type Cost struct {
	Nanoseconds float64 // from call to return
	Allocs      float64
}

// Loop runs n operations in each of a number of goroutines at once and returns what one cost the goroutine that ran
// it: with two goroutines that share nothing it is the same as with one. The part is given the number of its goroutine
// and n, and returns something made of its results, so that no compiler leaves the work out.
func Loop(goroutines, n int, part func(goroutine, n int) int) Cost {
	var before, after runtime.MemStats
	results := make([]int, goroutines)
	var wg sync.WaitGroup
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	for g := range goroutines {
		wg.Go(func() { results[g] = part(g, n) })
	}
	wg.Wait()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(results)
	return Cost{
		Nanoseconds: float64(took.Nanoseconds()) / float64(n),
		Allocs:      float64(after.Mallocs-before.Mallocs) / float64(n*goroutines),
	}
}
