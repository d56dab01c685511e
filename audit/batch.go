package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/transbotai/tenon"
)

// queue holds entries between Enqueue and the store. It keeps their order.
type queue struct {
	room    chan struct{} // a token for each entry that is queued
	mu      sync.Mutex
	entries []Entry
	oldest  time.Time     // when the first of them came
	wake    chan struct{} // told when entries came
	writing sync.Mutex    // held by whoever empties the queue
}

func (q *queue) init(size int) {
	q.room = make(chan struct{}, size)
	q.wake = make(chan struct{}, 1)
}

// enter takes a place, or says why there is none.
func (q *queue) enter(ctx context.Context, full Overflow) error {
	select {
	case q.room <- struct{}{}:
		return nil
	default:
	}
	if full == Refuse {
		return ErrFull
	}
	select {
	case q.room <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrFull, context.Cause(ctx))
	}
}

func (q *queue) put(e Entry) {
	q.mu.Lock()
	if len(q.entries) == 0 {
		q.oldest = time.Now()
	}
	q.entries = append(q.entries, e)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default: // told already
	}
}

// first returns up to n entries, which stay where they are.
func (q *queue) first(n int) []Entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.entries))
	return q.entries[:n:n]
}

// done removes the first n entries.
func (q *queue) done(n int) {
	q.mu.Lock()
	clear(q.entries[:n]) // let go of what they hold
	q.entries = q.entries[n:]
	if len(q.entries) == 0 {
		q.entries = nil
	}
	q.oldest = time.Now()
	q.mu.Unlock()
	for range n {
		<-q.room
	}
}

func (q *queue) size() (int, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.entries) == 0 {
		return 0, 0
	}
	return len(q.entries), time.Since(q.oldest)
}

// Enqueue takes r to be stored soon, with others, and returns its id. It is checked now, and what ctx says of the caller
// is taken now. When the queue is full it waits or refuses, as Options.OnFull has it; a record that it did not take
// is an error. What is queued lives in this process's memory: [Log.Flush] and the end of [Log.Run] store it, and a
// process that is killed loses it. What must not be lost is for [Log.Record]. A record with a key goes there too, for
// a batch cannot answer for it.
func (l *Log) Enqueue(ctx context.Context, r Record) (string, error) {
	e, err := l.entry(ctx, r)
	if err == nil && e.Key != "" {
		err = tenon.Invalid("key", "only Record takes one")
	}
	if err == nil {
		err = l.queue.enter(ctx, l.options.OnFull)
	}
	if err != nil {
		l.stats.refused.Add(1)
		return "", fmt.Errorf("audit: %w", err)
	}
	l.queue.put(e)
	return e.ID, nil
}

// Flush stores what was queued before it was called; where the store is away and there is a spool, on disk. After an
// error what is left stays queued.
func (l *Log) Flush(ctx context.Context) error {
	left, _ := l.queue.size()
	for left > 0 {
		n, err := l.flush(ctx)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		if n == 0 {
			return nil
		}
		left -= n
	}
	return nil
}

// flush stores one batch and returns how many it took from the queue.
func (l *Log) flush(ctx context.Context) (int, error) {
	l.queue.writing.Lock()
	defer l.queue.writing.Unlock()
	batch := l.queue.first(l.options.Batch)
	if len(batch) == 0 {
		return 0, nil
	}
	err := l.appendBatch(ctx, batch)
	if isAway(err) && l.spool.Given() {
		if err = l.spool.Write(batch...); err == nil {
			l.stats.spooled.Add(int64(len(batch)))
		}
	}
	if err != nil {
		return 0, err
	}
	l.queue.done(len(batch))
	return len(batch), nil
}

// appendBatch appends entries that were checked. One that the store refuses all the same must not hold up the others
// for ever: it is kept beside the spool, or else named by the error.
func (l *Log) appendBatch(ctx context.Context, batch []Entry) error {
	_, err := l.store.Append(ctx, batch)
	if err == nil {
		l.stats.recorded.Add(int64(len(batch)))
		return nil
	}
	if isAway(err) || ctx.Err() != nil || len(batch) == 1 {
		return l.refused(ctx, batch, err)
	}
	for i := range batch {
		if err := l.appendBatch(ctx, batch[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// refused keeps an entry that the store does not take.
func (l *Log) refused(ctx context.Context, batch []Entry, err error) error {
	if isAway(err) || ctx.Err() != nil || !l.spool.Given() || !isRefusal(err) {
		return err
	}
	l.options.Logger.Error("a record was not taken", "id", batch[0].ID, "err", err)
	l.stats.setAside.Add(1)
	return l.spool.SetAside(batch[0].ID, batch[0], err)
}

// isAway says whether the store cannot be reached.
func isAway(err error) bool {
	return errors.Is(err, tenon.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

// isRefusal says whether the store refuses an entry, whenever it is asked.
func isRefusal(err error) bool {
	return errors.Is(err, tenon.ErrInvalid) || errors.Is(err, tenon.ErrConflict)
}
