package support

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/option"
)

// Work says how timers are handled, by kind. Kinds that begin with "support." are this package's own.
type Work map[string]Job

// Job handles the timers of one kind: by Each or by Batch. What a handler does through the store that it is handed, or
// through the transaction of that store (supportpg.Tx), is kept exactly once, together with the end of the timer. A
// handler may be called again with a timer when it failed, when the process died, or when a timer beside it failed; so
// whatever else it does may happen more than once. It must return soon after ctx is done.
type Job struct {
	// Each handles one timer. Several share a transaction; when one fails they are done again, each in its own. A timer
	// that the handler of another in that transaction cancels or moves is handled all the same: where handlers do that
	// to each other's timers, Size is to be 1.
	Each func(ctx context.Context, s Store, t Timer) error
	// Batch handles many timers at once, in one transaction; when it fails they are handed to it one by one.
	Batch func(ctx context.Context, s Store, timers []Timer) error
	// Size is how many timers share a transaction; 0 means 100 for Each and 1,000 for Batch. A handler that takes long
	// wants 1.
	Size int
}

func (j Job) size() int {
	switch {
	case j.Size > 0:
		return j.Size
	case j.Batch != nil:
		return 1000
	default:
		return 100
	}
}

// handle does the work on timers.
func (j Job) handle(ctx context.Context, s Store, timers []Timer) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("support: the handler panicked: %v", r)
		}
	}()
	if j.Batch != nil {
		return j.Batch(ctx, s, timers)
	}
	for _, t := range timers {
		if err := j.Each(ctx, s, t); err != nil {
			return err
		}
	}
	return nil
}

// TimersOptions are the options of [Timers]. The zero value of each field has the documented meaning; so has a duration
// below 0.
type TimersOptions struct {
	// Workers is how many transactions Run works in at once, and so how many connections it holds at most; 0 means 2.
	Workers int
	// Lease is how long a worker keeps timers to itself; 0 means 1 minute. After a worker died they wait as long. Work
	// that takes longer may be done by two, of whom one is undone.
	Lease time.Duration
	// Attempts is after how many a timer is given up; 0 means 20, negative never. An attempt whose process died counts.
	Attempts int
	// Backoff is what passes after a first failure; it doubles with each one, up to MaxBackoff, half of it by chance.
	// 0 means 1 second, and 1 hour for MaxBackoff.
	Backoff, MaxBackoff time.Duration
	// Poll is how often Run looks for timers that others scheduled before the next one that it knows; 0 means 1 second.
	Poll time.Duration
	// Drain bounds how long Run still works when its context is done; 0 means 10 seconds.
	Drain time.Duration
	// Logger is told of failures and of timers given up. Nil discards.
	Logger *slog.Logger
}

func (o *TimersOptions) withDefaults() TimersOptions {
	var v TimersOptions
	if o != nil {
		v = *o
	}
	v.Workers = option.Positive(v.Workers, 2)
	v.Attempts = cmp.Or(v.Attempts, 20)
	v.Lease = option.Positive(v.Lease, time.Minute)
	v.Backoff = option.Positive(v.Backoff, time.Second)
	v.MaxBackoff = option.Positive(v.MaxBackoff, time.Hour)
	v.Poll = option.Positive(v.Poll, time.Second)
	v.Drain = option.Positive(v.Drain, 10*time.Second)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// Timers do things later, each in a transaction, whatever happens to processes meanwhile. Its methods may be called
// concurrently.
type Timers struct {
	store   TimerStore
	work    Work
	kinds   []string
	options TimersOptions
	wake    chan struct{} // to Run in this process; nil when bound
	*timerCounts
}

// NewTimers returns timers over store. It does no I/O and starts nothing; when [Timers.Run] runs nowhere, timers are
// kept and nothing fires. Timers of kinds that work does not name stay for processes that know them. A job without a
// handler, or with two, is a [tenon.FieldError].
func NewTimers(store TimerStore, work Work, opts *TimersOptions) (*Timers, error) {
	kinds := slices.Sorted(maps.Keys(work))
	for _, kind := range kinds {
		if j := work[kind]; kind == "" || (j.Each == nil) == (j.Batch == nil) {
			return nil, prefix(tenon.Invalid("work", "kind %q is empty, or has no handler, or two", kind))
		}
	}
	t := &Timers{store: store, work: maps.Clone(work), kinds: kinds, options: opts.withDefaults(), timerCounts: &timerCounts{}}
	t.wake = make(chan struct{}, t.options.Workers)
	return t, nil
}

// WithStore returns timers that work in s, usually a store bound to the caller's transaction. They do not run.
func (t *Timers) WithStore(s TimerStore) *Timers {
	return &Timers{store: s, work: t.work, kinds: t.kinds, options: t.options, timerCounts: t.timerCounts}
}

// maxPayload bounds a payload in bytes.
const maxPayload = 1 << 20

// Schedule keeps timers, each in the place of one of the same tenant and key. One whose time has passed fires at once.
// In the caller's transaction they are there when that commits. After Run has fired a timer its key is free.
func (t *Timers) Schedule(ctx context.Context, timers ...Timer) error {
	kept := slices.Clone(timers)
	for i := range kept {
		if err := kept[i].check(); err != nil {
			return prefix(err)
		}
		kept[i].At = tenon.Instant(kept[i].At)
	}
	if len(kept) == 0 {
		return nil
	}
	if err := t.store.Schedule(ctx, kept); err != nil {
		return err
	}
	t.rouse()
	return nil
}

// Cancel takes timers back, and returns how many were there and had not fired. A name that no timer can have is a
// [tenon.FieldError].
func (t *Timers) Cancel(ctx context.Context, refs ...TimerRef) (int, error) {
	if len(refs) == 0 {
		return 0, nil
	}
	for _, ref := range refs {
		if err := ref.check(); err != nil {
			return 0, prefix(err)
		}
	}
	return t.store.Cancel(ctx, refs)
}

// check refuses what names no timer.
func (r TimerRef) check() error {
	if r.Key == "" {
		return tenon.Invalid("key", "is empty")
	}
	return cmp.Or(checkLength("tenant", r.Tenant, maxKey), checkLength("key", r.Key, maxKey))
}

// check refuses what cannot be kept. Times are those that Postgres and a [Calendar] know.
func (t *Timer) check() error {
	switch {
	case t.Kind == "":
		return tenon.Invalid("kind", "is empty")
	case t.At.IsZero() || t.At.UTC().Year() < firstYear || t.At.UTC().Year() > lastYear:
		return tenon.Invalid("at", "is not a time within the years %d to %d", firstYear, lastYear)
	case len(t.Payload) > maxPayload:
		return tenon.Invalid("payload", "has %d bytes, more than %d", len(t.Payload), maxPayload)
	case len(t.Payload) > 0 && !json.Valid(t.Payload):
		return tenon.Invalid("payload", "is not JSON")
	}
	return cmp.Or(
		t.TimerRef.check(), checkLength("kind", t.Kind, maxKey), checkLength("payload", string(t.Payload), maxPayload))
}

// maxKey bounds a key and a kind in bytes.
const maxKey = 512

// rouse tells the loops in this process that there may be work.
func (t *Timers) rouse() {
	select {
	case t.wake <- struct{}{}:
	default: // they know, or there are none
	}
}

// Dead returns timers that were given up, the oldest first; a limit of 0 means 100.
func (t *Timers) Dead(ctx context.Context, limit int) ([]DeadTimer, error) {
	r, ok := t.store.(TimerReviewer)
	if !ok {
		return nil, ErrUnsupported
	}
	if limit < 0 || limit > maxPage {
		return nil, prefix(tenon.Invalid("limit", "%d does not lie within 0 and %d", limit, maxPage))
	}
	if limit == 0 {
		limit = 100
	}
	return r.DeadTimers(ctx, limit)
}

// Revive makes a timer that was given up fire again, at once. A name that no timer can have is a [tenon.FieldError].
func (t *Timers) Revive(ctx context.Context, ref TimerRef) error {
	r, ok := t.store.(TimerReviewer)
	if !ok {
		return ErrUnsupported
	}
	if err := ref.check(); err != nil {
		return prefix(err)
	}
	err := r.ReviveTimer(ctx, ref)
	if err == nil {
		t.rouse()
	}
	return err
}
