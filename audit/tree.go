package audit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/bits"

	"github.com/transbotai/tenon"
)

// Hash is a node of the tree: SHA-256, 32 bytes.
type Hash [sha256.Size]byte

// String returns the hash in base64.
func (h Hash) String() string { return base64.StdEncoding.EncodeToString(h[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (h *Hash) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	if err != nil || len(b) != len(h) {
		return tenon.Invalid("hash", "not 32 bytes in base64")
	}
	copy(h[:], b)
	return nil
}

// The prefixes of RFC 6962, section 2.1, which keep a leaf from being taken for a node.
const (
	leafPrefix = 0
	nodePrefix = 1
)

// EmptyRoot is the root of a tree without leaves.
func EmptyRoot() Hash { return sha256.Sum256(nil) }

func leafHash(data []byte) Hash {
	h := sha256.New()
	h.Write([]byte{leafPrefix})
	h.Write(data)
	return Hash(h.Sum(nil))
}

func nodeHash(left, right Hash) Hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = nodePrefix
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// TileHeight is the distance between the levels of the tree whose nodes are stored: level 0, the leaves, then the roots
// of complete subtrees of 256 leaves, of 65,536, and so on. What lies between is computed.
const TileHeight = 8

const tileWidth = 1 << TileHeight

// Node is the root of the complete subtree of the leaves from Index << Level on, 1 << Level of them.
type Node struct {
	Level int // a multiple of [TileHeight]
	Index int64
	Hash  Hash
}

// Hashes reads stored nodes of one level, from the index from up to but not including to. All of them are there.
type Hashes func(ctx context.Context, level int, from, to int64) ([]Hash, error)

// Tree is the first leaves of a log, as they were when it had so many. It keeps the nodes that it read, so it is for one
// goroutine and a few proofs.
type Tree struct {
	size  int64
	read  Hashes
	tiles map[tile][]Hash
}

// tile names up to 256 neighbouring nodes, which are read at once.
type tile struct {
	level int
	index int64
}

// NewTree returns the tree of the first size leaves, whose nodes read reads.
func NewTree(size int64, read Hashes) *Tree {
	return &Tree{size: size, read: read, tiles: map[tile][]Hash{}}
}

// node returns a stored node.
func (t *Tree) node(ctx context.Context, level int, index int64) (Hash, error) {
	at := tile{level, index / tileWidth}
	hashes, ok := t.tiles[at]
	if !ok {
		from := at.index * tileWidth
		to := min(from+tileWidth, t.size>>level)
		var err error
		if hashes, err = t.read(ctx, level, from, to); err != nil {
			return Hash{}, err
		}
		if int64(len(hashes)) != to-from {
			return Hash{}, fmt.Errorf("%w: %d nodes of level %d from %d, not %d", ErrTampered, len(hashes), level, from, to-from)
		}
		t.tiles[at] = hashes
	}
	if i := index % tileWidth; i < int64(len(hashes)) {
		return hashes[i], nil
	}
	return Hash{}, fmt.Errorf("%w: node %d of level %d is past the end", ErrTampered, index, level)
}

// hash returns the Merkle tree hash of the leaves from lo to hi, MTH(D[lo:hi]) in RFC 6962, for the ranges that its
// definitions use.
func (t *Tree) hash(ctx context.Context, lo, hi int64) (Hash, error) {
	n := hi - lo
	if n == 0 {
		return EmptyRoot(), nil
	}
	if level := bits.TrailingZeros64(uint64(n)); n == 1<<level && lo%n == 0 && level%TileHeight == 0 {
		return t.node(ctx, level, lo>>level)
	}
	middle := lo + split(n)
	left, err := t.hash(ctx, lo, middle)
	if err != nil {
		return Hash{}, err
	}
	right, err := t.hash(ctx, middle, hi)
	return nodeHash(left, right), err
}

// split returns the largest power of two below n, which is at least 2.
func split(n int64) int64 { return 1 << (bits.Len64(uint64(n-1)) - 1) }

// Root returns the root.
func (t *Tree) Root(ctx context.Context) (Hash, error) { return t.hash(ctx, 0, t.size) }

// Include proves that the leaf at index is in the tree. One past the end is [ErrNotSealed].
func (t *Tree) Include(ctx context.Context, index int64) (Inclusion, error) {
	if index < 0 {
		return Inclusion{}, tenon.Invalid("index", "negative")
	}
	if index >= t.size {
		return Inclusion{}, ErrNotSealed
	}
	path, err := t.inclusion(ctx, index, 0, t.size)
	return Inclusion{Index: index, Size: t.size, Path: path}, err
}

// Extend proves that the tree begins with the one of its first from leaves. More than there are is [ErrNotSealed].
func (t *Tree) Extend(ctx context.Context, from int64) (Consistency, error) {
	switch {
	case from < 0:
		return Consistency{}, tenon.Invalid("from", "negative")
	case from > t.size:
		return Consistency{}, ErrNotSealed
	case from == 0:
		return Consistency{To: t.size}, nil
	}
	path, err := t.consistency(ctx, from, 0, t.size, true)
	return Consistency{From: from, To: t.size, Path: path}, err
}

// inclusion is PATH(m, D[lo:hi]) of RFC 6962, section 2.1.1.
func (t *Tree) inclusion(ctx context.Context, m, lo, hi int64) ([]Hash, error) {
	if hi-lo == 1 {
		return nil, nil
	}
	middle := lo + split(hi-lo)
	var path []Hash
	var other Hash
	var err error
	if m < middle {
		if path, err = t.inclusion(ctx, m, lo, middle); err == nil {
			other, err = t.hash(ctx, middle, hi)
		}
	} else {
		if path, err = t.inclusion(ctx, m, middle, hi); err == nil {
			other, err = t.hash(ctx, lo, middle)
		}
	}
	return append(path, other), err
}

// consistency is SUBPROOF(m, D[lo:hi], whole) of RFC 6962, section 2.1.2. m counts from lo.
func (t *Tree) consistency(ctx context.Context, m, lo, hi int64, whole bool) ([]Hash, error) {
	n := hi - lo
	if m == n {
		if whole {
			return nil, nil
		}
		h, err := t.hash(ctx, lo, hi)
		return []Hash{h}, err
	}
	k := split(n)
	var path []Hash
	var other Hash
	var err error
	if m <= k {
		if path, err = t.consistency(ctx, m, lo, lo+k, whole); err == nil {
			other, err = t.hash(ctx, lo+k, hi)
		}
	} else {
		if path, err = t.consistency(ctx, m-k, lo+k, hi, false); err == nil {
			other, err = t.hash(ctx, lo, lo+k)
		}
	}
	return append(path, other), err
}

// Grow returns the nodes above the leaves that are complete once leaves are appended to a tree of size leaves.
func Grow(ctx context.Context, size int64, leaves []Hash, read Hashes) ([]Node, error) {
	var nodes []Node
	level, first, fresh := 0, size, leaves
	for {
		end := first + int64(len(fresh))
		block := first / tileWidth * tileWidth
		if end-block < tileWidth {
			return nodes, nil
		}
		whole := fresh
		if block < first {
			before, err := read(ctx, level, block, first)
			if err != nil {
				return nil, err
			}
			if int64(len(before)) != first-block {
				return nil, fmt.Errorf("%w: nodes of level %d from %d are missing", ErrTampered, level, block)
			}
			whole = append(before, fresh...)
		}
		var above []Hash
		for ; len(whole) >= tileWidth; whole = whole[tileWidth:] {
			above = append(above, blockHash(whole[:tileWidth]))
		}
		level, first, fresh = level+TileHeight, block/tileWidth, above
		for i, h := range above {
			nodes = append(nodes, Node{Level: level, Index: first + int64(i), Hash: h})
		}
	}
}

// blockHash is the root over hashes, a power of two of them.
func blockHash(hashes []Hash) Hash {
	row := make([]Hash, len(hashes)/2)
	for i := range row {
		row[i] = nodeHash(hashes[2*i], hashes[2*i+1])
	}
	for len(row) > 1 {
		for i := range len(row) / 2 {
			row[i] = nodeHash(row[2*i], row[2*i+1])
		}
		row = row[:len(row)/2]
	}
	return row[0]
}
