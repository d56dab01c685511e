package audittest

import (
	"context"
	"errors"
	"time"

	"github.com/transbotai/tenon/audit"
)

var sealRules = group{"sealing", []rule{
	{"seals_every_entry_once", "Seal hands out each entry once, and Head counts what is sealed and what waits.", sealsOnce},
	{"a_sealing_that_fails_leaves_nothing", "When the function gives an error, Seal gives it too, and the entries go on waiting.", sealingFails},
	{"stores_nodes_and_gives_them_back", "Hashes answers with the leaves and nodes that sealing stored, a part of a level too.", nodesBack},
	{"says_where_a_record_is", "Index says where in the tree a tenant's record is: ErrNotSealed before it is, ErrUnknownRecord for another tenant.", whereRecordIs},
	{"sealed_entries_of_a_query_are_in_order", "Sealed pages through what matches, in the order of the tree, each entry with its leaf.", sealedInOrder},
}}

// plain seals without nodes.
func plain(_ int64, entries []audit.Entry, _ audit.Hashes) (audit.Sealing, error) {
	leaves, err := audit.Leaves(entries)
	return audit.Sealing{Leaves: leaves}, err
}

// patience bounds how long a rule waits for sealing: transactions of others, in other databases even, hold it up.
const patience = 30 * time.Second

// sealAll seals, some at a time, until n entries have leaves.
func (r *rig) sealAll(s audit.Sealer, n int64, add func(int64, []audit.Entry, audit.Hashes) (audit.Sealing, error)) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		some := got(s.Seal(r.ctx(), 10, add))(r.t)
		r.check(some <= 10, "sealed %d, at most 10 were asked for", some)
		if head := got(s.Head(r.ctx()))(r.t); head.Size >= n {
			return
		}
		r.check(time.Now().Before(end), "not sealed within %v", patience)
	}
}

func sealsOnce(r *rig) {
	sealer, ok := r.store.(audit.Sealer)
	if !ok {
		return
	}
	n := got(sealer.Seal(r.ctx(), 10, plain))(r.t)
	r.check(n == 0, "sealed %d of nothing", n)
	r.add(Entries("acme", 25)...)
	head := got(sealer.Head(r.ctx()))(r.t)
	r.check(head.Size == 0 && head.Waiting == 25 && head.Oldest.Equal(base()), "%+v", head)
	seen := map[string]int{}
	r.sealAll(sealer, 25, func(size int64, es []audit.Entry, read audit.Hashes) (audit.Sealing, error) {
		r.check(size == int64(len(seen)), "size %d after %d", size, len(seen))
		for _, e := range es {
			seen[e.ID]++
		}
		return plain(size, es, read)
	})
	r.check(got(sealer.Seal(r.ctx(), 10, plain))(r.t) == 0, "sealed some twice")
	for id, times := range seen {
		r.check(times == 1, "%s was sealed %d times", id, times)
	}
	head = got(sealer.Head(r.ctx()))(r.t)
	r.check(head.Size == 25 && head.Waiting == 0 && head.Oldest.IsZero(), "%+v", head)
}

func sealingFails(r *rig) {
	sealer, ok := r.store.(audit.Sealer)
	if !ok {
		return
	}
	r.add(Entries("acme", 5)...)
	broken := errors.New("broken")
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		_, err := sealer.Seal(r.ctx(), 10, func(int64, []audit.Entry, audit.Hashes) (audit.Sealing, error) { return audit.Sealing{}, broken })
		if err != nil {
			r.refused(err, broken)
			break
		}
		r.check(time.Now().Before(end), "not sealed within %v", patience)
	}
	head := got(sealer.Head(r.ctx()))(r.t)
	r.check(head.Size == 0 && head.Waiting == 5, "%+v", head)
}

func nodesBack(r *rig) {
	sealer, ok := r.store.(audit.Sealer)
	if !ok {
		return
	}
	r.add(Entries("acme", 600)...)
	r.sealAll(sealer, 600, func(size int64, es []audit.Entry, read audit.Hashes) (audit.Sealing, error) {
		sealing, err := plain(size, es, read)
		if err == nil {
			sealing.Nodes, err = audit.Grow(r.ctx(), size, sealing.Leaves, read)
		}
		return sealing, err
	})
	leaves := got(sealer.Hashes(r.ctx(), 0, 0, 600))(r.t)
	r.check(len(leaves) == 600, "%d leaves", len(leaves))
	nodes := got(audit.Grow(r.ctx(), 0, leaves, func(context.Context, int, int64, int64) ([]audit.Hash, error) { return nil, nil }))(r.t)
	stored := got(sealer.Hashes(r.ctx(), audit.TileHeight, 0, 2))(r.t)
	r.check(len(nodes) == 2 && len(stored) == 2 && nodes[1].Hash == stored[1], "the nodes are others")
	few := got(sealer.Hashes(r.ctx(), 0, 255, 257))(r.t)
	r.check(len(few) == 2 && few[0] == leaves[255], "other leaves")
}

func whereRecordIs(r *rig) {
	sealer, ok := r.store.(audit.Sealer)
	if !ok {
		return
	}
	e := Entry("acme", 1)
	ref := audit.Ref{Tenant: "acme", ID: e.ID}
	_, err := sealer.Index(r.ctx(), ref)
	r.refused(err, audit.ErrUnknownRecord)
	_, err = sealer.Index(r.ctx(), audit.Ref{Tenant: "acme", ID: "7"})
	r.refused(err, audit.ErrUnknownRecord)
	r.add(Entry("other", 0), e)
	_, err = sealer.Index(r.ctx(), ref)
	r.refused(err, audit.ErrNotSealed)
	r.sealAll(sealer, 2, plain)
	index := got(sealer.Index(r.ctx(), ref))(r.t)
	found := got(sealer.Sealed(r.ctx(), audit.Query{AllTenants: true}, audit.Span{From: index, To: index + 1}, 10))(r.t)
	r.check(len(found) == 1 && found[0].Ref == ref && found[0].Index == index && found[0].Entry != nil, "%+v", found)
	r.same(*found[0].Entry, e)
	_, err = sealer.Index(r.ctx(), audit.Ref{Tenant: "other", ID: e.ID})
	r.refused(err, audit.ErrUnknownRecord)
}

func sealedInOrder(r *rig) {
	sealer, ok := r.store.(audit.Sealer)
	if !ok {
		return
	}
	for n := range 60 {
		e := Entry([]string{"acme", "other", ""}[n%3], n)
		if n%2 == 0 {
			e.Action = "even"
		}
		r.add(e)
	}
	r.sealAll(sealer, 60, plain)
	for _, c := range []struct {
		q    audit.Query
		want int
	}{
		{audit.Query{AllTenants: true}, 60},
		{audit.Query{Tenant: "acme"}, 20},
		{audit.Query{}, 20},
		{audit.Query{AllTenants: true, Action: "even"}, 30},
		{audit.Query{Tenant: "other", Action: "even"}, 10},
		{audit.Query{Tenant: "nobody"}, 0},
	} {
		var all []audit.Sealed
		for from := int64(0); ; {
			page := got(sealer.Sealed(r.ctx(), c.q, audit.Span{From: from, To: 60}, 7))(r.t)
			all = append(all, page...)
			if len(page) < 7 {
				break
			}
			from = page[len(page)-1].Index + 1
		}
		r.check(len(all) == c.want, "%+v: %d, want %d", c.q, len(all), c.want)
		for i, s := range all {
			r.check(i == 0 || s.Index > all[i-1].Index, "out of order")
			r.check(s.Entry != nil && c.q.Matches(s.Entry), "%+v: %+v", c.q, s)
			leaf, err := s.Entry.Leaf()
			r.check(err == nil && leaf == s.Leaf, "another leaf")
		}
	}
	none := got(sealer.Sealed(r.ctx(), audit.Query{AllTenants: true}, audit.Span{From: 60, To: 100}, 10))(r.t)
	r.check(len(none) == 0, "something past the end")
}
