package audittest

import (
	"time"

	"github.com/transbotai/tenon/audit"
)

var keepRules = group{"keeping", []rule{
	{"keeps_checkpoints_by_size", "One checkpoint a size is kept, and whether it is anchored; another one of the same size is ErrTampered.", keepsCheckpoints},
	{"drops_nothing_that_is_not_anchored", "Retention drops no month whose records are not sealed and anchored.", dropsNothing},
	{"one_holder_tells_a_sink_at_a_time", "A claim lasts as long as its lease; whoever does not hold it moves nothing on.", oneHolder},
}}

func (r *rig) checkpoint(size int64, root byte) audit.Checkpoint {
	r.t.Helper()
	signer := got(audit.NewSigner("example.com/audit", make([]byte, 32)))(r.t)
	return signer.Checkpoint(size, audit.Hash{root}, base())
}

func keepsCheckpoints(r *rig) {
	n, ok := r.store.(audit.Notary)
	if !ok {
		return
	}
	for _, size := range []int64{3, 9, 5} {
		r.check(n.PutCheckpoint(r.ctx(), r.checkpoint(size, 1)) == nil, "not put")
	}
	r.check(n.PutCheckpoint(r.ctx(), r.checkpoint(5, 1)) == nil, "the same again")
	r.refused(n.PutCheckpoint(r.ctx(), r.checkpoint(5, 2)), audit.ErrTampered)
	r.check(n.Anchored(r.ctx(), 5) == nil, "not noted")
	kept := got(n.Checkpoints(r.ctx(), 3, 10))(r.t)
	r.check(len(kept) == 2 && kept[0].Size == 5 && kept[0].Anchored && kept[1].Size == 9 && !kept[1].Anchored, "%+v", kept)
	want := r.checkpoint(5, 1)
	r.check(kept[0].Root == want.Root && kept[0].At.Equal(want.At) && string(kept[0].Note) == string(want.Note), "%+v", kept[0])
	last := got(n.Checkpoints(r.ctx(), 0, -1))(r.t)
	r.check(len(last) == 1 && last[0].Size == 9, "%+v", last)
}

func dropsNothing(r *rig) {
	retainer, ok := r.store.(audit.Retainer)
	if !ok {
		return
	}
	r.add(Entries("acme", 3)...)
	told := func(d audit.Dropped) (audit.Entry, error) { return Entry("", 1000), nil }
	before := base().AddDate(1, 0, 0)
	for _, d := range got(retainer.Drop(r.ctx(), before, 0, told))(r.t) {
		r.check(d.Records == 0, "dropped %+v", d)
	}
	r.check(len(r.list(audit.Query{Tenant: "acme"})) == 3, "records are gone")
}

func oneHolder(r *rig) {
	c, ok := r.store.(audit.Cursors)
	if !ok {
		return
	}
	claim := func(holder string, lease time.Duration) (int64, bool) {
		r.t.Helper()
		next, ok, err := c.Claim(r.ctx(), "siem", holder, lease)
		r.check(err == nil, "%v", err)
		return next, ok
	}
	next, ok := claim("a", time.Hour)
	r.check(ok && next == 0, "the first gets it")
	_, ok = claim("b", time.Hour)
	r.check(!ok, "two at a time")
	r.check(c.Advance(r.ctx(), "siem", "b", 7) == nil && c.Advance(r.ctx(), "siem", "a", 5) == nil, "not advanced")
	next, ok = claim("a", -time.Hour)
	r.check(ok && next == 5, "%d, %v", next, ok)
	next, ok = claim("b", time.Hour)
	r.check(ok && next == 5, "what has run out is free: %d, %v", next, ok)
}
