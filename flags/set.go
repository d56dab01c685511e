package flags

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/option"
	"github.com/transbotai/tenon/internal/storeclock"
)

// Options of a [Set]. The zero value of each field has the documented meaning; a negative duration means the same, but for
// MarkEvery.
type Options struct {
	// Refresh is how often Run asks the store what is new, where no notification told; 0 means 5 seconds.
	Refresh time.Duration
	// Every is how often Run looks after ramps and asks their guards; 0 means 10 seconds.
	Every time.Duration
	// MarkEvery is how often Run writes down which flags were seen; 0 means 1 hour, negative never.
	MarkEvery time.Duration
	// Timeout bounds one call of the store, and of a guard; 0 means 5 seconds.
	Timeout time.Duration
	// Drain bounds how long Run still works when its context is done; 0 means 10 seconds.
	Drain time.Duration
	// Bootstrap is a file in which Run keeps a copy of what is stored, so that a service starts while the store is
	// away. Processes may share it. Empty: no copy.
	Bootstrap string
	// Guards are what ramps name in [Schedule.Guard]. One that also is a [CohortGuard] is asked as both.
	Guards map[string]tenon.Guard
	// Population returns the tenants that a stage chooses from, with the attributes that conditions use, and those of
	// whom [Set.Diff] tells. Nil: a stage that needs it does not begin.
	Population func(ctx context.Context) ([]Who, error)
	// Exposures says who is told which variant was served to whom. Nil: nobody.
	Exposures *Exposures
	// Unseen is after how long without being evaluated a flag is stale; 0 means 30 days.
	Unseen time.Duration
	// Constant is after how long with one variant alone a flag is stale; 0 means 30 days.
	Constant time.Duration
	// Logger is told what nobody is waiting for. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	const month = 30 * 24 * time.Hour
	v.Refresh = option.Positive(v.Refresh, 5*time.Second)
	v.Every = option.Positive(v.Every, 10*time.Second)
	v.MarkEvery = cmp.Or(v.MarkEvery, time.Hour)
	v.Timeout = option.Positive(v.Timeout, 5*time.Second)
	v.Drain = option.Positive(v.Drain, 10*time.Second)
	v.Unseen = option.Positive(v.Unseen, month)
	v.Constant = option.Positive(v.Constant, month)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// Set holds flags in memory and evaluates them. Its methods may be called concurrently. Evaluation does no I/O, takes
// no lock and never fails.
type Set struct {
	*shared
	store timed
	bound bool
	fixed map[string]any // by [Set.Fix]
}

// shared is what a Set keeps in memory. A Set made by WithStore has one of its own.
type shared struct {
	options Options
	made    time.Time // with the monotonic reading
	live    atomic.Pointer[snapshot]
	clock   *storeclock.Clock
	expose  *exposer // nil when nobody is told

	mu       sync.Mutex // one update at a time
	state    state
	saved    int64  // the revision of the copy on disk
	told     Status // what watchers were told last
	watchers watchers
	stats    counts
	holds    holds
}

// NewSet returns a Set over store. It does no I/O and starts nothing: until [Set.Load] or [Set.Run] every flag gives
// its default in code, with [CodeNotReady]. When Run is never started, nothing that others change is seen but by Load,
// no ramp moves, and nothing is marked, exposed or copied to disk.
func NewSet(store Store, opts *Options) *Set {
	o := opts.withDefaults()
	s := &Set{store: timed{store, o.Timeout}, shared: &shared{
		options: o, clock: &storeclock.Clock{}, expose: newExposer(o.Exposures),
	}}
	s.reset()
	return s
}

// WithStore returns a Set that writes in st, usually a store bound to the caller's transaction. It knows nothing of
// what s has in memory and changes nothing of it: s learns what was written when the transaction commits. It evaluates
// what its own Load or writes saw.
func (s *Set) WithStore(st Store) *Set {
	o := s.options
	o.Bootstrap = ""
	b := &Set{store: timed{st, o.Timeout}, bound: true, shared: &shared{options: o, clock: s.clock}}
	b.reset()
	return b
}

func (s *Set) reset() {
	s.made = time.Now()
	s.state = newState()
	s.live.Store(emptySnapshot)
	s.told = StatusNotReady
}

// Status says what a Set answers from.
type Status string

// The statuses, named as OpenFeature names a provider's.
const (
	StatusNotReady Status = "NOT_READY" // nothing is loaded: every flag gives its default in code
	StatusReady    Status = "READY"
	StatusStale    Status = "STALE" // from the copy on disk, or the store has not answered for 3 × Options.Refresh and more than a minute
)

// Status returns the present status.
func (s *Set) Status() Status {
	snap := s.live.Load()
	switch {
	case snap == emptySnapshot:
		return StatusNotReady
	case snap.fromDisk || s.overdue():
		return StatusStale
	default:
		return StatusReady
	}
}

// overdue says whether the store has been asked in vain for long.
func (s *Set) overdue() bool {
	failing := s.stats.failing.Load()
	return failing != 0 && time.Since(s.made)-time.Duration(failing) > max(3*s.options.Refresh, time.Minute)
}

// Revision returns the revision that is live; 0 when nothing is loaded. Two sets of one revision answer alike, as far
// as neither has faults.
func (s *Set) Revision() int64 { return s.live.Load().revision }

// Load brings s up to date with the store. When the store is away and nothing was loaded before, it takes the copy on
// disk and returns nil, and the status is [StatusStale]; without a copy it returns [ErrNotLoaded].
func (s *Set) Load(ctx context.Context) error {
	err := s.refresh(ctx)
	if err == nil || s.live.Load() != emptySnapshot || !errors.Is(err, tenon.ErrUnavailable) {
		return err
	}
	if disk := s.loadCopy(); disk != nil {
		return errors.Join(ErrNotLoaded, err, disk)
	}
	s.options.Logger.Warn("flags loaded from the copy on disk", "err", err)
	return nil
}

// Evaluate returns the value of any flag for w, as bool, string, int64, float64 or what package json makes of a value.
// The Value is nil where the caller's default counts.
func (s *Set) Evaluate(key string, w *Who) Detail[any] {
	h := handle{key: key, id: unslotted}
	return detail(s, &h, w, nil, func(v *variant) (any, bool) { return v.value, true })
}

// EvaluateAs is Evaluate of a flag that must be of type want; another gives [CodeType].
func (s *Set) EvaluateAs(want Type, key string, w *Who) Detail[any] {
	h := handle{key: key, kind: typeCodes[want], id: unslotted}
	return detail(s, &h, w, nil, func(v *variant) (any, bool) { return v.value, true })
}

// Fix returns a Set that gives the flag of that key always this value, and follows s in everything else. It serves
// tests, see package flagstest. The value has the type that the flag has in code.
func (s *Set) Fix(key string, value any) *Set {
	copied := *s
	copied.fixed = make(map[string]any, len(s.fixed)+1)
	for k, v := range s.fixed {
		copied.fixed[k] = v
	}
	copied.fixed[key] = value
	return &copied
}

func fixed[T any](s *Set, key string) (T, bool) {
	v, ok := s.fixed[key].(T)
	return v, ok
}
