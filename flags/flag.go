package flags

import (
	"context"
	"encoding/json"
	"reflect"
)

// Typed is a flag whose values are of type T: [BoolFlag] and [Flag] are.
type Typed[T any] interface {
	Key() string
	Default() T
}

// Flag is a flag in code: a key, a type, and the default, which is the answer whenever a set cannot give one. Make it
// once, as a variable of the package that asks.
type Flag[T any] struct {
	handle
	def    T
	values func(*variant) (T, bool)
}

// BoolFlag is a [Flag] that is on or off.
type BoolFlag struct {
	handle
	def bool
}

// Bool returns the flag of that key with values of type bool.
func Bool(key string, def bool) *BoolFlag {
	return &BoolFlag{newHandle(key, TypeBool), def}
}

// String returns the flag of that key with values of type string.
func String(key, def string) *Flag[string] {
	return &Flag[string]{newHandle(key, TypeString), def, func(v *variant) (string, bool) { return v.text, true }}
}

// Int returns the flag of that key with values of type int64.
func Int(key string, def int64) *Flag[int64] {
	return &Flag[int64]{newHandle(key, TypeInt), def, func(v *variant) (int64, bool) { return v.whole, true }}
}

// Float returns the flag of that key with values of type float64.
func Float(key string, def float64) *Flag[float64] {
	return &Flag[float64]{newHandle(key, TypeFloat), def, func(v *variant) (float64, bool) { return v.num, true }}
}

// JSON returns the flag of that key, whose values are JSON that is read into a T. Each value is read once and shared by
// everybody who gets it, so it must not be changed. A value that is no T gives the default and [CodeType].
func JSON[T any](key string, def T) *Flag[T] {
	return &Flag[T]{newHandle(key, TypeJSON), def, readValue[T]}
}

// reading is what a value of JSON was read into.
type reading[T any] struct {
	value T
	fits  bool
}

func readValue[T any](v *variant) (T, bool) {
	of := reflect.TypeFor[T]()
	if known, ok := v.read.Load(of); ok {
		r := known.(*reading[T])
		return r.value, r.fits
	}
	r := &reading[T]{fits: true}
	if err := json.Unmarshal(v.raw, &r.value); err != nil {
		r = &reading[T]{} // it may have been read in part
	}
	v.read.Store(of, r)
	return r.value, r.fits
}

// Key returns the flag's key.
func (f *BoolFlag) Key() string { return f.key }

// Default returns the default in code.
func (f *BoolFlag) Default() bool { return f.def }

// On says whether the flag is on for the one that ctx speaks of, see [From].
func (f *BoolFlag) On(ctx context.Context, s *Set) bool {
	snap, c := s.get(&f.handle)
	if c == nil || c.still && s.expose == nil {
		return f.answer(s, snap, c, &nobody)
	}
	w := From(ctx)
	return f.answer(s, snap, c, &w)
}

// OnFor says whether the flag is on for w.
func (f *BoolFlag) OnFor(s *Set, w *Who) bool {
	snap, c := s.get(&f.handle)
	return f.answer(s, snap, c, w)
}

func (f *BoolFlag) answer(s *Set, snap *snapshot, c *compiled, w *Who) bool {
	if s.fixed != nil {
		if v, ok := fixed[bool](s, f.key); ok {
			return v
		}
	}
	if c == nil || c.kind != boolType {
		return f.def
	}
	v := c.serve(s, snap, w)
	if v == nil {
		return f.def
	}
	return v.truth
}

// Detail is On and why.
func (f *BoolFlag) Detail(ctx context.Context, s *Set) Detail[bool] {
	w := From(ctx)
	return f.DetailFor(s, &w)
}

// DetailFor is OnFor and why.
func (f *BoolFlag) DetailFor(s *Set, w *Who) Detail[bool] {
	return detail(s, &f.handle, w, f.def, func(v *variant) (bool, bool) { return v.truth, true })
}

// Key returns the flag's key.
func (f *Flag[T]) Key() string { return f.key }

// Default returns the default in code.
func (f *Flag[T]) Default() T { return f.def }

// Value returns the value for the one that ctx speaks of, see [From].
func (f *Flag[T]) Value(ctx context.Context, s *Set) T {
	snap, c := s.get(&f.handle)
	if c == nil || c.still && s.expose == nil {
		return f.answer(s, snap, c, &nobody)
	}
	w := From(ctx)
	return f.answer(s, snap, c, &w)
}

// ValueFor returns the value for w.
func (f *Flag[T]) ValueFor(s *Set, w *Who) T {
	snap, c := s.get(&f.handle)
	return f.answer(s, snap, c, w)
}

func (f *Flag[T]) answer(s *Set, snap *snapshot, c *compiled, w *Who) T {
	if s.fixed != nil {
		if v, ok := fixed[T](s, f.key); ok {
			return v
		}
	}
	if c == nil || c.kind != f.kind {
		return f.def
	}
	v := c.serve(s, snap, w)
	if v == nil {
		return f.def
	}
	if value, ok := f.values(v); ok {
		return value
	}
	return f.def
}

// Detail is Value and why.
func (f *Flag[T]) Detail(ctx context.Context, s *Set) Detail[T] {
	w := From(ctx)
	return f.DetailFor(s, &w)
}

// DetailFor is ValueFor and why.
func (f *Flag[T]) DetailFor(s *Set, w *Who) Detail[T] {
	return detail(s, &f.handle, w, f.def, f.values)
}

// nobody is who a flag is evaluated for that asks nothing of anybody.
var nobody Who
