package kpi

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/option"
	"github.com/transbotai/tenon/internal/storeclock"
)

// BoardOptions of a [Board]. The zero value of each field has the documented meaning; a negative duration means the same.
type BoardOptions struct {
	// Every is how often Run looks at the goals; 0 means 5 minutes.
	Every time.Duration
	// Timeout bounds one call of the store; 0 means 30 seconds.
	Timeout time.Duration
	// Logger is told what nobody is waiting for. Nil discards.
	Logger *slog.Logger
}

func (o *BoardOptions) withDefaults() BoardOptions {
	var v BoardOptions
	if o != nil {
		v = *o
	}
	v.Every = option.Positive(v.Every, 5*time.Minute)
	v.Timeout = option.Positive(v.Timeout, 30*time.Second)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// Board knows the KPIs and shows their figures. Its methods may be called concurrently.
type Board struct {
	store   Store
	options BoardOptions
	clock   *storeclock.Clock
	stats   *boardStats
}

// NewBoard returns a board over store. It does no I/O and starts nothing. When [Board.Run] is never started, nobody is
// told of goals until somebody calls [Board.Evaluate].
func NewBoard(store Store, opts *BoardOptions) *Board {
	return &Board{store: store, options: opts.withDefaults(), clock: &storeclock.Clock{}, stats: &boardStats{}}
}

// WithStore returns a board that works in s, usually a store bound to the caller's transaction.
func (b *Board) WithStore(s Store) *Board {
	return &Board{store: s, options: b.options, clock: b.clock, stats: b.stats}
}

// Define declares KPIs. One whose name is known takes the place of the one before; what is not named stays: see
// [Board.Retire].
func (b *Board) Define(ctx context.Context, kpis ...KPI) error {
	for i, k := range kpis {
		if err := k.Check(); err != nil {
			return fmt.Errorf("kpi: %q: %w", k.Name, err)
		}
		if slices.ContainsFunc(kpis[:i], func(o KPI) bool { return o.Name == k.Name }) {
			return prefix(tenon.Invalid("name", "%q is defined twice", k.Name))
		}
	}
	now, err := b.now(ctx)
	if err != nil {
		return err
	}
	return b.change(ctx, func(s *State) (e Effects, err error) {
		for _, k := range kpis {
			e.Changes = append(e.Changes, s.define(k, now)...)
		}
		return e, nil
	})
}

// define lays k over the state and returns what changed.
func (s *State) define(k KPI, now time.Time) []tenon.Change {
	i, found := slices.BinarySearchFunc(s.KPIs, k.Name, func(o KPI, name string) int { return strings.Compare(o.Name, name) })
	if !found {
		s.KPIs = slices.Insert(s.KPIs, i, k)
		return []tenon.Change{change("kpi.defined", k.Name, nil, k, "", now)}
	}
	old := s.KPIs[i]
	if reflect.DeepEqual(digest(old), digest(k)) {
		return nil
	}
	s.KPIs[i] = k
	return []tenon.Change{change("kpi.defined", k.Name, old, k, "", now)}
}

// Retire removes a KPI. The events stay.
func (b *Board) Retire(ctx context.Context, name, reason string) error {
	now, err := b.now(ctx)
	if err != nil {
		return err
	}
	return b.change(ctx, func(s *State) (Effects, error) {
		old, ok := s.kpi(name)
		if !ok {
			return Effects{}, ErrUnknownKPI
		}
		s.KPIs = slices.DeleteFunc(s.KPIs, func(k KPI) bool { return k.Name == name })
		s.Goals = slices.DeleteFunc(s.Goals, func(g GoalState) bool { return g.KPI == name })
		return Effects{Changes: []tenon.Change{change("kpi.retired", name, old, nil, reason, now)}}, nil
	})
}

// KPIs returns the definitions, by name.
func (b *Board) KPIs(ctx context.Context) ([]KPI, error) {
	s, err := b.load(ctx)
	if err != nil {
		return nil, err
	}
	return s.KPIs, nil
}

// change describes what was done to a definition. A nil side is nothing.
func change(action, name string, before, after any, reason string, now time.Time) tenon.Change {
	document := func(v any) json.RawMessage {
		if v == nil {
			return nil
		}
		return digest(v)
	}
	return tenon.Change{
		Action: action, Target: "kpi/" + name, Before: document(before), After: document(after), Reason: reason, At: now,
	}
}

func (b *Board) load(ctx context.Context) (*State, error) {
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	return b.store.Load(ctx)
}

func (b *Board) change(ctx context.Context, edit Edit) error {
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	_, err := b.store.Change(ctx, edit)
	return err
}

func (b *Board) now(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	return b.clock.Now(ctx, b.store)
}
