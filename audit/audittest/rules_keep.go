package audittest

import (
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

var keepRules = group{"keeping", []rule{
	{"keeps_checkpoints_by_size", "One checkpoint a size is kept, and whether it is anchored; another one of the same size is ErrTampered.", keepsCheckpoints},
	{"drops_nothing_that_is_not_anchored", "Retention drops no month whose records are not sealed and anchored.", dropsNothing},
	{"lists_holds_oldest_first", "Holds are in the order in which they were placed; one that is put again is replaced.", listsHolds},
	{"drops_a_month_that_nothing_holds", "What is sealed, anchored and not held is dropped by the month: leaves stay, and keys stay used.", dropsMonth},
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

func (r *rig) hold(retainer audit.Retainer, h audit.Hold, told audit.Entry) {
	r.t.Helper()
	h.Reason, h.By = "case 7", "ann"
	err := retainer.PutHold(r.ctx(), h, told)
	r.check(err == nil, "not put: %v", err)
}

func listsHolds(r *rig) {
	retainer, ok := r.store.(audit.Retainer)
	if !ok {
		return
	}
	at := tenon.Instant(base())
	ids := []string{idAt(at), idAt(at), idAt(at)}
	for i, place := range []int{2, 0, 1} {
		r.hold(retainer, audit.Hold{ID: ids[place], Tenant: "acme", At: at.Add(time.Duration(place) * time.Second)}, Entry("acme", i))
	}
	r.hold(retainer, audit.Hold{ID: ids[1], Tenant: "acme", At: at.Add(time.Second), To: at}, Entry("acme", 3))
	holds := got(retainer.Holds(r.ctx()))(r.t)
	r.check(len(holds) == 3 && holds[0].ID == ids[0] && holds[1].ID == ids[1] && holds[2].ID == ids[2], "%+v", holds)
	r.check(holds[1].To.Equal(at) && holds[0].To.IsZero(), "the second was not replaced, or another was: %+v", holds)
}

// today returns an entry of today's, of a month that goes on.
func today(tenant string) audit.Entry {
	e := Entry(tenant, 0)
	e.At = tenon.Instant(time.Now())
	e.ID = idAt(e.At)
	return e
}

func dropsMonth(r *rig) {
	retainer, keeps := r.store.(audit.Retainer)
	sealer, seals := r.store.(audit.Sealer)
	notary, signs := r.store.(audit.Notary)
	if !keeps || !seals || !signs {
		return
	}
	entries := Entries("acme", 3)
	entries[0].Key = "k"
	r.add(entries...)
	hold := audit.Hold{ID: idAt(base()), Tenant: "acme", At: tenon.Instant(base()), From: base().Add(-day), To: base().Add(day)}
	r.hold(retainer, hold, Entry("acme", 3))
	r.sealAll(sealer, 4, plain)
	r.check(notary.PutCheckpoint(r.ctx(), r.checkpoint(4, 1)) == nil && notary.Anchored(r.ctx(), 4) == nil, "not anchored")
	drop := func() (months []audit.Dropped) {
		told := func(audit.Dropped) (audit.Entry, error) { return today(""), nil }
		for _, d := range got(retainer.Drop(r.ctx(), time.Now(), 4, told))(r.t) {
			if d.Records > 0 {
				months = append(months, d)
			}
		}
		return months
	}
	r.check(len(drop()) == 0, "it is held")
	hold.Released = tenon.Instant(time.Now())
	r.hold(retainer, hold, today("acme"))
	months := drop()
	r.check(len(months) == 1 && months[0].Records == 4 && len(drop()) == 0, "dropped %+v", months)
	r.check(len(r.list(audit.Query{ID: months[0].RecordID})) == 1, "no record tells of it")
	for _, e := range entries {
		r.check(len(r.list(audit.Query{Tenant: "acme", ID: e.ID})) == 0, "it is still there")
	}
	r.leavesStay(sealer, entries[0])
	again := today("acme")
	again.Key = "k"
	_, err := r.store.Append(r.ctx(), []audit.Entry{again})
	r.refused(err, audit.ErrKeyReused)
}

// leavesStay checks that of the four records that were dropped the places are left.
func (r *rig) leavesStay(sealer audit.Sealer, first audit.Entry) {
	r.t.Helper()
	span := audit.Span{From: 0, To: 4}
	absent := got(sealer.Sealed(r.ctx(), audit.Query{Tenant: "acme"}, span, 10))(r.t)
	r.check(len(absent) == 4 && absent[0].Entry == nil && absent[3].Entry == nil, "%+v", absent)
	of := got(sealer.Sealed(r.ctx(), audit.Query{Tenant: "acme", Actor: first.Actor}, span, 10))(r.t)
	r.check(len(of) == 0, "whose deeds they were is known")
	index := got(sealer.Index(r.ctx(), audit.Ref{Tenant: "acme", ID: first.ID}))(r.t)
	leaf, err := first.Leaf()
	stored := got(sealer.Hashes(r.ctx(), 0, index, index+1))(r.t)
	r.check(err == nil && len(stored) == 1 && stored[0] == leaf, "its leaf is another: %v", err)
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
