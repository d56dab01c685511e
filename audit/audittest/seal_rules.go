package audittest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/transbotai/tenon/audit"
)

var sealRules = []rule{
	{"seals_every_entry_once", sealsOnce},
	{"a_sealing_that_fails_leaves_nothing", sealingFails},
	{"stores_nodes_and_gives_them_back", nodesBack},
	{"says_where_a_record_is", whereRecordIs},
	{"sealed_entries_of_a_query_are_in_order", sealedInOrder},
}

// plain seals without nodes.
func plain(_ int64, entries []audit.Entry, _ audit.Hashes) (audit.Sealing, error) {
	leaves, err := audit.Leaves(entries)
	return audit.Sealing{Leaves: leaves}, err
}

// patience bounds how long a rule waits for sealing: transactions of others, in other databases even, hold it up.
const patience = 30 * time.Second

// sealAll seals, some at a time, until n entries have leaves.
func sealAll(t *testing.T, s audit.Sealer, n int64, add func(int64, []audit.Entry, audit.Hashes) (audit.Sealing, error)) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		some := got(s.Seal(t.Context(), 10, add))(t)
		check(t, some <= 10, "sealed %d, at most 10 were asked for", some)
		if head := got(s.Head(t.Context()))(t); head.Size >= n {
			return
		}
		check(t, time.Now().Before(end), "not sealed within %v", patience)
	}
}

func sealsOnce(t *testing.T, s audit.Store) {
	sealer, ok := s.(audit.Sealer)
	if !ok {
		return
	}
	n := got(sealer.Seal(t.Context(), 10, plain))(t)
	check(t, n == 0, "sealed %d of nothing", n)
	add(t, s, Entries("acme", 25)...)
	head := got(sealer.Head(t.Context()))(t)
	check(t, head.Size == 0 && head.Waiting == 25 && head.Oldest.Equal(base()), "%+v", head)
	seen := map[string]int{}
	sealAll(t, sealer, 25, func(size int64, es []audit.Entry, read audit.Hashes) (audit.Sealing, error) {
		check(t, size == int64(len(seen)), "size %d after %d", size, len(seen))
		for _, e := range es {
			seen[e.ID]++
		}
		return plain(size, es, read)
	})
	check(t, got(sealer.Seal(t.Context(), 10, plain))(t) == 0, "sealed some twice")
	for id, times := range seen {
		check(t, times == 1, "%s was sealed %d times", id, times)
	}
	head = got(sealer.Head(t.Context()))(t)
	check(t, head.Size == 25 && head.Waiting == 0 && head.Oldest.IsZero(), "%+v", head)
}

func sealingFails(t *testing.T, s audit.Store) {
	sealer, ok := s.(audit.Sealer)
	if !ok {
		return
	}
	add(t, s, Entries("acme", 5)...)
	broken := errors.New("broken")
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		_, err := sealer.Seal(t.Context(), 10, func(int64, []audit.Entry, audit.Hashes) (audit.Sealing, error) { return audit.Sealing{}, broken })
		if err != nil {
			refused(t, err, broken)
			break
		}
		check(t, time.Now().Before(end), "not sealed within %v", patience)
	}
	head := got(sealer.Head(t.Context()))(t)
	check(t, head.Size == 0 && head.Waiting == 5, "%+v", head)
}

func nodesBack(t *testing.T, s audit.Store) {
	sealer, ok := s.(audit.Sealer)
	if !ok {
		return
	}
	add(t, s, Entries("acme", 600)...)
	sealAll(t, sealer, 600, func(size int64, es []audit.Entry, read audit.Hashes) (audit.Sealing, error) {
		sealing, err := plain(size, es, read)
		if err == nil {
			sealing.Nodes, err = audit.Grow(t.Context(), size, sealing.Leaves, read)
		}
		return sealing, err
	})
	leaves := got(sealer.Hashes(t.Context(), 0, 0, 600))(t)
	check(t, len(leaves) == 600, "%d leaves", len(leaves))
	nodes := got(audit.Grow(t.Context(), 0, leaves, func(context.Context, int, int64, int64) ([]audit.Hash, error) { return nil, nil }))(t)
	stored := got(sealer.Hashes(t.Context(), audit.TileHeight, 0, 2))(t)
	check(t, len(nodes) == 2 && len(stored) == 2 && nodes[1].Hash == stored[1], "the nodes are others")
	few := got(sealer.Hashes(t.Context(), 0, 255, 257))(t)
	check(t, len(few) == 2 && few[0] == leaves[255], "other leaves")
}

func whereRecordIs(t *testing.T, s audit.Store) {
	sealer, ok := s.(audit.Sealer)
	if !ok {
		return
	}
	e := Entry("acme", 1)
	ref := audit.Ref{Tenant: "acme", ID: e.ID}
	_, err := sealer.Index(t.Context(), ref)
	refused(t, err, audit.ErrUnknownRecord)
	add(t, s, Entry("other", 0), e)
	_, err = sealer.Index(t.Context(), ref)
	refused(t, err, audit.ErrNotSealed)
	sealAll(t, sealer, 2, plain)
	index := got(sealer.Index(t.Context(), ref))(t)
	found := got(sealer.Sealed(t.Context(), audit.Query{AllTenants: true}, audit.Span{From: index, To: index + 1}, 10))(t)
	check(t, len(found) == 1 && found[0].Ref == ref && found[0].Index == index && found[0].Entry != nil, "%+v", found)
	same(t, *found[0].Entry, e)
	_, err = sealer.Index(t.Context(), audit.Ref{Tenant: "other", ID: e.ID})
	refused(t, err, audit.ErrUnknownRecord)
}

func sealedInOrder(t *testing.T, s audit.Store) {
	sealer, ok := s.(audit.Sealer)
	if !ok {
		return
	}
	for n := range 60 {
		e := Entry([]string{"acme", "other", ""}[n%3], n)
		if n%2 == 0 {
			e.Action = "even"
		}
		add(t, s, e)
	}
	sealAll(t, sealer, 60, plain)
	for _, c := range []struct {
		q    audit.Query
		want int
	}{
		{audit.Query{AllTenants: true}, 60},
		{audit.Query{Tenant: "acme"}, 20},
		{audit.Query{}, 20},
		{audit.Query{AllTenants: true, Action: "even"}, 30},
		{audit.Query{Tenant: "other", Action: "even"}, 10},
	} {
		var all []audit.Sealed
		for from := int64(0); ; {
			page := got(sealer.Sealed(t.Context(), c.q, audit.Span{From: from, To: 60}, 7))(t)
			all = append(all, page...)
			if len(page) < 7 {
				break
			}
			from = page[len(page)-1].Index + 1
		}
		check(t, len(all) == c.want, "%+v: %d, want %d", c.q, len(all), c.want)
		for i, s := range all {
			check(t, i == 0 || s.Index > all[i-1].Index, "out of order")
			check(t, s.Entry != nil && c.q.Matches(s.Entry), "%+v: %+v", c.q, s)
			leaf, err := s.Entry.Leaf()
			check(t, err == nil && leaf == s.Leaf, "another leaf")
		}
	}
	none := got(sealer.Sealed(t.Context(), audit.Query{AllTenants: true}, audit.Span{From: 60, To: 100}, 10))(t)
	check(t, len(none) == 0, "something past the end")
}
