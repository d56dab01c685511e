package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/transbotai/tenon"
)

// houseEvery is how often Run maintains the store and looks for months to drop, lookEvery how often it looks how far
// sealing has come; patience bounds one round, writePatience one batch.
const (
	houseEvery    = time.Hour
	lookEvery     = time.Second
	patience      = 5 * time.Minute
	writePatience = 30 * time.Second
)

// Run stores what is queued and spooled, seals, signs and anchors checkpoints, tells sinks and drops what is old, until
// ctx is done; then it stores what is still queued, within Options.Drain, and returns an error that says what it could
// not. It is safe to run on every instance at once, and refuses to start when the store says that it would not see every
// tenant. A round that goes wrong is logged, shown by Stats and tried again.
func (l *Log) Run(ctx context.Context) error {
	if err := l.start(ctx); err != nil {
		return err
	}
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		l.write(ctx)
	}()
	l.keepHouse(ctx)
	<-writing
	return l.drain(ctx)
}

// start asks the store whether it can be run on, until it answers.
func (l *Log) start(ctx context.Context) error {
	s, ok := l.store.(tenon.Starter)
	if !ok {
		return nil
	}
	for {
		asking, cancel := context.WithTimeout(ctx, patience)
		err := s.Start(asking)
		cancel()
		if err == nil || errors.Is(err, tenon.ErrDenied) {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		l.trouble(ctx, err)
		sleep(ctx, l.options.SealEvery)
	}
}

// write empties the queue until ctx is done. A batch under way is finished, within Options.Drain.
func (l *Log) write(ctx context.Context) {
	writing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(l.options.Drain, cancel) })()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.queue.wake:
		}
		if n, _ := l.queue.size(); n < l.options.Batch {
			sleep(ctx, l.options.Linger)
		}
		for ctx.Err() == nil {
			n, err := l.flushOnce(writing)
			if err != nil {
				l.trouble(ctx, err)
				sleep(ctx, time.Second)
				continue
			}
			if n < l.options.Batch {
				break
			}
		}
	}
}

// flushOnce stores a batch. A store that does not answer is taken to be away.
func (l *Log) flushOnce(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, writePatience)
	defer cancel()
	return l.flush(ctx)
}

// keepHouse does everything else until ctx is done.
func (l *Log) keepHouse(ctx context.Context) {
	h := house{log: l, holder: tenon.NewID(time.Now())}
	for ctx.Err() == nil {
		err := h.round(ctx)
		l.trouble(ctx, err)
		if err == nil {
			l.stats.see(func(s *Stats) { s.LastError = "" })
		}
		if !h.again {
			sleep(ctx, l.options.SealEvery)
		}
	}
}

// house is what keepHouse remembers.
type house struct {
	log                  *Log
	holder               string
	signed, looked, kept time.Time
	again                bool // there may be more to tell at once
}

func (h *house) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	l := h.log
	err := l.replay(ctx)
	if _, ok := l.store.(Sealer); ok {
		err = errors.Join(err, h.seal(ctx))
		if time.Since(h.looked) >= lookEvery {
			err = errors.Join(err, l.look(ctx))
			h.looked = time.Now()
		}
	}
	err = errors.Join(err, h.tell(ctx))
	if time.Since(h.kept) >= houseEvery {
		kept := h.keep(ctx)
		if err = errors.Join(err, kept); kept == nil {
			h.kept = time.Now()
		}
	}
	return err
}

// seal seals and signs.
func (h *house) seal(ctx context.Context) error {
	l := h.log
	_, err := l.Seal(ctx)
	if l.options.Signer != nil && time.Since(h.signed) >= l.options.CheckpointEvery {
		_, signed := l.Checkpoint(ctx)
		if err = errors.Join(err, signed); signed == nil {
			h.signed = time.Now()
		}
	}
	return err
}

// tell tells the sinks what was sealed.
func (h *house) tell(ctx context.Context) error {
	more, err := h.log.tell(ctx, h.holder)
	h.again = more && err == nil
	return err
}

// keep keeps the store in order and lets go of what is old.
func (h *house) keep(ctx context.Context) error {
	l := h.log
	var err error
	if m, ok := l.store.(Maintainer); ok {
		err = m.Maintain(ctx, time.Now())
	}
	if l.options.Keep > 0 {
		_, dropped := l.Retain(ctx)
		err = errors.Join(err, dropped)
	}
	return err
}

// look reads for Stats how far sealing has come.
func (l *Log) look(ctx context.Context) error {
	head, err := l.store.(Sealer).Head(ctx)
	if err != nil {
		return err
	}
	var newest Kept
	var anchored int64
	if _, n, err := l.notary(); err == nil {
		if newest, err = l.newest(ctx, n); err != nil {
			return err
		}
		if anchored, err = l.anchored(ctx, n); err != nil {
			return err
		}
	}
	now := time.Now()
	l.stats.see(func(s *Stats) {
		s.Head, s.Checkpoint, s.Anchored, s.LastLook, s.Lag = head, newest.Size, anchored, now, 0
		if !head.Oldest.IsZero() {
			s.Lag = max(now.Sub(head.Oldest), 0)
		}
	})
	return nil
}

// drain stores what is left.
func (l *Log) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.options.Drain)
	defer cancel()
	err := errors.Join(l.Flush(ctx), l.replay(ctx))
	queued, _ := l.queue.size()
	if left := int(l.spool.Left()); queued+left > 0 {
		err = errors.Join(err, fmt.Errorf("audit: %d queued and %d spooled records are left: %w", queued, left, tenon.ErrUnavailable))
	}
	return err
}

// trouble tells of an error, unless it is the end of the context.
func (l *Log) trouble(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	l.stats.see(func(s *Stats) { s.LastError = err.Error() })
	l.options.Logger.Warn("audit", "err", err)
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
