package kpi

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/option"
	"github.com/transbotai/tenon/internal/spool"
)

// Full says what [Batcher.Send] does when as many events wait as may.
type Full string

// The policies. None loses an event in silence.
const (
	Wait  Full = "wait"  // until there is room or the context is done: the caller slows down
	Fail  Full = "fail"  // return [ErrFull] at once
	Spill Full = "spill" // write it to the spool at once; without a spool, as Fail
)

// BatcherOptions of a [Batcher]. The zero value of each field has the documented meaning; a negative duration means the
// same, but for Flush.
type BatcherOptions struct {
	// MaxPending bounds how many events wait in memory; 0 means 10,000.
	MaxPending int
	// MaxBatch is how many events one call of the store takes; 0 means 500, and more than [MaxEvents] that.
	MaxBatch int
	// Flush is how long an event that was sent waits for others; 0 means 200 milliseconds, negative not at all.
	Flush time.Duration
	// Full says what Send does when MaxPending events wait; empty means Wait.
	Full Full
	// Writers is how many batches are written at once, each in a transaction of its own; 0 means 2.
	Writers int
	// SpoolDir is a folder where events are kept while the store is away, and from where they are stored when it is
	// back, also by another process or after a restart. Empty: there is none, and events wait in memory.
	SpoolDir string
	// Retry is how long after a failure the store is tried again; 0 means 1 second.
	Retry time.Duration
	// Drain bounds how long Run still works when its context is done; 0 means 10 seconds.
	Drain time.Duration
	// Logger is told what nobody is waiting for. Nil discards.
	Logger *slog.Logger
}

func (o *BatcherOptions) withDefaults() BatcherOptions {
	var v BatcherOptions
	if o != nil {
		v = *o
	}
	v.MaxPending = option.Positive(v.MaxPending, 10_000)
	v.MaxBatch = min(option.Positive(v.MaxBatch, 500), MaxEvents)
	v.Flush = cmp.Or(v.Flush, 200*time.Millisecond)
	v.Full = cmp.Or(v.Full, Wait)
	v.Writers = option.Positive(v.Writers, 2)
	v.Retry = option.Positive(v.Retry, time.Second)
	v.Drain = option.Positive(v.Drain, 10*time.Second)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// Batcher hands events to the store in batches, for callers that have no transaction to join. Its methods may be called
// concurrently.
type Batcher struct {
	tracker *Tracker
	options BatcherOptions
	queue   chan waiting
	spool   *spool.Spool[spooled]
	away    atomic.Int64 // until when the store is taken to be away, in Unix nanoseconds

	stop    chan struct{} // closed when no more is taken
	mu      sync.Mutex
	stopped bool
	senders sync.WaitGroup // those who may still put something into the queue

	stats batcherStats
}

// waiting is an entry in the queue.
type waiting struct {
	entry Entry
	told  func(Receipt, error) // nil when nobody waits for it
}

// NewBatcher returns a batcher for t, which should not be bound to a transaction. It does no I/O and starts nothing:
// until [Batcher.Run] runs, Send fills the memory up to MaxPending, and Track waits.
func NewBatcher(t *Tracker, opts *BatcherOptions) *Batcher {
	o := opts.withDefaults()
	return &Batcher{
		tracker: t, options: o, queue: make(chan waiting, o.MaxPending), stop: make(chan struct{}), spool: newSpool(o.SpoolDir),
	}
}

// Send takes an event. It is checked at once, and refused or set aside as by [Tracker.Track]. When Send returns nil the
// event will be stored once, or kept in the spool, or returned by Run; a process that is killed loses those that were
// in its memory. Who cannot afford that calls [Batcher.Track].
func (b *Batcher) Send(ctx context.Context, e Event) error {
	entry, err := b.entry(ctx, e)
	if err != nil {
		return err
	}
	return b.put(ctx, waiting{entry: entry})
}

// Track takes events, and returns when all are safe: stored together with those of other callers, or [Spooled]. Events
// that have neither happened when ctx is done may still be stored: the outcome is unknown, and the error says so. Each
// event stands for itself; an error means that at least one of them has no receipt, whose Outcome is then 0.
func (b *Batcher) Track(ctx context.Context, events ...Event) ([]Receipt, error) {
	entries := make([]Entry, len(events))
	for i, e := range events {
		entry, err := b.entry(ctx, e)
		if err != nil {
			return nil, err
		}
		entries[i] = entry
	}
	w := newWaiters(len(entries))
	for i, e := range entries {
		if err := b.put(ctx, waiting{entry: e, told: w.teller(i)}); err != nil {
			w.tell(i, Receipt{}, err)
		}
	}
	return w.wait(ctx)
}

// entry checks e, and fixes when it happened and its id, so that it is the same however often it is written.
func (b *Batcher) entry(ctx context.Context, e Event) (Entry, error) {
	entries, err := b.tracker.entries([]Event{e}, b.tracker.clock.Best(ctx, b.tracker.store))
	if err != nil {
		return Entry{}, err
	}
	return entries[0], nil
}

// put puts w into the queue.
func (b *Batcher) put(ctx context.Context, w waiting) error {
	if !b.enter() {
		return ErrStopped
	}
	defer b.senders.Done()
	select {
	case b.queue <- w:
		b.stats.taken.Add(1)
		return nil
	default:
	}
	if w.told == nil && b.options.Full != Wait {
		return b.overflow(w)
	}
	select {
	case b.queue <- w:
		b.stats.taken.Add(1)
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrFull, ctx.Err())
	case <-b.stop:
		return ErrStopped
	}
}

// enter says whether events are still taken.
func (b *Batcher) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.stopped {
		b.senders.Add(1)
	}
	return !b.stopped
}

func (b *Batcher) overflow(w waiting) error {
	if b.options.Full == Spill && b.spool.Given() {
		if err := b.spool.Write(spooledOf(w.entry)); err != nil {
			return fmt.Errorf("%w, and so is the spool: %w", ErrFull, err)
		}
		b.stats.taken.Add(1)
		return nil
	}
	b.stats.full.Add(1)
	return ErrFull
}

// waiters are the receipts that one call waits for.
type waiters struct {
	mu       sync.Mutex
	receipts []Receipt
	err      error
	open     int
	done     chan struct{}
}

func newWaiters(n int) *waiters {
	w := &waiters{receipts: make([]Receipt, n), open: n, done: make(chan struct{})}
	if n == 0 {
		close(w.done)
	}
	return w
}

func (w *waiters) teller(i int) func(Receipt, error) {
	return func(r Receipt, err error) { w.tell(i, r, err) }
}

func (w *waiters) tell(i int, r Receipt, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.receipts[i] = r
	if err != nil && w.err == nil {
		w.err = err
	}
	if w.open--; w.open == 0 {
		close(w.done)
	}
}

func (w *waiters) wait(ctx context.Context) ([]Receipt, error) {
	select {
	case <-w.done:
		return w.receipts, w.err
	case <-ctx.Done():
		return nil, fmt.Errorf("kpi: the outcome is unknown: %w: %w", tenon.ErrUnavailable, ctx.Err())
	}
}

// BatcherStats is what a Batcher did since it was made.
type BatcherStats struct {
	Taken       int64  // events that Send and Track took
	Full        int64  // events that were not taken because too many waited
	Stored      int64  // events that the store has, duplicates included; from the spool too
	Spooled     int64  // events that were written to the spool
	Quarantined int64  // events that the store would not take and that were kept aside
	Lost        int64  // events that neither store nor quarantine took; each was logged, and Run returns them
	Failed      int64  // calls of the store that failed
	Pending     int    // events that wait in memory
	Spool       int64  // of this process's: events that wait on disk
	LastError   string // of the last call; empty when it went well
}

type batcherStats struct {
	taken, full, stored, spooled, quarantined, lost, failed atomic.Int64

	lastError atomic.Pointer[string]
}

func (s *batcherStats) note(err error) {
	text := ""
	if err != nil {
		s.failed.Add(1)
		text = err.Error()
	}
	s.lastError.Store(&text)
}

// Stats returns the present counts.
func (b *Batcher) Stats() BatcherStats {
	s := BatcherStats{
		Taken: b.stats.taken.Load(), Full: b.stats.full.Load(), Stored: b.stats.stored.Load(),
		Spooled: b.stats.spooled.Load(), Quarantined: b.stats.quarantined.Load(), Lost: b.stats.lost.Load(),
		Failed: b.stats.failed.Load(), Pending: len(b.queue), Spool: b.spool.Left(),
	}
	if e := b.stats.lastError.Load(); e != nil {
		s.LastError = *e
	}
	return s
}
