package slo

import (
	"cmp"
	"context"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/option"
	"github.com/transbotai/tenon/internal/storeclock"
)

// Outcome is how an event ended. What should not count, such as a health check, is not observed at all.
type Outcome uint8

// The outcomes.
const (
	Good Outcome = iota
	Bad
)

// RecorderOptions of a [Recorder]. The zero value of each field has the documented meaning; a negative value means the same.
type RecorderOptions struct {
	// Flush is how often Run hands the counts to the store; 0 means 10 seconds. It is what a crash may lose.
	Flush time.Duration
	// Gauge returns how long the oldest item has waited, 0 when none waits. Run observes it every Sample, so that a
	// queue from which nothing comes out does not look healthy. Nil: nothing is sampled.
	Gauge func(ctx context.Context) (time.Duration, error)
	// Sample is how often Gauge is asked; 0 means 10 seconds.
	Sample time.Duration
	// MaxPending bounds how many minutes of each objective wait while the store is away; 0 means 1,440. Older ones
	// are dropped and counted in Stats.
	MaxPending int
	// Timeout bounds one call of the store or of Gauge; 0 means 5 seconds.
	Timeout time.Duration
	// Drain bounds how long Run still works when its context is done; 0 means 10 seconds.
	Drain time.Duration
	// Logger is told what nobody is waiting for. Nil discards.
	Logger *slog.Logger
}

func (o *RecorderOptions) withDefaults() RecorderOptions {
	var v RecorderOptions
	if o != nil {
		v = *o
	}
	v.Flush = option.Positive(v.Flush, 10*time.Second)
	v.Sample = option.Positive(v.Sample, 10*time.Second)
	v.MaxPending = option.Positive(v.MaxPending, 1440)
	v.Timeout = option.Positive(v.Timeout, 5*time.Second)
	v.Drain = option.Positive(v.Drain, 10*time.Second)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// Recorder counts events of one stream, such as the requests of a service, for all objectives that are about it.
// Observe may be called concurrently, as often as one likes.
//
// An event is one addition to one counter, whose cell says how long it took, on which side of each threshold that is,
// and how it ended; so no reader can see half an event. The counters only grow: what a minute holds is the difference
// between two readings, and an event that arrives while they are read counts in the next minute.
type Recorder struct {
	splits     []split // ascending; few
	shards     []shard
	mask       uintptr
	negative   atomic.Int64
	objectives []Objective
	store      Store
	options    RecorderOptions
	instance   string
	clock      storeclock.Clock
	stats      recorderStats

	flushing sync.Mutex // one flush at a time; taken before mu
	mu       sync.Mutex // of what follows; Observe never takes it
	minute   time.Time  // the present one; zero before the first tick
	begun    []uint64   // the counters when it began
	sent     int64      // events of it that the store has
	pending  []Minute   // minutes that are over and not yet stored
	dropped  int        // from the front of pending
}

// split cuts a cell in two at a threshold, so that a threshold is counted to the nanosecond.
type split struct {
	cell      int
	threshold int64
}

// shard is a set of counters. A counter holds all events in its lower half and bad ones in its upper half.
type shard struct {
	counters []atomic.Uint64
	_        [64]byte // keeps the slices' headers of neighbours on other cache lines
}

const badEvent = 1<<32 | 1

// NewRecorder returns a recorder of a stream for objectives, which it counts by their kind and threshold; they need
// not be defined yet. It does no I/O and starts nothing: until [Recorder.Run] runs, or somebody calls Tick and Flush,
// nothing reaches the store. Each Recorder is an instance of its own, so a process that restarts within a minute adds
// to what the one before it counted.
func NewRecorder(store Store, objectives []Objective, opts *RecorderOptions) (*Recorder, error) {
	if len(objectives) == 0 {
		return nil, prefix(tenon.Invalid("objectives", "is empty"))
	}
	r := &Recorder{
		store: store, objectives: objectives, options: opts.withDefaults(), instance: tenon.NewID(time.Now()),
	}
	for i, o := range objectives {
		if err := o.Check(); err != nil {
			return nil, prefix(err)
		}
		for _, p := range objectives[:i] {
			if p.Key == o.Key {
				return nil, prefix(tenon.Invalid("objectives", "%q stands there twice", o.Key))
			}
		}
		r.split(o.Threshold)
	}
	slices.SortFunc(r.splits, func(a, b split) int { return cmp.Compare(a.threshold, b.threshold) })
	n := 1
	for n < min(2*runtime.GOMAXPROCS(0), 64) {
		n *= 2
	}
	r.shards, r.mask = make([]shard, n), uintptr(n-1)
	for i := range r.shards {
		r.shards[i].counters = make([]atomic.Uint64, cells+len(r.splits))
	}
	r.begun = make([]uint64, cells+len(r.splits))
	return r, nil
}

// split cuts the cell that holds the threshold. Of several cuts in a cell, each event belongs to the last it exceeds.
func (r *Recorder) split(threshold time.Duration) {
	for _, s := range r.splits {
		if s.threshold == int64(threshold) {
			return
		}
	}
	if threshold > 0 {
		r.splits = append(r.splits, split{cellOf(int64(threshold)), int64(threshold)})
	}
}

// Observe counts an event that ended so and took d. It takes no lock and allocates nothing. A negative d, of a clock
// that went backwards, counts as 0, and in Stats.
func (r *Recorder) Observe(outcome Outcome, d time.Duration) {
	if d < 0 {
		d = 0
		r.negative.Add(1)
	}
	cell := cellOf(int64(d))
	slot := cell
	for i := range r.splits {
		if s := &r.splits[i]; s.cell == cell && int64(d) > s.threshold {
			slot = cells + i
		}
	}
	event := uint64(1)
	if outcome != Good {
		event = badEvent
	}
	// Goroutines have stacks of their own, so the address of a variable tells them apart: each stays with a shard.
	var here byte
	at := uintptr(unsafe.Pointer(&here))
	r.shards[(at>>11^at>>17)&r.mask].counters[slot].Add(event)
}
