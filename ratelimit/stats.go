package ratelimit

import (
	"sync/atomic"
	"unsafe"
)

// counters are spread, so that callers on different processors do not wait for each other's cache line.
type counters struct {
	errors, away atomic.Int64
	_            [112]byte // what lies before is read by every call
	spread       [spread]outcomes
}

type outcomes struct {
	allowed, denied atomic.Int64
	_               [112]byte // two cache lines each: processors fetch them in pairs
}

const spread = 32

// count adds a decision to the counters of the caller's goroutine: which one does not matter, so the address of its
// stack, which differs between goroutines, chooses it.
func (c *counters) count(allowed bool) {
	var here byte
	o := &c.spread[uintptr(unsafe.Pointer(&here))>>11*0x9E3779B97F4A7C15>>59]
	if allowed {
		o.allowed.Add(1)
	} else {
		o.denied.Add(1)
	}
}

func (c *counters) read() Stats {
	s := Stats{Errors: c.errors.Load()}
	for i := range c.spread {
		s.Allowed += c.spread[i].allowed.Load()
		s.Denied += c.spread[i].denied.Load()
	}
	return s
}
