package audit

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// sealBatch is how many entries are sealed in one transaction.
const sealBatch = 10_000

// Seal makes leaves of the entries that wait, until none is left that could be sealed, and returns how many it sealed.
// While another instance seals it returns what it had done. [Log.Run] does this; a host calls it for a proof of what was
// just recorded.
func (l *Log) Seal(ctx context.Context) (int, error) {
	s, ok := l.store.(Sealer)
	if !ok {
		return 0, ErrUnsupported
	}
	total := 0
	for {
		n, err := s.Seal(ctx, sealBatch, addLeaves(ctx))
		total += n
		l.stats.sealed.Add(int64(n))
		if err != nil || n < sealBatch {
			return total, err
		}
	}
}

// addLeaves returns the function that a [Sealer] calls.
func addLeaves(ctx context.Context) func(int64, []Entry, Hashes) (Sealing, error) {
	return func(size int64, entries []Entry, read Hashes) (Sealing, error) {
		leaves, err := Leaves(entries)
		if err != nil {
			return Sealing{}, err
		}
		nodes, err := Grow(ctx, size, leaves, read)
		return Sealing{Leaves: leaves, Nodes: nodes}, err
	}
}

// leafChunk is how many leaves a goroutine computes before it asks for more.
const leafChunk = 256

// Leaves returns the leaf of each entry, computed on every processor.
func Leaves(entries []Entry) ([]Hash, error) {
	leaves := make([]Hash, len(entries))
	var next atomic.Int64
	var mu sync.Mutex
	var failed error
	work := func() {
		for {
			to := int(next.Add(leafChunk))
			from := to - leafChunk
			if from >= len(entries) {
				return
			}
			if err := someLeaves(leaves, entries, from, min(to, len(entries))); err != nil {
				mu.Lock()
				failed = err
				mu.Unlock()
				return
			}
		}
	}
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(entries)/leafChunk) {
		wait.Go(work)
	}
	work()
	wait.Wait()
	return leaves, failed
}

func someLeaves(leaves []Hash, entries []Entry, from, to int) (err error) {
	for i := from; i < to; i++ {
		if leaves[i], err = entries[i].Leaf(); err != nil {
			return err
		}
	}
	return nil
}

// Checkpoint seals what waits, signs the tree, stores the checkpoint and hands it to the anchors. While the newest
// checkpoint is of the same size that one is returned, handed to the anchors if they do not have it. It needs
// Options.Signer.
func (l *Log) Checkpoint(ctx context.Context) (Checkpoint, error) {
	s, n, err := l.notary()
	if err != nil {
		return Checkpoint{}, err
	}
	if _, err := l.Seal(ctx); err != nil {
		return Checkpoint{}, err
	}
	kept, err := l.sign(ctx, s, n)
	if err != nil {
		return Checkpoint{}, err
	}
	return kept.Checkpoint, l.anchor(ctx, n, kept)
}

func (l *Log) notary() (Sealer, Notary, error) {
	s, ok := l.store.(Sealer)
	n, notary := l.store.(Notary)
	if !ok || !notary || l.options.Signer == nil {
		return nil, nil, ErrUnsupported
	}
	return s, n, nil
}

// sign reads what was signed before how far sealing has come: other instances seal and sign meanwhile, and what they signed
// in between must not look as if it were missing.
func (l *Log) sign(ctx context.Context, s Sealer, n Notary) (Kept, error) {
	newest, err := l.newest(ctx, n)
	if err != nil {
		return Kept{}, err
	}
	head, err := s.Head(ctx)
	if err != nil {
		return Kept{}, err
	}
	if newest.Note != nil && newest.Size == head.Size {
		return newest, nil
	}
	if newest.Size > head.Size {
		return Kept{}, fmt.Errorf("%w: the log holds %d records, and %d were signed", ErrTampered, head.Size, newest.Size)
	}
	tree := NewTree(head.Size, s.Hashes)
	root, err := tree.Root(ctx)
	if err != nil {
		return Kept{}, err
	}
	if err := l.grew(ctx, tree, newest.Checkpoint, root); err != nil {
		return Kept{}, err
	}
	c := l.options.Signer.Checkpoint(head.Size, root, time.Now())
	return Kept{Checkpoint: c}, n.PutCheckpoint(ctx, c)
}

// grew refuses to sign what does not begin with what was signed before.
func (l *Log) grew(ctx context.Context, tree *Tree, was Checkpoint, root Hash) error {
	if was.Note == nil {
		return nil
	}
	proof, err := tree.Extend(ctx, was.Size)
	if err != nil {
		return err
	}
	return proof.Check(was.Root, root)
}

// newest returns the largest checkpoint that is stored, and checks who signed it; the zero one when there is none.
func (l *Log) newest(ctx context.Context, n Notary) (Kept, error) {
	kept, err := n.Checkpoints(ctx, -1, -1) // one of no records is one
	if err != nil || len(kept) == 0 {
		return Kept{}, err
	}
	c, err := ParseCheckpoint(kept[0].Note, l.options.Signer.Verifier())
	return Kept{Checkpoint: c, Anchored: kept[0].Anchored}, err
}
