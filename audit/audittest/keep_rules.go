package audittest

import (
	"testing"
	"time"

	"github.com/transbotai/tenon/audit"
)

var keepRules = []rule{
	{"keeps_checkpoints_by_size", keepsCheckpoints},
	{"drops_nothing_that_is_not_anchored", dropsNothing},
	{"one_holder_tells_a_sink_at_a_time", oneHolder},
}

func checkpoint(t *testing.T, size int64, root byte) audit.Checkpoint {
	t.Helper()
	signer := got(audit.NewSigner("example.com/audit", make([]byte, 32)))(t)
	return signer.Checkpoint(size, audit.Hash{root}, base())
}

func keepsCheckpoints(t *testing.T, s audit.Store) {
	n, ok := s.(audit.Notary)
	if !ok {
		return
	}
	for _, size := range []int64{3, 9, 5} {
		check(t, n.PutCheckpoint(t.Context(), checkpoint(t, size, 1)) == nil, "not put")
	}
	check(t, n.PutCheckpoint(t.Context(), checkpoint(t, 5, 1)) == nil, "the same again")
	refused(t, n.PutCheckpoint(t.Context(), checkpoint(t, 5, 2)), audit.ErrTampered)
	check(t, n.Anchored(t.Context(), 5) == nil, "not noted")
	kept := got(n.Checkpoints(t.Context(), 3, 10))(t)
	check(t, len(kept) == 2 && kept[0].Size == 5 && kept[0].Anchored && kept[1].Size == 9 && !kept[1].Anchored, "%+v", kept)
	want := checkpoint(t, 5, 1)
	check(t, kept[0].Root == want.Root && kept[0].At.Equal(want.At) && string(kept[0].Note) == string(want.Note), "%+v", kept[0])
	last := got(n.Checkpoints(t.Context(), 0, -1))(t)
	check(t, len(last) == 1 && last[0].Size == 9, "%+v", last)
}

func dropsNothing(t *testing.T, s audit.Store) {
	r, ok := s.(audit.Retainer)
	if !ok {
		return
	}
	add(t, s, Entries("acme", 3)...)
	told := func(d audit.Dropped) (audit.Entry, error) { return Entry("", 1000), nil }
	before := base().AddDate(1, 0, 0)
	for _, d := range got(r.Drop(t.Context(), before, 0, told))(t) {
		check(t, d.Records == 0, "dropped %+v", d)
	}
	check(t, len(list(t, s, audit.Query{Tenant: "acme"})) == 3, "records are gone")
}

func oneHolder(t *testing.T, s audit.Store) {
	c, ok := s.(audit.Cursors)
	if !ok {
		return
	}
	claim := func(holder string, lease time.Duration) (int64, bool) {
		t.Helper()
		next, ok, err := c.Claim(t.Context(), "siem", holder, lease)
		check(t, err == nil, "%v", err)
		return next, ok
	}
	next, ok := claim("a", time.Hour)
	check(t, ok && next == 0, "the first gets it")
	_, ok = claim("b", time.Hour)
	check(t, !ok, "two at a time")
	check(t, c.Advance(t.Context(), "siem", "b", 7) == nil && c.Advance(t.Context(), "siem", "a", 5) == nil, "not advanced")
	next, ok = claim("a", -time.Hour)
	check(t, ok && next == 5, "%d, %v", next, ok)
	next, ok = claim("b", time.Hour)
	check(t, ok && next == 5, "what has run out is free: %d, %v", next, ok)
}
