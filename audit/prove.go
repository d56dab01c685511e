package audit

import (
	"context"
	"fmt"

	"github.com/transbotai/tenon"
)

// Proof proves that a record is in the log that a checkpoint vouches for.
type Proof struct {
	Leaf       Hash       `json:"leaf"`
	Inclusion  Inclusion  `json:"inclusion"`
	Checkpoint Checkpoint `json:"-"`
	Note       string     `json:"checkpoint"` // the checkpoint's signed note
}

// Check says whether e is the record and v's signer has vouched for it; otherwise it is [ErrTampered].
func (p *Proof) Check(e *Entry, v *Verifier) error {
	c, err := ParseCheckpoint([]byte(p.Note), v)
	if err != nil {
		return err
	}
	leaf, err := e.Leaf()
	if err != nil {
		return err
	}
	if leaf != p.Leaf || p.Inclusion.Size != c.Size {
		return fmt.Errorf("%w: record %s is not the one that the proof is about", ErrTampered, e.ID)
	}
	return p.Inclusion.Check(leaf, c.Root)
}

// ProveInclusion proves that a record is in the log, by the newest checkpoint. One that no checkpoint covers yet is
// [ErrNotSealed]: [Log.Checkpoint] makes one that does.
func (l *Log) ProveInclusion(ctx context.Context, ref Ref) (Proof, error) {
	s, n, err := l.notary()
	if err != nil {
		return Proof{}, err
	}
	if !isUUID(ref.ID) {
		return Proof{}, ErrUnknownRecord
	}
	index, err := s.Index(ctx, ref)
	if err != nil {
		return Proof{}, err
	}
	c, err := l.newest(ctx, n)
	if err != nil {
		return Proof{}, err
	}
	if index >= c.Size {
		return Proof{}, ErrNotSealed
	}
	leaf, err := s.Hashes(ctx, 0, index, index+1)
	if err != nil {
		return Proof{}, err
	}
	if len(leaf) != 1 {
		return Proof{}, fmt.Errorf("%w: record %d has no leaf", ErrTampered, index)
	}
	inclusion, err := NewTree(c.Size, s.Hashes).Include(ctx, index)
	return Proof{Leaf: leaf[0], Inclusion: inclusion, Checkpoint: c.Checkpoint, Note: string(c.Note)}, err
}

// ProveConsistency proves that the log of to records begins with that of from. More than are sealed is [ErrNotSealed].
func (l *Log) ProveConsistency(ctx context.Context, from, to int64) (Consistency, error) {
	s, ok := l.store.(Sealer)
	if !ok {
		return Consistency{}, ErrUnsupported
	}
	if from < 0 || from > to {
		return Consistency{}, fmt.Errorf("audit: %w", tenon.Invalid("from", "not within 0 and %d", to))
	}
	head, err := s.Head(ctx)
	if err != nil {
		return Consistency{}, err
	}
	if to > head.Size {
		return Consistency{}, ErrNotSealed
	}
	return NewTree(to, s.Hashes).Extend(ctx, from)
}
