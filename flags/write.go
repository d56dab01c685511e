package flags

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/transbotai/tenon"
)

// Put stores d as the next version of its flag, and returns it as it was stored. The version that d was made from is
// d.Version, 0 for a flag that is not there; when another is stored it returns [ErrConflict]. Reason says why, in the
// words of the [tenon.Caller] in ctx. A definition that is wrong is a [tenon.FieldError] with the path of the fault.
// What equals the stored version is not stored again.
func (s *Set) Put(ctx context.Context, d Definition, reason string) (Definition, error) {
	return s.edit(ctx, d.Key, action{name: "flags.changed", reason: reason}, func(old *Definition) (Definition, error) {
		if version(old) != d.Version {
			return d, errOlder
		}
		return d, nil
	})
}

// errThere says that what is declared is there.
var errThere = errors.New("the flag is there")

// Declare stores those of definitions whose key is not there, one after the other, and leaves the others as they are, also
// one that cannot be read. It may run in every process at its start. A prerequisite comes before the flag that names it.
func (s *Set) Declare(ctx context.Context, definitions ...Definition) error {
	for _, d := range definitions {
		_, err := s.edit(ctx, d.Key, action{name: "flags.declared", reason: "declared in code"}, func(old *Definition) (Definition, error) {
			if old != nil {
				return d, errThere
			}
			return d, nil
		})
		if err != nil && !errors.Is(err, errThere) {
			return err
		}
	}
	return nil
}

// Edit hands the stored flag to change, which changes it in place, and stores the result. It is called again when
// somebody else wrote meanwhile. A flag that is not there is [ErrUnknownFlag].
func (s *Set) Edit(ctx context.Context, key string, change func(d *Definition) error, reason string) (Definition, error) {
	return s.edit(ctx, key, action{name: "flags.changed", reason: reason}, existing(change))
}

// existing makes an edit of a change to a flag that must be there.
func existing(change func(d *Definition) error) func(*Definition) (Definition, error) {
	return func(old *Definition) (Definition, error) {
		if old == nil {
			return Definition{}, ErrUnknownFlag
		}
		d := *old
		err := change(&d)
		return d, err
	}
}

// SetDisabled turns the kill switch of a flag: everybody gets the default in the caller's code.
func (s *Set) SetDisabled(ctx context.Context, key string, disabled bool, reason string) (Definition, error) {
	return s.edit(ctx, key, action{name: "flags.switched", reason: reason}, existing(func(d *Definition) error {
		d.Disabled = disabled
		return nil
	}))
}

// Delete removes a flag whose stored version is this one. Its versions stay, and [Set.Revert] brings it back. A flag
// that is a prerequisite of another is [ErrInUse].
func (s *Set) Delete(ctx context.Context, key string, ofVersion int64, reason string) error {
	return s.write(ctx, action{name: "flags.deleted", reason: reason}, func(st *state) ([]Record, error) {
		e, err := st.present(KindFlag, key)
		if err != nil || e.record.Version != ofVersion {
			return nil, errors.Join(err, conflictUnless(err))
		}
		if user := st.userOfFlag(key); user != "" {
			return nil, inUse(user)
		}
		return []Record{{Kind: KindFlag, Key: key}}, nil
	})
}

// Revert stores what a flag was in an earlier version as its next version. A ramp that was running then is paused: a
// person calls [Set.Resume].
func (s *Set) Revert(ctx context.Context, key string, toVersion int64, reason string) (Definition, error) {
	records, err := s.store.Versions(ctx, VersionQuery{Kind: KindFlag, Key: key, Before: toVersion + 1, Limit: 1})
	if err != nil {
		return Definition{}, err
	}
	if len(records) == 0 || records[0].Version != toVersion || records[0].Body == nil {
		return Definition{}, ErrUnknownVersion
	}
	d, err := ParseDefinition(bytes.NewReader(records[0].Body))
	if err != nil {
		return Definition{}, err
	}
	if r := d.Rollout; r != nil && r.Ramp != nil && r.Ramp.state() == RampRunning {
		r.Ramp.State, r.Ramp.Note = RampPaused, "reverted to version "+decimal(toVersion)
	}
	return s.edit(ctx, key, action{name: "flags.reverted", reason: reason}, func(*Definition) (Definition, error) { return d, nil })
}

// PutSegment stores a segment, as [Set.Put] stores a flag.
func (s *Set) PutSegment(ctx context.Context, seg Segment, reason string) (Segment, error) {
	var stored Segment
	err := s.write(ctx, action{name: "flags.segment_changed", reason: reason}, func(st *state) ([]Record, error) {
		e, err := st.present(KindSegment, seg.Key)
		if err != nil && !errors.Is(err, tenon.ErrNotFound) {
			return nil, err
		}
		body, err := canonical(seg)
		if err != nil {
			return nil, err
		}
		stored = seg.clone()
		var have int64
		if e != nil {
			have = e.record.Version
			if stored.Version = have; e.sameSegment(body) {
				return nil, nil
			}
		}
		if have != seg.Version {
			return nil, ErrConflict
		}
		stored.Version = st.next(KindSegment, seg.Key)
		return []Record{{Kind: KindSegment, Key: seg.Key, Body: body}}, nil
	})
	if err != nil {
		return Segment{}, err
	}
	return stored, nil
}

// DeleteSegment removes a segment whose stored version is this one. One that is used is [ErrInUse].
func (s *Set) DeleteSegment(ctx context.Context, key string, ofVersion int64, reason string) error {
	return s.write(ctx, action{name: "flags.segment_deleted", reason: reason}, func(st *state) ([]Record, error) {
		e, err := st.present(KindSegment, key)
		if err != nil || e.record.Version != ofVersion {
			return nil, errors.Join(err, conflictUnless(err))
		}
		if user := st.userOfSegment(key); user != "" {
			return nil, inUse(user)
		}
		return []Record{{Kind: KindSegment, Key: key}}, nil
	})
}

// Flag returns the live definition of a flag.
func (s *Set) Flag(key string) (Definition, error) {
	c := s.live.Load().flags[key]
	if c == nil {
		return Definition{}, ErrUnknownFlag
	}
	return c.definition.clone(), nil
}

// Segment returns the live definition of a segment.
func (s *Set) Segment(key string) (Segment, error) {
	c := s.live.Load().segments[key]
	if c == nil {
		return Segment{}, ErrUnknownSegment
	}
	return c.segment.clone(), nil
}

// Flags returns the live definitions by key.
func (s *Set) Flags() []Definition {
	snap := s.live.Load()
	all := make([]Definition, 0, len(snap.flags))
	for _, key := range snap.keys() {
		all = append(all, snap.flags[key].definition.clone())
	}
	return all
}

// Segments returns the live segments by key.
func (s *Set) Segments() []Segment {
	snap := s.live.Load()
	all := make([]Segment, 0, len(snap.segments))
	for _, c := range snap.segments {
		all = append(all, c.segment.clone())
	}
	slices.SortFunc(all, func(a, b Segment) int { return strings.Compare(a.Key, b.Key) })
	return all
}

// Versions returns at most limit versions of a flag, newest first, below the version before; 0 means from the newest.
func (s *Set) Versions(ctx context.Context, key string, before int64, limit int) ([]Record, error) {
	if limit < 1 || limit > 1000 {
		return nil, prefix(tenon.Invalid("limit", "%d is not within 1 and 1000", limit))
	}
	if before < 0 {
		return nil, prefix(tenon.Invalid("before", "%d is below 0", before))
	}
	return s.store.Versions(ctx, VersionQuery{Kind: KindFlag, Key: key, Before: before, Limit: limit})
}

// canonical returns the JSON form, checked as if it came from outside.
func canonical(v any) (json.RawMessage, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, prefix(tenon.Invalid("definition", "%v", err))
	}
	return b, nil
}
