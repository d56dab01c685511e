package kpi

import (
	"context"
	"time"

	"github.com/transbotai/tenon/internal/spool"
)

// replayOften stores what lies in the spool, every Options.Retry, until ctx is done.
func (b *Batcher) replayOften(ctx context.Context) {
	if !b.spool.Given() {
		return
	}
	tick := time.NewTicker(b.options.Retry)
	defer tick.Stop()
	for {
		if err := b.replay(ctx); err != nil && ctx.Err() == nil {
			b.options.Logger.Warn("spool not stored", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// drainSpool stores what lies in the spool once more. What cannot be stored now stays there, for the next process.
func (b *Batcher) drainSpool(ctx context.Context) error {
	for {
		err := b.replay(ctx)
		left := b.spool.Left()
		if isAway(err) && left > 0 || left == 0 {
			b.sayLeft(left, err)
			return onlyDisk(err)
		}
		if err != nil {
			return err
		}
		select { // somebody else has the file for a moment: who replays it too, or a child that is just being started
		case <-ctx.Done():
			b.sayLeft(left, ctx.Err())
			return nil
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (b *Batcher) sayLeft(left int64, err error) {
	if left > 0 {
		b.options.Logger.Warn("events stay in the spool", "events", left, "dir", b.spool.Dir(), "err", err)
	}
}

// onlyDisk leaves out that the store is away: what is in the spool is safe.
func onlyDisk(err error) error {
	if isAway(err) {
		return nil
	}
	return err
}

// replay stores all that lies in the folder, also what processes that died left there.
func (b *Batcher) replay(ctx context.Context) error {
	return b.spool.Replay(ctx, spool.Replayer[spooled]{Batch: b.options.MaxBatch, Store: b.replayLines, Aside: b.setAside})
}

// replayLines stores lines, and returns those that the store refuses, each with why.
func (b *Batcher) replayLines(ctx context.Context, lines []spooled) (refused []byte, err error) {
	batch := make([]waiting, 0, len(lines))
	for _, l := range lines {
		e, err := l.entry()
		if err != nil {
			refused = append(refused, spool.Refusal(l, err)...)
			continue
		}
		batch = append(batch, waiting{entry: e})
	}
	left := &unwritten{}
	if _, err := b.store(ctx, batch, left); err != nil {
		b.away.Store(time.Now().Add(b.options.Retry).UnixNano())
		return nil, err
	}
	for _, l := range left.lost {
		refused = append(refused, spool.Refusal(spooledOf(l.entry), l.err)...)
	}
	return refused, nil
}

func (b *Batcher) setAside(file string, lines int) {
	b.options.Logger.Error("spool holds lines that cannot be stored", "kept", file, "lines", lines)
}
