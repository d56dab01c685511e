package audit

import (
	"fmt"
	"math/bits"

	"github.com/transbotai/tenon"
)

// Inclusion proves that a leaf is the one at Index of the tree of Size leaves: RFC 9162, section 2.1.3.
type Inclusion struct {
	Index int64  `json:"index"`
	Size  int64  `json:"size"`
	Path  []Hash `json:"path"`
}

// Check computes the root from the leaf and says whether it is this one. A proof that does not fit is [ErrTampered].
func (p Inclusion) Check(leaf, root Hash) error {
	if p.Index < 0 || p.Size < 0 {
		return tenon.Invalid("inclusion", "a negative index or size")
	}
	if p.Index >= p.Size {
		return fmt.Errorf("%w: record %d is past the end of a tree of %d", ErrTampered, p.Index, p.Size)
	}
	fn, sn := uint64(p.Index), uint64(p.Size-1)
	r := leaf
	for _, h := range p.Path {
		if sn == 0 {
			return fmt.Errorf("%w: the proof of record %d is too long", ErrTampered, p.Index)
		}
		if fn&1 == 1 || fn == sn {
			r = nodeHash(h, r)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			r = nodeHash(r, h)
		}
		fn, sn = fn>>1, sn>>1
	}
	if sn != 0 || r != root {
		return fmt.Errorf("%w: record %d is not in the tree of %d", ErrTampered, p.Index, p.Size)
	}
	return nil
}

// Consistency proves that the tree of From leaves is the beginning of that of To: RFC 9162, section 2.1.4.
type Consistency struct {
	From int64  `json:"from"`
	To   int64  `json:"to"`
	Path []Hash `json:"path"`
}

// Check says whether the tree with the root to begins with the one with the root from. A proof that does not fit is
// [ErrTampered].
func (p Consistency) Check(from, to Hash) error {
	switch {
	case p.From < 0 || p.To < p.From:
		return tenon.Invalid("consistency", "from %d to %d", p.From, p.To)
	case p.From == 0:
		if len(p.Path) != 0 || from != EmptyRoot() || p.To == 0 && to != from {
			return fmt.Errorf("%w: an empty tree begins every other, and needs no proof", ErrTampered)
		}
		return nil
	case p.From == p.To:
		if len(p.Path) != 0 || from != to {
			return fmt.Errorf("%w: two trees of %d differ", ErrTampered, p.To)
		}
		return nil
	}
	path := p.Path
	if p.From&(p.From-1) == 0 { // the old tree is a node of the new one
		path = append([]Hash{from}, path...)
	}
	if len(path) == 0 {
		return fmt.Errorf("%w: the proof from %d to %d is empty", ErrTampered, p.From, p.To)
	}
	was, is, ok := rebuild(uint64(p.From-1), uint64(p.To-1), path)
	if !ok || was != from || is != to {
		return fmt.Errorf("%w: the tree of %d is not the beginning of that of %d", ErrTampered, p.From, p.To)
	}
	return nil
}

// rebuild computes both roots from a proof of consistency. fn and sn are the last indexes of the two trees.
func rebuild(fn, sn uint64, path []Hash) (was, is Hash, ok bool) {
	shift := bits.TrailingZeros64(^fn)
	fn, sn = fn>>shift, sn>>shift
	was, is = path[0], path[0]
	for _, h := range path[1:] {
		if sn == 0 {
			return was, is, false
		}
		if fn&1 == 1 || fn == sn {
			was, is = nodeHash(h, was), nodeHash(h, is)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			is = nodeHash(is, h)
		}
		fn, sn = fn>>1, sn>>1
	}
	return was, is, sn == 0
}
