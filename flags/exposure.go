package flags

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Exposures says who is told which variant was served to whom. Evaluation never waits for it: what finds no room is
// dropped and counted in Stats.
type Exposures struct {
	// Sink is handed batches, one at a time, by Run. A batch whose error is not nil counts as dropped.
	Sink func(ctx context.Context, batch []Exposure) error
	// OneIn is of how many evaluations one is taken, at random; 0 and 1 mean each.
	OneIn int
	// Buffer is how many may wait; 0 means 10,000.
	Buffer int
	// Batch is how many are handed on at once at the most; 0 means 500.
	Batch int
	// Every is how long one waits at the most while Run runs; 0 means 1 second.
	Every time.Duration
}

// Exposure is that a variant was served to somebody.
type Exposure struct {
	Flag    string
	Version int64
	Tenant  string
	Variant string // empty: the caller's default
	Reason  Reason
	At      time.Time
}

type exposer struct {
	Exposures
	waiting chan Exposure
	handed  atomic.Int64
	dropped atomic.Int64
}

func newExposer(e *Exposures) *exposer {
	if e == nil || e.Sink == nil {
		return nil
	}
	x := &exposer{Exposures: *e}
	if x.Buffer <= 0 {
		x.Buffer = 10_000
	}
	if x.Batch <= 0 {
		x.Batch = 500
	}
	if x.Every <= 0 {
		x.Every = time.Second
	}
	x.waiting = make(chan Exposure, x.Buffer)
	return x
}

// offer takes the exposure where there is room.
func (x *exposer) offer(c *compiled, o outcome, w *Who) {
	if x.OneIn > 1 && rand.IntN(x.OneIn) != 0 {
		return
	}
	e := Exposure{Flag: c.key, Version: c.version, Tenant: w.Tenant, Reason: steps[o.step].reason, At: time.Now()}
	if o.variant >= 0 {
		e.Variant = c.variants[o.variant].name
	}
	select {
	case x.waiting <- e:
	default:
		x.dropped.Add(1)
	}
}

// run hands exposures on until ctx is done.
func (x *exposer) run(ctx context.Context, limit time.Duration) {
	tick := time.NewTicker(x.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			x.flush(ctx, limit)
		}
	}
}

// flush hands on what waits.
func (x *exposer) flush(ctx context.Context, limit time.Duration) {
	for ctx.Err() == nil {
		batch := x.next()
		if len(batch) == 0 {
			return
		}
		x.hand(ctx, batch, limit)
	}
}

func (x *exposer) next() []Exposure {
	var batch []Exposure
	for len(batch) < x.Batch {
		select {
		case e := <-x.waiting:
			e.At = e.At.UTC().Truncate(time.Microsecond)
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

func (x *exposer) hand(ctx context.Context, batch []Exposure, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := x.Sink(ctx, batch); err != nil {
		x.dropped.Add(int64(len(batch)))
		return
	}
	x.handed.Add(int64(len(batch)))
}
