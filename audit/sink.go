package audit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Sink is told of sealed records, such as a SIEM. Deliver returns when they are safe with it; it may be told of the same
// ones again, and tells them by their ids. The slice is not to be kept.
type Sink interface {
	Deliver(ctx context.Context, entries []Entry) error
}

// SinkFunc is a function that is a [Sink].
type SinkFunc func(ctx context.Context, entries []Entry) error

// Deliver implements [Sink].
func (f SinkFunc) Deliver(ctx context.Context, entries []Entry) error { return f(ctx, entries) }

// sinkBatch is how many leaves are told at once, and sinkLease how long one instance may take for it.
const (
	sinkBatch = 500
	sinkLease = time.Minute
)

// tell tells every sink what is new, one page each; again says that there may be more.
func (l *Log) tell(ctx context.Context, holder string) (again bool, err error) {
	if len(l.options.Sinks) == 0 {
		return false, nil
	}
	s, ok := l.store.(Sealer)
	c, cursors := l.store.(Cursors)
	if !ok || !cursors {
		return false, ErrUnsupported
	}
	for name, sink := range l.options.Sinks {
		n, one := l.tellOne(ctx, s, c, told{sink: sink, name: name, holder: holder})
		if one != nil {
			err = errors.Join(err, fmt.Errorf("audit: sink %s: %w", name, one))
		}
		again = again || n == sinkBatch
	}
	return again, err
}

type told struct {
	sink         Sink
	name, holder string
}

func (l *Log) tellOne(ctx context.Context, s Sealer, c Cursors, t told) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, sinkLease/2)
	defer cancel()
	next, ok, err := c.Claim(ctx, t.name, t.holder, sinkLease)
	if err != nil || !ok {
		return 0, err
	}
	page, err := s.Sealed(ctx, Query{AllTenants: true}, Span{From: next, To: next + sinkBatch}, sinkBatch)
	if err != nil || len(page) == 0 {
		return 0, err
	}
	var entries []Entry
	for _, leaf := range page {
		if leaf.Entry != nil { // or retention was faster
			entries = append(entries, *leaf.Entry)
		}
	}
	if len(entries) > 0 {
		if err := t.sink.Deliver(ctx, entries); err != nil {
			return 0, err
		}
	}
	l.stats.told.Add(int64(len(entries)))
	return len(page), c.Advance(ctx, t.name, t.holder, page[len(page)-1].Index+1)
}
