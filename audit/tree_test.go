package audit_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/audit"
)

// plainRoot, plainPath and plainProof are the definitions of RFC 6962, section 2.1, word for word, over a slice of leaf
// hashes.
func plainRoot(d []audit.Hash) audit.Hash {
	switch n := len(d); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return d[0]
	default:
		k := below(n)
		l, r := plainRoot(d[:k]), plainRoot(d[k:])
		return sha256.Sum256(append(append([]byte{1}, l[:]...), r[:]...))
	}
}

func below(n int) int {
	k := 1
	for 2*k < n {
		k *= 2
	}
	return k
}

func plainPath(m int, d []audit.Hash) []audit.Hash {
	if len(d) == 1 {
		return nil
	}
	if k := below(len(d)); m < k {
		return append(plainPath(m, d[:k]), plainRoot(d[k:]))
	} else {
		return append(plainPath(m-k, d[k:]), plainRoot(d[:k]))
	}
}

func plainProof(m int, d []audit.Hash, whole bool) []audit.Hash {
	if m == len(d) {
		if whole {
			return nil
		}
		return []audit.Hash{plainRoot(d)}
	}
	if k := below(len(d)); m <= k {
		return append(plainProof(m, d[:k], whole), plainRoot(d[k:]))
	} else {
		return append(plainProof(m-k, d[k:], false), plainRoot(d[:k]))
	}
}

// stored keeps the nodes of a tree as a store does.
type stored map[int][]audit.Hash

func (s stored) read(_ context.Context, level int, from, to int64) ([]audit.Hash, error) {
	return s[level][from:to:to], nil
}

// add appends leaves, some at a time.
func (s stored) add(t *testing.T, leaves []audit.Hash, some func() int) {
	t.Helper()
	for len(leaves) > 0 {
		n := min(some(), len(leaves))
		nodes, err := audit.Grow(t.Context(), int64(len(s[0])), leaves[:n], s.read)
		require.NoError(t, err)
		s[0] = append(s[0], leaves[:n]...)
		for _, node := range nodes {
			require.EqualValues(t, len(s[node.Level]), node.Index)
			s[node.Level] = append(s[node.Level], node.Hash)
		}
		leaves = leaves[n:]
	}
}

func manyLeaves(n int) []audit.Hash {
	leaves := make([]audit.Hash, n)
	for i := range leaves {
		leaves[i] = audit.LeafHash(binary.BigEndian.AppendUint64(nil, uint64(i)))
	}
	return leaves
}

// The leaves and roots that the reference implementation of Certificate Transparency (RFC 6962) is tested with.
func TestTreeOfTheCertificateTransparencyVectors(t *testing.T) {
	t.Parallel()
	inputs := []string{
		"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
	}
	roots := []string{
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	s := stored{}
	for i, input := range inputs {
		data, err := hex.DecodeString(input)
		require.NoError(t, err)
		s.add(t, []audit.Hash{audit.LeafHash(data)}, func() int { return 1 })
		root, err := audit.NewTree(int64(i+1), s.read).Root(t.Context())
		require.NoError(t, err)
		require.Equal(t, roots[i], hex.EncodeToString(root[:]))
	}
	require.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", hex.EncodeToString(emptyRoot()))
}

func emptyRoot() []byte { h := audit.EmptyRoot(); return h[:] }

func TestProofsOfEverySizeUpTo130(t *testing.T) {
	t.Parallel()
	const most = 130
	leaves := manyLeaves(most)
	s := stored{}
	s.add(t, leaves, func() int { return 7 })
	roots := make([]audit.Hash, most+1)
	for size := range most + 1 {
		root, err := audit.NewTree(int64(size), s.read).Root(t.Context())
		require.NoError(t, err)
		require.Equal(t, plainRoot(leaves[:size]), root)
		roots[size] = root
	}
	for size := 1; size <= most; size++ {
		for i := range size {
			proof, err := audit.NewTree(int64(size), s.read).Include(t.Context(), int64(i))
			require.NoError(t, err)
			path := plainPath(i, leaves[:size])
			require.Equal(t, audit.Inclusion{Index: int64(i), Size: int64(size), Path: path}, proof)
			require.NoError(t, proof.Check(leaves[i], roots[size]))
			require.ErrorIs(t, proof.Check(leaves[(i+1)%most], roots[size]), audit.ErrTampered)
			require.ErrorIs(t, proof.Check(leaves[i], roots[size-1]), audit.ErrTampered)
			for _, other := range []audit.Inclusion{
				{Index: int64(i), Size: int64(size), Path: append(path[:len(path):len(path)], leaves[0])},
				{Index: int64(size), Size: int64(size), Path: path},
			} {
				require.ErrorIs(t, other.Check(leaves[i], roots[size]), audit.ErrTampered)
			}
		}
		for from := 1; from <= size; from++ {
			proof, err := audit.NewTree(int64(size), s.read).Extend(t.Context(), int64(from))
			require.NoError(t, err)
			path := plainProof(from, leaves[:size], true)
			require.Equal(t, audit.Consistency{From: int64(from), To: int64(size), Path: path}, proof)
			require.NoError(t, proof.Check(roots[from], roots[size]))
			require.ErrorIs(t, proof.Check(roots[from-1], roots[size]), audit.ErrTampered)
			require.ErrorIs(t, proof.Check(roots[from], roots[(size+1)%most]), audit.ErrTampered)
			long := audit.Consistency{From: int64(from), To: int64(size), Path: append(path[:len(path):len(path)], leaves[0])}
			require.ErrorIs(t, long.Check(roots[from], roots[size]), audit.ErrTampered)
			if len(path) > 0 {
				short := audit.Consistency{From: int64(from), To: int64(size), Path: path[:len(path)-1]}
				require.ErrorIs(t, short.Check(roots[from], roots[size]), audit.ErrTampered)
			}
		}
	}
}

func TestALargeTreeGrowsInPiecesOfAnySize(t *testing.T) {
	t.Parallel()
	const n = 70_000 // past the second level of stored nodes
	leaves := manyLeaves(n)
	random := rand.New(rand.NewPCG(1, 2))
	s := stored{}
	s.add(t, leaves, func() int { return 1 + random.IntN(1500) })
	require.Len(t, s[8], n/256)
	require.Len(t, s[16], 1)
	for range 40 {
		size := 1 + random.IntN(n)
		root, err := audit.NewTree(int64(size), s.read).Root(t.Context())
		require.NoError(t, err)
		i, from := random.IntN(size), 1+random.IntN(size)
		in, err := audit.NewTree(int64(size), s.read).Include(t.Context(), int64(i))
		require.NoError(t, err)
		require.NoError(t, in.Check(leaves[i], root))
		old, err := audit.NewTree(int64(from), s.read).Root(t.Context())
		require.NoError(t, err)
		grown, err := audit.NewTree(int64(size), s.read).Extend(t.Context(), int64(from))
		require.NoError(t, err)
		require.NoError(t, grown.Check(old, root))
	}
	require.Equal(t, plainRoot(leaves), must(audit.NewTree(n, s.read).Root(t.Context())))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
