package audit

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"time"
)

// nodes compares the stored roots of 256 leaves with the leaves.
func (v *verification) nodes(p page) error {
	blocks := v.blocks
	v.blocks = v.blocks[:0]
	if v.broken {
		return nil
	}
	if p.nodesErr != nil {
		return p.nodesErr
	}
	v.compareNodes(TileHeight, p.span.From/tileWidth, p.nodes, blocks)
	return nil
}

// compareNodes compares the nodes of a level, from the index first on, with what they should be.
func (v *verification) compareNodes(level int, first int64, stored, want []Hash) {
	for i := range want {
		at := (first + int64(i)) << level
		span := Fault{From: at, To: at + 1<<level, What: fmt.Sprintf("the node of level %d above them is not theirs", level)}
		if i >= len(stored) || stored[i] != want[i] {
			v.fault(span)
		}
	}
}

// upperNodes compares the stored nodes of the levels above with those below them.
func (v *verification) upperNodes(ctx context.Context, size int64) error {
	for level := 2 * TileHeight; size>>level > 0; level += TileHeight {
		for i := range size >> level {
			below, err := v.store.Hashes(ctx, level-TileHeight, i*tileWidth, (i+1)*tileWidth)
			if errors.Is(err, ErrTampered) || err == nil && len(below) < tileWidth {
				continue // it was told already
			}
			if err != nil {
				return err
			}
			stored, err := v.storedNodes(ctx, level, i, i+1)
			if err != nil {
				return err
			}
			v.compareNodes(level, i, stored, []Hash{blockHash(below)})
		}
	}
	return nil
}

// storedNodes reads nodes, and each by itself where some are missing: in their place stands the zero hash, which is
// nobody's.
func (v *verification) storedNodes(ctx context.Context, level int, from, to int64) ([]Hash, error) {
	found, err := v.store.Hashes(ctx, level, from, to)
	if !errors.Is(err, ErrTampered) {
		return found, err
	}
	found = make([]Hash, to-from)
	for i := range found {
		at := from + int64(i)
		one, err := v.store.Hashes(ctx, level, at, at+1)
		if err != nil && !errors.Is(err, ErrTampered) {
			return nil, err
		}
		copy(found[i:i+1], one)
	}
	return found, nil
}

// idTime returns the instant that is in a UUIDv7, in milliseconds.
func idTime(id string) time.Time {
	var ms int64
	for _, c := range id[:min(len(id), 13)] {
		switch {
		case c >= '0' && c <= '9':
			ms = ms<<4 | int64(c-'0')
		case c >= 'a' && c <= 'f':
			ms = ms<<4 | int64(c-'a'+10)
		}
	}
	return time.UnixMilli(ms).UTC()
}

// frontier is what has to be kept of a tree to append to it and to know its root: the roots of its complete subtrees,
// largest first.
type frontier struct {
	size  int64
	roots []Hash
	block Hash // the root of the last 256 leaves, where size is a multiple
}

func (f *frontier) add(leaf Hash) {
	for level := 1; level <= bits.TrailingZeros64(^uint64(f.size)); level++ {
		last := len(f.roots) - 1
		leaf = nodeHash(f.roots[last], leaf)
		f.roots = f.roots[:last]
		if level == TileHeight {
			f.block = leaf
		}
	}
	f.roots = append(f.roots, leaf)
	f.size++
}

func (f *frontier) root() Hash {
	if f.size == 0 {
		return EmptyRoot()
	}
	h := f.roots[len(f.roots)-1]
	for i := len(f.roots) - 2; i >= 0; i-- {
		h = nodeHash(f.roots[i], h)
	}
	return h
}
