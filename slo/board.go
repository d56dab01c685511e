package slo

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/option"
	"github.com/transbotai/tenon/internal/storeclock"
)

// Options of a [Board]. The zero value of each field has the documented meaning; a negative value means the same, but where it
// says otherwise.
type Options struct {
	// Every is how often Run evaluates; 0 means 15 seconds.
	Every time.Duration
	// FreezeAbove is the share of a budget above which releases freeze; 0 means 50 %.
	FreezeAbove PPM
	// ThawAt is the share to which every budget must have recovered before they thaw; 0 means 4/5 of FreezeAbove,
	// which it cannot exceed.
	ThawAt PPM
	// MaxOverride bounds how long an override may hold; 0 means 24 hours.
	MaxOverride time.Duration
	// MaxTenantObjectives bounds how many objectives of tenants there may be; 0 means 1,000, negative none.
	MaxTenantObjectives int
	// Timeout bounds one call of the store; 0 means 5 seconds.
	Timeout time.Duration
	// Logger is told what nobody is waiting for. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	v.Every = option.Positive(v.Every, 15*time.Second)
	v.FreezeAbove = option.Positive(v.FreezeAbove, Whole/2)
	v.ThawAt = option.Positive(v.ThawAt, v.FreezeAbove*4/5)
	v.ThawAt = min(v.ThawAt, v.FreezeAbove) // above it, what froze releases would thaw them at once
	v.MaxOverride = option.Positive(v.MaxOverride, 24*time.Hour)
	v.MaxTenantObjectives = cmp.Or(v.MaxTenantObjectives, 1000)
	v.Timeout = option.Positive(v.Timeout, 5*time.Second)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// Board knows the objectives and how they do. Its methods may be called concurrently.
type Board struct {
	store   Store
	options Options
	clock   *storeclock.Clock
	stats   *boardStats
}

// NewBoard returns a board over store. It does no I/O and starts nothing. When [Board.Run] is never started, nothing
// alerts, freezes or thaws until somebody calls [Board.Evaluate] or asks the [ReleasePolicy].
func NewBoard(store Store, opts *Options) *Board {
	return &Board{store: store, options: opts.withDefaults(), clock: &storeclock.Clock{}, stats: &boardStats{}}
}

// WithStore returns a board that works in s, usually a store bound to the caller's transaction.
func (b *Board) WithStore(s Store) *Board {
	return &Board{store: s, options: b.options, clock: b.clock, stats: b.stats}
}

// Define declares objectives. One that is new, or promises something else than the stored one of its name, becomes the
// next version; the others stay. What is not named stays too: see [Board.Retire]. It returns them as they are stored.
func (b *Board) Define(ctx context.Context, objectives ...Objective) ([]Objective, error) {
	for i, o := range objectives {
		if err := o.Check(); err != nil {
			return nil, prefix(err)
		}
		if slices.ContainsFunc(objectives[:i], func(p Objective) bool { return p.Key == o.Key }) {
			return nil, prefix(tenon.Invalid("name", "%q is defined twice", o.Key))
		}
	}
	now, err := b.now(ctx)
	if err != nil {
		return nil, err
	}
	state, err := b.change(ctx, func(s *State) (e Effects, err error) {
		for _, o := range objectives {
			e.Changes = append(e.Changes, s.define(o, now)...)
		}
		return e, b.checkCap(s)
	})
	if err != nil {
		return nil, err
	}
	stored := make([]Objective, len(objectives))
	for i, o := range objectives {
		stored[i], _ = state.objective(o.Key)
	}
	return stored, nil
}

func (b *Board) checkCap(s *State) error {
	n := 0
	for _, o := range s.Objectives {
		if o.Tenant != "" {
			n++
		}
	}
	if n > max(b.options.MaxTenantObjectives, 0) {
		return ErrTooMany
	}
	return nil
}

// define lays o over the state and returns what changed.
func (s *State) define(o Objective, now time.Time) []tenon.Change {
	o.Version, o.CreatedAt, o.Since = 1, now, now
	i, found := slices.BinarySearchFunc(s.Objectives, o.Key, func(p Objective, k Key) int { return compareKeys(p.Key, k) })
	if !found {
		s.Objectives = slices.Insert(s.Objectives, i, o)
		return []tenon.Change{change("slo.objective_defined", o.Key, nil, o, "", now)}
	}
	old := s.Objectives[i]
	if old.same(o) {
		return nil
	}
	o.Version, o.Since = old.Version+1, old.Since
	if o.Measure() != old.Measure() || o.Kind != old.Kind {
		o.Since = now
	}
	s.Objectives[i] = o
	return []tenon.Change{change("slo.objective_defined", o.Key, old, o, "", now)}
}

// Retire removes an objective, and ends its alerts. Its counts and versions stay stored.
func (b *Board) Retire(ctx context.Context, k Key, reason string) error {
	now, err := b.now(ctx)
	if err != nil {
		return err
	}
	_, err = b.change(ctx, func(s *State) (Effects, error) {
		old, ok := s.objective(k)
		if !ok {
			return Effects{}, ErrUnknownObjective
		}
		s.Objectives = slices.DeleteFunc(s.Objectives, func(o Objective) bool { return o.Key == k })
		s.Freeze.Because = slices.DeleteFunc(s.Freeze.Because, func(f Key) bool { return f == k })
		e := Effects{Changes: []tenon.Change{change("slo.objective_retired", k, old, nil, reason, now)}}
		for i := range s.Episodes {
			if s.Episodes[i].Key == k && s.Episodes[i].ResolvedAt.IsZero() {
				s.Episodes[i].ResolvedAt = now
				e.Notifications = append(e.Notifications, s.Episodes[i].resolved("the objective was retired"))
			}
		}
		return e, nil
	})
	return err
}

// Objectives returns the objectives, by tenant and name.
func (b *Board) Objectives(ctx context.Context) ([]Objective, error) {
	s, err := b.load(ctx)
	if err != nil {
		return nil, err
	}
	return s.Objectives, nil
}

func (s *State) objective(k Key) (Objective, bool) {
	for _, o := range s.Objectives {
		if o.Key == k {
			return o, true
		}
	}
	return Objective{}, false
}

func (b *Board) load(ctx context.Context) (*State, error) {
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	return b.store.Load(ctx)
}

func (b *Board) change(ctx context.Context, edit Edit) (*State, error) {
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	return b.store.Change(ctx, edit)
}

func (b *Board) now(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	return b.clock.Now(ctx, b.store)
}
