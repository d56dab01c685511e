package notify

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/transbotai/tenon"
)

// OnceOptions of [NewOnce]. The zero value of each field has the documented meaning.
type OnceOptions struct {
	Keys int           // how many keys are remembered at most; the oldest go first. 0 means 10,000
	For  time.Duration // how long a key is remembered; 0 means 24 hours, negative means for as long as there is room
}

// Once tells each occasion once: what has a tenant and key that it passed on already is dropped. It remembers in this
// process alone. A notification whose delivery failed is not remembered, so that it may be tried again.
type Once struct {
	to   tenon.Notifier
	keys int
	keep time.Duration

	mu    sync.Mutex
	known map[occasion]*list.Element
	byAge *list.List // of *told, oldest first
}

type occasion struct{ tenant, key string }

// told is an occasion that was passed on, or is being passed on.
type told struct {
	occasion
	at   time.Time
	done chan struct{} // closed when the delivery has ended
	err  error         // of the delivery, once done is closed
}

// NewOnce returns a Once before to.
func NewOnce(to tenon.Notifier, opts *OnceOptions) *Once {
	o := &Once{to: to, keys: 10_000, keep: 24 * time.Hour, known: map[occasion]*list.Element{}, byAge: list.New()}
	if opts != nil && opts.Keys > 0 {
		o.keys = opts.Keys
	}
	if opts != nil && opts.For != 0 {
		o.keep = opts.For
	}
	return o
}

// Notify passes n on, unless it was. One that comes while the same occasion is under way waits for it, and shares its
// outcome.
func (o *Once) Notify(ctx context.Context, n tenon.Notification) error {
	t, first := o.remember(occasion{n.Tenant, n.Key})
	if !first {
		select {
		case <-t.done:
			return t.err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	delivered := false
	defer func() {
		if !delivered { // also when the notifier panics
			o.forget(t)
		}
		close(t.done)
	}()
	t.err = o.to.Notify(ctx, n)
	delivered = t.err == nil
	return t.err
}

// remember returns what is known of the occasion, and whether this call is the first to know.
func (o *Once) remember(what occasion) (*told, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	for e := o.byAge.Front(); e != nil; e = o.byAge.Front() {
		if old := e.Value.(*told); o.keep < 0 || now.Sub(old.at) < o.keep {
			break
		}
		o.drop(e)
	}
	if e, ok := o.known[what]; ok {
		return e.Value.(*told), false
	}
	if o.byAge.Len() >= o.keys {
		o.drop(o.byAge.Front())
	}
	t := &told{occasion: what, at: now, done: make(chan struct{})}
	o.known[what] = o.byAge.PushBack(t)
	return t, true
}

func (o *Once) forget(t *told) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e, ok := o.known[t.occasion]; ok && e.Value == any(t) {
		o.drop(e)
	}
}

func (o *Once) drop(e *list.Element) {
	delete(o.known, e.Value.(*told).occasion)
	o.byAge.Remove(e)
}

// Len returns how many keys are remembered.
func (o *Once) Len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.byAge.Len()
}
