package audit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// Report is what verifying a log found.
type Report struct {
	Size        int64 // leaves
	Checked     int64 // records whose leaf was computed anew
	Redacted    int64 // of those, with erased parts
	Dropped     int64 // leaves whose records retention let go of
	Checkpoints int   // checkpoints that the tree agrees with
	Faults      []Fault
}

// OK says whether nothing was tampered with.
func (r *Report) OK() bool { return len(r.Faults) == 0 }

// Err returns an [ErrTampered] that tells of the first fault; nil when there is none.
func (r *Report) Err() error {
	if r.OK() {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrTampered, r.Faults[0])
}

// Fault is something that was tampered with: a record, or the records from index From up to but not including To.
type Fault struct {
	From, To int64 // -1 when the record has no index
	Ref            // of the record; empty for a range
	What     string
}

// String says what is wrong with what.
func (f Fault) String() string {
	switch {
	case f.ID != "" && f.From >= 0:
		return fmt.Sprintf("record %s of %q (index %d): %s", f.ID, f.Tenant, f.From, f.What)
	case f.ID != "":
		return fmt.Sprintf("record %s of %q: %s", f.ID, f.Tenant, f.What)
	}
	return fmt.Sprintf("records %d to %d: %s", f.From, f.To-1, f.What)
}

const (
	maxFaults  = 1000 // after which Verify looks no further
	verifyPage = 8 * tileWidth
)

// Verify computes every leaf anew from its record and the whole tree from the leaves, and compares both with what is
// stored, with the checkpoints in the store and with those that the caller has from an [Anchor]: only these prove
// anything against whoever owns the database. It says what is at fault as closely as can be said: which record, or
// between which two checkpoints. The error is one of reading; tampering is in the report.
//
// It reads everything once, in pages, several at a time, each over a connection of the store, and holds no lock.
func (l *Log) Verify(ctx context.Context, anchored ...Checkpoint) (Report, error) {
	s, ok := l.store.(Sealer)
	if !ok {
		return Report{}, ErrUnsupported
	}
	v := &verification{log: l, store: s, told: map[Ref]*Entry{}}
	if err := v.run(ctx, anchored); err != nil {
		return v.report, fmt.Errorf("audit: verify: %w", err)
	}
	return v.report, nil
}

// verification is one run of Verify.
type verification struct {
	log    *Log
	store  Sealer
	report Report
	marks  *marks
	stored frontier       // the tree of the leaves as they are stored
	actual frontier       // the tree of the leaves as the records give them, once it is another
	parted bool           // it is
	blocks []Hash         // the roots of the 256 leaves that ended on the present page
	good   int64          // the size of the last checkpoint that the tree agrees with
	broken bool           // the tree disagrees with a checkpoint, or has a gap: later ones say nothing more
	told   map[Ref]*Entry // records of redactions
	months []Dropped
	reread bool // months were read after the present page
}

func (v *verification) run(ctx context.Context, anchored []Checkpoint) error {
	head, err := v.store.Head(ctx)
	if err != nil {
		return err
	}
	v.report.Size = head.Size
	if v.months, err = v.droppedMonths(ctx); err != nil {
		return err
	}
	v.marks = v.newMarks(anchored)
	if err := v.mark(ctx, 0); err != nil {
		return err
	}
	if err := v.walk(ctx, head.Size); err != nil {
		return err
	}
	if err := v.beyond(ctx, head.Size); err != nil {
		return err
	}
	if err := v.upperNodes(ctx, head.Size); err != nil {
		return err
	}
	return v.strays(ctx)
}

// page is a part of the leaves, read and computed.
type page struct {
	span   Span
	sealed []Sealed
	leaves []Hash
	errs   []error
	err    error

	nodes    []Hash // stored ones, above each 256 leaves
	nodesErr error
}

// walk checks page after page. As many are read and computed at a time as there are processors, and those to come wait
// until they are checked.
func (v *verification) walk(ctx context.Context, size int64) error {
	ctx, cancel := context.WithCancel(ctx)
	readers := runtime.GOMAXPROCS(0)
	pages := make(chan chan page, readers)
	var wait sync.WaitGroup
	defer wait.Wait()
	defer cancel()
	wait.Go(func() {
		defer close(pages)
		for from := int64(0); from < size && ctx.Err() == nil; from += verifyPage {
			next := make(chan page, 1)
			select {
			case pages <- next:
			case <-ctx.Done():
				return
			}
			wait.Go(func() { next <- v.read(ctx, Span{from, min(from+verifyPage, size)}) })
		}
	})
	for next := range pages {
		p := <-next
		if p.err != nil {
			return p.err
		}
		if err := v.check(ctx, p); err != nil {
			return err
		}
		if len(v.report.Faults) >= maxFaults {
			return nil
		}
	}
	return ctx.Err()
}

// read reads a page and computes its leaves.
func (v *verification) read(ctx context.Context, span Span) page {
	p := page{span: span}
	p.sealed, p.err = v.store.Sealed(ctx, Query{AllTenants: true}, span, verifyPage)
	p.leaves, p.errs = make([]Hash, len(p.sealed)), make([]error, len(p.sealed))
	for i := range p.sealed {
		if e := p.sealed[i].Entry; e != nil {
			if p.leaves[i], p.errs[i] = e.Leaf(); p.errs[i] == nil {
				p.errs[i] = e.beside()
			}
		}
	}
	if blocks := span.To/tileWidth - span.From/tileWidth; blocks > 0 && p.err == nil {
		first := span.From / tileWidth
		p.nodes, p.nodesErr = v.storedNodes(ctx, TileHeight, first, first+blocks)
	}
	return p
}

func (v *verification) check(ctx context.Context, p page) error {
	next := p.span.From
	v.reread = false
	for i := range p.sealed {
		s := &p.sealed[i]
		if s.Index != next {
			v.gap(next, s.Index)
		}
		next = s.Index + 1
		actual, err := v.checkOne(ctx, s, p.leaves[i], p.errs[i])
		if err != nil {
			return err
		}
		v.add(s.Leaf, actual)
		if err := v.mark(ctx, next); err != nil {
			return err
		}
	}
	if next != p.span.To {
		v.gap(next, p.span.To)
	}
	return v.nodes(p)
}

func (v *verification) add(stored, actual Hash) {
	if !v.parted && stored != actual {
		v.parted, v.actual = true, frontier{size: v.stored.size, roots: slices.Clone(v.stored.roots)}
	}
	if v.stored.add(stored); v.stored.size%tileWidth == 0 {
		v.blocks = append(v.blocks, v.stored.block)
	}
	if v.parted {
		v.actual.add(actual)
	}
}

func (v *verification) fault(f Fault) { v.report.Faults = append(v.report.Faults, f) }

func (v *verification) gap(from, to int64) {
	v.fault(Fault{From: from, To: to, What: "their leaves are missing"})
	v.broken = true
}

// checkOne checks a record and returns the leaf that it gives; the stored one when it gives none.
func (v *verification) checkOne(ctx context.Context, s *Sealed, leaf Hash, failed error) (Hash, error) {
	at := Fault{From: s.Index, To: s.Index + 1, Ref: s.Ref}
	switch {
	case s.Entry == nil:
		dropped, err := v.wasDropped(ctx, s.Ref)
		if dropped {
			v.report.Dropped++
		} else if err == nil {
			at.What = "it is missing"
			v.fault(at)
		}
		return s.Leaf, err
	case failed != nil:
		at.What = failed.Error()
		v.fault(at)
		return s.Leaf, nil
	}
	v.report.Checked++
	if leaf != s.Leaf {
		at.What = "it is not what was sealed"
		v.fault(at)
	}
	if len(s.Entry.Redacted) == 0 && s.Entry.RedactedBy == "" {
		return leaf, nil
	}
	v.report.Redacted++
	err := v.checkRedaction(ctx, s.Entry)
	if errors.Is(err, ErrTampered) {
		at.What = err.Error()
		v.fault(at)
		err = nil
	}
	return leaf, err
}

// checkRedaction looks for the record that tells of a redaction.
func (v *verification) checkRedaction(ctx context.Context, e *Entry) error {
	ref := Ref{Tenant: e.Tenant, ID: e.RedactedBy}
	record, ok := v.told[ref]
	if !ok {
		found, err := v.log.Get(ctx, ref)
		if errors.Is(err, ErrUnknownRecord) {
			return fmt.Errorf("%w: record %s was redacted, and no record says so", ErrTampered, e.ID)
		}
		if err != nil {
			return err
		}
		if len(v.told) >= 100 {
			clear(v.told)
		}
		record, v.told[ref] = &found, &found
	}
	return redactionOf(e, record)
}

// droppedMonths returns what records say of retention.
func (v *verification) droppedMonths(ctx context.Context) ([]Dropped, error) {
	var months []Dropped
	for e, err := range v.log.All(ctx, Query{Action: ActionDropped, OldestFirst: true}) {
		if err != nil {
			return nil, err
		}
		if d, ok := parseDropped(&e); ok {
			months = append(months, d)
		}
	}
	return months, nil
}

// wasDropped says whether retention let go of a record: by now, since it may do so while a page is read.
func (v *verification) wasDropped(ctx context.Context, ref Ref) (bool, error) {
	at := idTime(ref.ID)
	within := func(d Dropped) bool { return !at.Before(d.From) && at.Before(d.To) }
	if slices.ContainsFunc(v.months, within) || v.reread {
		return slices.ContainsFunc(v.months, within), nil
	}
	var err error
	v.months, err = v.droppedMonths(ctx)
	v.reread = err == nil
	return slices.ContainsFunc(v.months, within), err
}

// strays looks for entries that were put in behind the sealing.
func (v *verification) strays(ctx context.Context) error {
	i, ok := v.store.(Inspector)
	if !ok {
		return nil
	}
	found, err := i.Strays(ctx, maxFaults)
	for _, ref := range found {
		v.fault(Fault{From: -1, To: -1, Ref: ref, What: "it was put in behind the sealing"})
	}
	return err
}
