package audit_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/audit"
)

func TestAProofThatCannotBeOneIsRefused(t *testing.T) {
	t.Parallel()
	one, two := audit.Hash{1}, audit.Hash{2}
	for _, p := range []audit.Inclusion{{Index: -1, Size: 1}, {Index: 0, Size: -1}} {
		require.Equal(t, "inclusion", fieldOf(t, p.Check(one, one)), p)
	}
	require.ErrorIs(t, audit.Inclusion{}.Check(one, audit.EmptyRoot()), audit.ErrTampered, "an empty tree has no leaf")
	for _, p := range []audit.Consistency{{From: -1, To: 1}, {From: 3, To: 2}, {From: 0, To: -1}} {
		require.Equal(t, "consistency", fieldOf(t, p.Check(one, two)), p)
	}
	for name, c := range map[string]struct {
		proof    audit.Consistency
		from, to audit.Hash
	}{
		"a_root_of_nothing_that_is_none":       {audit.Consistency{To: 5}, one, two},
		"a_path_from_nothing":                  {audit.Consistency{To: 5, Path: []audit.Hash{one}}, audit.EmptyRoot(), two},
		"nothing_that_became_something_else":   {audit.Consistency{}, audit.EmptyRoot(), two},
		"a_path_between_trees_of_one_size":     {audit.Consistency{From: 5, To: 5, Path: []audit.Hash{one}}, one, one},
		"two_roots_of_one_size":                {audit.Consistency{From: 5, To: 5}, one, two},
		"no_path_between_trees_of_other_sizes": {audit.Consistency{From: 3, To: 5}, one, two},
	} {
		require.ErrorIs(t, c.proof.Check(c.from, c.to), audit.ErrTampered, name)
	}
	require.NoError(t, audit.Consistency{To: 5}.Check(audit.EmptyRoot(), two), "every log begins with nothing")
	require.NoError(t, audit.Consistency{}.Check(audit.EmptyRoot(), audit.EmptyRoot()))
}

func TestATreeProvesNothingThatItDoesNotHold(t *testing.T) {
	t.Parallel()
	s := stored{}
	s.add(t, manyLeaves(5), func() int { return 5 })
	tree := audit.NewTree(5, s.read)
	_, err := tree.Include(t.Context(), -1)
	require.Equal(t, "index", fieldOf(t, err))
	_, err = tree.Include(t.Context(), 5)
	require.ErrorIs(t, err, audit.ErrNotSealed)
	_, err = tree.Extend(t.Context(), -1)
	require.Equal(t, "from", fieldOf(t, err))
	_, err = tree.Extend(t.Context(), 6)
	require.ErrorIs(t, err, audit.ErrNotSealed)
	grown, err := tree.Extend(t.Context(), 0)
	require.NoError(t, err)
	require.NoError(t, grown.Check(audit.EmptyRoot(), must(tree.Root(t.Context()))))
}

func TestNodesThatAStoreLostAreTampering(t *testing.T) {
	t.Parallel()
	s := stored{}
	s.add(t, manyLeaves(300), func() int { return 300 })
	lost := func(ctx context.Context, level int, from, to int64) ([]audit.Hash, error) {
		found, err := s.read(ctx, level, from, to)
		return found[:len(found)-1], err
	}
	_, err := audit.NewTree(300, lost).Root(t.Context())
	require.ErrorIs(t, err, audit.ErrTampered)
	_, err = audit.Grow(t.Context(), 300, manyLeaves(300), lost)
	require.ErrorIs(t, err, audit.ErrTampered, "no node is made of what is not there")
}

func TestALogProvesNothingThatIsNotSealed(t *testing.T) {
	t.Parallel()
	log, store := newLog(t, audit.Options{})
	id, err := log.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b"})
	require.NoError(t, err)
	_, err = log.Seal(t.Context())
	require.NoError(t, err)
	ref := audit.Ref{Tenant: "acme", ID: id}
	_, err = log.ProveInclusion(t.Context(), ref)
	require.ErrorIs(t, err, audit.ErrNotSealed, "no checkpoint covers it")
	for _, span := range [][2]int64{{-1, 1}, {2, 1}, {0, -1}} {
		_, err := log.ProveConsistency(t.Context(), span[0], span[1])
		require.Equal(t, "from", fieldOf(t, err), span)
		require.ErrorContains(t, err, "audit: ")
	}
	c, err := log.Checkpoint(t.Context())
	require.NoError(t, err)
	grown, err := log.ProveConsistency(t.Context(), 0, 1)
	require.NoError(t, err)
	require.NoError(t, grown.Check(audit.EmptyRoot(), c.Root))

	gone := &bent{MemoryStore: store, hashes: func(int, []audit.Hash) []audit.Hash { return nil }}
	_, err = log.WithStore(gone).ProveInclusion(t.Context(), ref)
	require.ErrorIs(t, err, audit.ErrTampered, "its leaf is gone")
}
