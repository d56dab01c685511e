package ratelimit

import (
	"context"
	"log/slog"
	"time"

	"github.com/transbotai/tenon/internal/option"
)

// Options of a [Limiter]. The zero value of each field has the documented meaning.
type Options struct {
	// MaxKeys is for how many keys at once memory is set aside: 32 bytes for each under a single TokenBucket, 116 under
	// another limit, and as much for each of several limits. Beyond, new keys share one overflow key, whose limit holds
	// for them together. 0 means 65,536. It says nothing with a Store.
	MaxKeys int
	// LimitsOf returns the limits of a key, in place of those of NewLimiter: what the plan of its tenant includes. None
	// (nil) means those of NewLimiter. What it returned is kept for LimitsFor; an error leaves the key with the limits
	// that it had. A limit of other numbers takes effect at once, with what was taken so far counted; one with another
	// Algorithm, Window or Period begins at nothing. Nil: every key has the limits of NewLimiter.
	LimitsOf func(ctx context.Context, key Key) ([]Limit, error)
	// LimitsFor is how long the answer of LimitsOf is good; 0 means 5 seconds. [Limiter.Forget] ends it at once.
	LimitsFor time.Duration
	// Store shares the limits with other processes. Nil: they are this process's alone, in memory.
	Store Store
	// Processes is how many processes share Store. 0 means that it is not known: leases are then 1, and AwayLocal is
	// refused.
	Processes int
	// Timeout bounds one call of Store, waiting for the one before included; 0 means 50 milliseconds.
	Timeout time.Duration
	// LeaseFor is how long leased units may be given out; 0 means 1/Cells of a limit's window, at most a second. Under a
	// Strict limit it is at least Timeout.
	LeaseFor time.Duration
	// Pause is for how long Store is left alone after 5 calls in a row that failed; 0 means 1 second.
	Pause time.Duration
	// Batch bounds how many waiting operations one call of Store carries; 0 means 256.
	Batch int
	// Flights bounds how many calls of Store are under way at once; 0 means 1: whatever waits meanwhile goes together.
	Flights int
	// Logger is told when the store goes away and comes back, and of errors of LimitsOf. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	v.MaxKeys = option.Positive(v.MaxKeys, 65_536)
	v.LimitsFor = option.Positive(v.LimitsFor, 5*time.Second)
	v.Timeout = option.Positive(v.Timeout, 50*time.Millisecond)
	v.Pause = option.Positive(v.Pause, time.Second)
	v.Batch = option.Positive(v.Batch, 256)
	v.Flights = option.Positive(v.Flights, 1)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}
