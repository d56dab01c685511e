package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// marks are the checkpoints that a verification passes, by size: the caller's and, in pages, those in the store.
type marks struct {
	anchored []Checkpoint
	notary   Notary
	verifier *Verifier
	stored   []Kept
	after    int64 // the size up to which stored ones were read
	more     bool
}

// newMarks returns the checkpoints to pass. Those in the store are looked at when the log has a signer, who tells whether
// they are its own.
func (v *verification) newMarks(anchored []Checkpoint) *marks {
	m := &marks{anchored: slices.Clone(anchored)}
	slices.SortFunc(m.anchored, func(a, b Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	if n, ok := v.store.(Notary); ok && v.log.options.Signer != nil {
		m.notary, m.verifier, m.more, m.after = n, v.log.options.Signer.Verifier(), true, -1
	}
	return m
}

// peek returns the next stored checkpoint.
func (m *marks) peek(ctx context.Context) (Kept, bool, error) {
	if len(m.stored) == 0 && m.more {
		var err error
		if m.stored, err = m.notary.Checkpoints(ctx, m.after, MaxLimit); err != nil {
			return Kept{}, false, err
		}
		m.more = len(m.stored) == MaxLimit
		if len(m.stored) > 0 {
			m.after = m.stored[len(m.stored)-1].Size
		}
	}
	if len(m.stored) == 0 {
		return Kept{}, false, nil
	}
	return m.stored[0], true, nil
}

// mark compares the tree of size leaves with the checkpoints of that size.
func (v *verification) mark(ctx context.Context, size int64) error {
	m := v.marks
	for len(m.anchored) > 0 && m.anchored[0].Size <= size {
		v.compareRoot(m.anchored[0])
		m.anchored = m.anchored[1:]
	}
	for {
		kept, ok, err := m.peek(ctx)
		if err != nil || !ok || kept.Size > size {
			return err
		}
		m.stored = m.stored[1:]
		c, err := ParseCheckpoint(kept.Note, m.verifier)
		if err == nil && (c.Size != kept.Size || c.Root != kept.Root || !c.At.Equal(kept.At)) {
			err = fmt.Errorf("%w: it says other than its note", ErrTampered)
		}
		if err != nil {
			v.fault(Fault{From: v.good, To: kept.Size, What: fmt.Sprintf("their stored checkpoint: %v", err)})
			continue
		}
		v.compareRoot(c)
	}
}

// compareRoot compares a checkpoint with the tree, which is as large. Either the leaves or the records may be what was
// changed, so one that agrees with either vouches for it.
func (v *verification) compareRoot(c Checkpoint) {
	if v.broken {
		return
	}
	if c.Size == v.stored.size && (c.Root == v.stored.root() || v.parted && c.Root == v.actual.root()) {
		v.good = c.Size
		v.report.Checkpoints++
		return
	}
	v.broken = true
	v.fault(Fault{From: v.good, To: c.Size, What: fmt.Sprintf("they were rewritten after the checkpoint of %s", c.At.Format("2006-01-02 15:04:05"))})
}

// beyond tells of checkpoints of more leaves than there are. The log may have grown since verifying began, and stored
// checkpoints with it.
func (v *verification) beyond(ctx context.Context, size int64) error {
	most := int64(0)
	if n := len(v.marks.anchored); n > 0 {
		most = v.marks.anchored[n-1].Size
	}
	var grown int64
	for {
		kept, ok, err := v.marks.peek(ctx)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if kept.Size > grown {
			head, err := v.store.Head(ctx)
			if err != nil {
				return err
			}
			grown = head.Size
		}
		if kept.Size > grown {
			most = max(most, kept.Size)
		}
		v.marks.stored = v.marks.stored[1:]
	}
	if most > size && len(v.report.Faults) < maxFaults {
		v.fault(Fault{From: size, To: most, What: "they were signed, and are missing"})
	}
	return nil
}

// parseDropped reads the payload of a record that tells of retention.
func parseDropped(e *Entry) (d Dropped, ok bool) {
	return d, json.Unmarshal(e.Payload, &d) == nil && d.Name != "" && d.To.Equal(d.From.AddDate(0, 1, 0))
}
