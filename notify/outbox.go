package notify

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/option"
	"github.com/transbotai/tenon/internal/storeclock"
)

// Options of an [Outbox]. The zero value of each field has the documented meaning; a negative value means the same, but where
// it says otherwise.
type Options struct {
	// Routing says where notifications go. With a nil To, each goes to every destination of the Outbox.
	Routing Routing
	// Workers bounds how many deliveries to one destination are under way at once; 0 means 8.
	Workers int
	// Timeout bounds one delivery; 0 means 30 seconds. When a process dies, what it had under way is tried again by
	// another after twice as long.
	Timeout time.Duration
	// Backoff is what passes after a first failure; it doubles with each one, up to MaxBackoff, half of it by chance.
	// 0 means 1 second, and 5 minutes for MaxBackoff.
	Backoff, MaxBackoff time.Duration
	// GiveUp is how long a notification is tried before it becomes a dead letter; 0 means 24 hours, negative for ever.
	// Meanwhile those behind it in its group wait.
	GiveUp time.Duration
	// Keep is how long settled entries, and so their keys, are kept; 0 means 30 days, negative for ever.
	Keep time.Duration
	// Poll is how often Run looks for what other processes wrote; 0 means 1 second.
	Poll time.Duration
	// Drain bounds how long Run still waits for deliveries when its context is done; 0 means 10 seconds.
	Drain time.Duration
	// Logger is told of dead letters, and of what nobody is waiting for. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults(destinations map[string]tenon.Notifier) Options {
	var v Options
	if o != nil {
		v = *o
	}
	if v.Routing.To == nil {
		v.Routing.To = To(slices.Sorted(maps.Keys(destinations))...)
	}
	v.Workers = option.Positive(v.Workers, 8)
	v.Timeout = option.Positive(v.Timeout, 30*time.Second)
	v.Backoff = option.Positive(v.Backoff, time.Second)
	v.MaxBackoff = option.Positive(v.MaxBackoff, 5*time.Minute)
	v.GiveUp = cmp.Or(v.GiveUp, 24*time.Hour)
	v.Keep = cmp.Or(v.Keep, 30*24*time.Hour)
	v.Poll = option.Positive(v.Poll, time.Second)
	v.Drain = option.Positive(v.Drain, 10*time.Second)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// Outbox writes notifications down and delivers them later, each at least once, to destinations that may be away for
// long. Its methods may be called concurrently. It is a [tenon.Notifier]: Notify returns when the notification is
// written.
type Outbox struct {
	store        Store
	destinations map[string]tenon.Notifier
	options      Options
	wake         map[string]chan struct{} // to each destination's loop in this process; nil when bound
	clock        *storeclock.Clock
	*counters
}

var _ tenon.BatchNotifier = (*Outbox)(nil)

// NewOutbox returns an outbox over store with these destinations, by name. It does no I/O and starts nothing. When
// [Outbox.Run] runs nowhere, notifications are kept and not delivered.
func NewOutbox(store Store, destinations map[string]tenon.Notifier, opts *Options) *Outbox {
	o := &Outbox{
		store: store, destinations: maps.Clone(destinations), options: opts.withDefaults(destinations),
		wake: map[string]chan struct{}{}, clock: &storeclock.Clock{Trust: time.Second}, counters: &counters{},
	}
	for name := range destinations {
		o.wake[name] = make(chan struct{}, 1)
	}
	return o
}

// WithStore returns an outbox that writes to s, usually a store bound to the caller's transaction. It does not run.
func (o *Outbox) WithStore(s Store) *Outbox {
	return &Outbox{store: s, destinations: o.destinations, options: o.options, clock: o.clock, counters: o.counters}
}

// Notify writes n for each destination that it is routed to. A notification whose tenant and key are written already is
// the same news, and is left out. A zero At is now.
func (o *Outbox) Notify(ctx context.Context, n tenon.Notification) error {
	return o.NotifyBatch(ctx, []tenon.Notification{n})
}

// NotifyBatch writes several notifications as [Outbox.Notify] does, in one call of the store: all or, with an error, none.
func (o *Outbox) NotifyBatch(ctx context.Context, ns []tenon.Notification) error {
	entries, err := o.options.Routing.All(ns, time.Now())
	if err == nil && len(entries) > 0 {
		err = o.store.Add(ctx, entries)
	}
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	for _, e := range entries {
		o.rouse(e.Destination)
	}
	return nil
}

// rouse tells the destination's loop in this process that there may be work.
func (o *Outbox) rouse(destination string) {
	select {
	case o.wake[destination] <- struct{}{}:
	default: // it knows, or there is none
	}
}

// List returns entries for people to look at: dead letters, what waits. A store that is no [Reviewer] gives
// [ErrUnsupported].
func (o *Outbox) List(ctx context.Context, q Query) ([]Entry, error) {
	r, ok := o.store.(Reviewer)
	if !ok {
		return nil, ErrUnsupported
	}
	return r.List(ctx, q)
}

// Replay delivers a settled entry again, usually a dead letter whose receiver has been mended. It takes its old place,
// so that it goes before what waits in its group. Its receiver may have it already and tells by the key. An unknown
// entry is an [ErrUnknownEntry].
func (o *Outbox) Replay(ctx context.Context, ref Ref) error {
	r, ok := o.store.(Reviewer)
	if !ok {
		return ErrUnsupported
	}
	now, err := o.now(ctx)
	if err != nil {
		return err
	}
	if err := r.Replay(ctx, ref, now); err != nil {
		return err
	}
	for name := range o.wake {
		o.rouse(name)
	}
	return nil
}

// now returns the store's time, which several machines share, or this machine's.
func (o *Outbox) now(ctx context.Context) (time.Time, error) { return o.clock.Now(ctx, o.store) }

// Stats is what an outbox did since it was made, and what its store holds as of the last look by Run.
type Stats struct {
	Delivered   int64 // attempts that went well
	Failed      int64 // attempts that did not
	DeadLetters int64 // entries in the store that were given up
	Backlog     int64 // entries in the store that wait
	Stranded    int64 // of those, for destinations that this outbox does not have
	OldestAge   time.Duration
	LastError   string // of the last attempt that failed, or of Run's work on the store
	Pruned      int64
	LastLook    time.Time // when Run counted last; zero: it never did
}

type counters struct {
	delivered, failed, pruned atomic.Int64

	mu   sync.Mutex
	seen Stats // what is read from the store, and LastError
}

// Stats returns the present counts.
func (o *Outbox) Stats() Stats {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.seen
	s.Delivered, s.Failed, s.Pruned = o.delivered.Load(), o.failed.Load(), o.pruned.Load()
	return s
}

// noteError keeps an error for Stats.
func (o *Outbox) noteError(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen.LastError = text
}
