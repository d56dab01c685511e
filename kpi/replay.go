package kpi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/transbotai/tenon"
)

// replayOften stores what lies in the spool, every Options.Retry, until ctx is done.
func (b *Batcher) replayOften(ctx context.Context) {
	if b.spool.dir == "" {
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
		left := b.spool.left()
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
		b.options.Logger.Warn("events stay in the spool", "events", left, "dir", b.spool.dir, "err", err)
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
	if err := b.spool.rotate(); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(b.spool.dir, "*"+spoolOpen))
	if err != nil {
		return err
	}
	for _, name := range files {
		if err := b.replayFile(ctx, name); err != nil {
			return fmt.Errorf("spool %s: %w", filepath.Base(name), err)
		}
	}
	return nil
}

// replayFile stores a file and removes it. One that another process is writing is that process's to store.
func (b *Batcher) replayFile(ctx context.Context, name string) error {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil // another process was faster
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if ours, err := own(f); err != nil || !ours {
		return err
	}
	entries, aside, err := readSpool(f)
	if err != nil {
		return err
	}
	left := &unwritten{}
	for len(entries) > 0 {
		n := min(len(entries), b.options.MaxBatch)
		batch := make([]waiting, n)
		for i, e := range entries[:n] {
			batch[i] = waiting{entry: e}
		}
		if _, err := b.store(ctx, batch, left); err != nil {
			b.away.Store(time.Now().Add(b.options.Retry).UnixNano())
			return err
		}
		entries = entries[n:]
	}
	for _, e := range left.events {
		aside = fmt.Appendf(aside, "%s %q\n", digest(spooledOf(Entry{Event: e})), left.err)
	}
	return b.retire(name, aside)
}

// retire removes a replayed file, and keeps what could not be stored of it beside.
func (b *Batcher) retire(name string, aside []byte) error {
	if len(aside) > 0 {
		b.options.Logger.Error("spool holds lines that cannot be stored", "kept", name+spoolAside,
			"lines", bytes.Count(aside, []byte("\n")))
		if err := os.WriteFile(name+spoolAside, aside, 0o600); err != nil {
			return err
		}
	}
	return os.Remove(name)
}

// errAway is what a batch is given up with when no call of the store said why.
var errAway = fmt.Errorf("kpi: the store is away: %w", tenon.ErrUnavailable)
