package kpi

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/transbotai/tenon"
)

// UnwrittenError is what [Batcher.Run] returns when it could not store everything: the events, for the host to keep.
type UnwrittenError struct {
	Events []Event
	Err    error // why
}

// Error says how many events there are, and why.
func (e *UnwrittenError) Error() string {
	return fmt.Sprintf("kpi: %d events were not written: %v", len(e.Events), e.Err)
}

// Unwrap returns why.
func (e *UnwrittenError) Unwrap() error { return e.Err }

// Run writes what was taken until ctx is done. Then it takes nothing more, writes what is left, within Options.Drain, to
// the store or else to the spool, and returns the rest in an [*UnwrittenError]. It runs once.
func (b *Batcher) Run(ctx context.Context) error {
	left := &unwritten{}
	work, done := context.WithCancel(context.WithoutCancel(ctx))
	defer done()
	var writers sync.WaitGroup
	for range b.options.Writers {
		writers.Go(func() { b.write(ctx, work, left) })
	}
	writers.Go(func() { b.replayOften(ctx) })
	<-ctx.Done()
	time.AfterFunc(b.options.Drain, done)
	b.close()
	writers.Wait()
	if b.spool.Given() {
		left.fail(b.drainSpool(work))
	}
	return left.error()
}

// close takes nothing more, and ends the queue once whoever was about to put something into it has.
func (b *Batcher) close() {
	b.mu.Lock()
	b.stopped = true
	close(b.stop)
	b.mu.Unlock()
	b.senders.Wait()
	close(b.queue)
}

// unwritten collects what could not be stored.
type unwritten struct {
	mu   sync.Mutex
	lost []lost
	err  error
}

// lost is an entry that could not be stored, and why.
type lost struct {
	entry Entry
	err   error
}

func (u *unwritten) add(batch []waiting, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = err
	for _, w := range batch {
		u.lost = append(u.lost, lost{w.entry, err})
	}
}

func (u *unwritten) fail(err error) {
	if err != nil {
		u.add(nil, errors.Join(u.err, err))
	}
}

func (u *unwritten) error() error {
	if u.err == nil {
		return nil
	}
	events := make([]Event, len(u.lost))
	for i, l := range u.lost {
		events[i] = l.entry.Event
	}
	return &UnwrittenError{Events: events, Err: u.err}
}

// write writes batches until the queue ends. Work is done when nothing may be tried any more.
func (b *Batcher) write(ctx, work context.Context, left *unwritten) {
	for {
		batch := b.gather(ctx)
		if batch == nil {
			return
		}
		b.settle(ctx, work, batch, left)
	}
}

// gather returns the next batch, nil when the queue has ended. It waits for more unless somebody waits for it.
func (b *Batcher) gather(ctx context.Context) []waiting {
	first, ok := <-b.queue
	if !ok {
		return nil
	}
	batch := []waiting{first}
	hurry := first.told != nil || b.options.Flush < 0
	flush := time.NewTimer(max(b.options.Flush, 0))
	defer flush.Stop()
	for len(batch) < b.options.MaxBatch {
		select {
		case w, ok := <-b.queue:
			if !ok {
				return batch
			}
			batch, hurry = append(batch, w), hurry || w.told != nil
			continue
		default:
		}
		if hurry {
			return batch
		}
		select {
		case w, ok := <-b.queue:
			if !ok {
				return batch
			}
			batch, hurry = append(batch, w), w.told != nil
		case <-flush.C:
			return batch
		case <-ctx.Done():
			hurry = true
		}
	}
	return batch
}

// settle brings a batch to the store, or else to the spool. Without a spool it tries again and again; when work is done
// it gives up.
func (b *Batcher) settle(ctx, work context.Context, batch []waiting, left *unwritten) {
	for {
		var err error
		if !b.spool.Given() || !b.isAway() {
			if batch, err = b.store(work, batch, left); err == nil {
				return
			}
			b.away.Store(time.Now().Add(b.options.Retry).UnixNano())
		}
		spooled := b.keep(batch)
		if spooled == nil {
			return
		}
		if b.spool.Given() {
			b.options.Logger.Error("events not spooled", "err", spooled)
			err = errors.Join(err, spooled)
		}
		select {
		case <-work.Done():
			b.giveUp(batch, err, left)
			return
		case <-time.After(b.options.Retry):
		}
	}
}

func (b *Batcher) isAway() bool { return time.Now().UnixNano() < b.away.Load() }

// giveUp hands the batch to Run's caller, and to those who wait.
func (b *Batcher) giveUp(batch []waiting, err error, left *unwritten) {
	left.add(batch, err)
	for _, w := range batch {
		w.tell(Receipt{}, err)
	}
}

func (w waiting) tell(r Receipt, err error) {
	if w.told != nil {
		w.told(r, err)
	}
}

// keep writes the batch to the spool.
func (b *Batcher) keep(batch []waiting) error {
	if err := b.spool.Write(spooledOfAll(batch)...); err != nil {
		return err
	}
	b.stats.spooled.Add(int64(len(batch)))
	for _, w := range batch {
		w.tell(Receipt{Outcome: Spooled, ID: w.entry.Event.ID}, nil)
	}
	return nil
}

func entriesOf(batch []waiting) []Entry {
	entries := make([]Entry, len(batch))
	for i, w := range batch {
		entries[i] = w.entry
	}
	return entries
}

// store writes the batch, and returns what is left of it: an error says that the store is away, and that the rest may be
// tried again. An event that the store refuses spoils the batch for the others, so that they are tried one by one.
func (b *Batcher) store(ctx context.Context, batch []waiting, left *unwritten) ([]waiting, error) {
	receipts, err := b.tracker.send(ctx, entriesOf(batch))
	b.stats.note(err)
	switch {
	case err == nil:
		b.stats.stored.Add(int64(len(batch)))
		for i, w := range batch {
			w.tell(receipts[i], nil)
		}
		return nil, nil
	case isAway(err) || ctx.Err() != nil:
		return batch, err
	case len(batch) == 1:
		return batch, b.refused(ctx, batch[0], err, left)
	}
	for i := range batch {
		if _, err := b.store(ctx, batch[i:i+1], left); err != nil {
			return batch[i:], err
		}
	}
	return nil, nil
}

// refused keeps aside what the store would not take.
func (b *Batcher) refused(ctx context.Context, w waiting, reason error, left *unwritten) error {
	e := w.entry
	if e.Kind != SetAside {
		e = aside(e.Event, e.Event.ID, e.Event.ReceivedAt, reason)
		receipts, err := b.tracker.send(ctx, []Entry{e})
		if err == nil {
			b.stats.quarantined.Add(1)
			w.tell(receipts[0], nil)
			return nil
		}
		if isAway(err) || ctx.Err() != nil {
			return err
		}
	}
	b.stats.lost.Add(1)
	b.options.Logger.Error("event not stored", "tenant", e.Event.Tenant, "name", e.Event.Name, "id", e.Event.ID, "err", reason)
	b.giveUp([]waiting{w}, reason, left)
	return nil
}

// isAway says whether the store could not be reached, so that it is worth trying again.
func isAway(err error) bool {
	return errors.Is(err, tenon.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
