package flags

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/transbotai/tenon"
)

// action is what an edit is called in the audit trail, and why it was made.
type action struct {
	name   string
	reason string
	notify func(r Record) tenon.Notification // nil: nobody is told
}

// errOlder says that a definition was made from an older version, which does no harm when it equals what is stored.
var errOlder = fmt.Errorf("%w", ErrConflict)

// maxReason bounds the words that go with a change.
const maxReason = 4096

// edit stores what next makes of the stored flag, nil where there is none, and returns it as it was stored. Next is
// called again when somebody else wrote meanwhile.
func (s *Set) edit(ctx context.Context, key string, a action, next func(old *Definition) (Definition, error)) (Definition, error) {
	var stored Definition
	err := s.write(ctx, a, func(st *state) ([]Record, error) {
		old, err := st.definition(key)
		if err != nil {
			return nil, err
		}
		d, err := next(old)
		if err != nil && !errors.Is(err, errOlder) {
			return nil, err
		}
		made, body, wrong := normal(d)
		if wrong != nil {
			return nil, wrong
		}
		if made.Key != key {
			return nil, prefix(tenon.Invalid("key", "must stay %q", key))
		}
		if stored = made; old != nil && st.same(key, body) {
			stored.Version = old.Version
			return nil, nil
		}
		stored.Version = st.next(KindFlag, key)
		return []Record{{Kind: KindFlag, Key: key, Body: body}}, err
	})
	if err != nil {
		return Definition{}, err
	}
	return stored, nil
}

// normal returns d as it will be read again, and the bytes.
func normal(d Definition) (Definition, json.RawMessage, error) {
	if d.Rollout != nil && d.Rollout.Ramp != nil {
		if err := d.Rollout.Ramp.check("rollout.ramp"); err != nil {
			return d, nil, prefix(err) // what a builder was told wrong is not in the JSON
		}
	}
	body, err := canonical(d)
	if err != nil {
		return d, nil, err
	}
	made, err := ParseDefinition(bytes.NewReader(body))
	return made, body, err
}

// definition returns a copy of the stored flag, nil when there is none. One that cannot be read may be written over.
func (st *state) definition(key string) (*Definition, error) {
	e, err := st.present(KindFlag, key)
	if errors.Is(err, ErrUnknownFlag) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d := Definition{Key: key}
	if e.flag != nil {
		d = e.flag.clone()
	}
	d.Version = e.record.Version
	return &d, nil
}

func version(d *Definition) int64 {
	if d == nil {
		return 0
	}
	return d.Version
}

// next returns the version that follows.
func (st *state) next(kind Kind, key string) int64 {
	if e := st.entries[recordKey{kind, key}]; e != nil {
		return e.record.Version + 1
	}
	return 1
}

// same says whether the stored body means the same.
func (st *state) same(key string, body json.RawMessage) bool {
	e := st.entries[recordKey{KindFlag, key}]
	if e == nil || e.flag == nil || e.fault != nil || e.record.Body == nil {
		return false
	}
	have, err := json.Marshal(e.flag)
	return err == nil && bytes.Equal(have, body)
}

// sameSegment says whether the stored body means the same.
func (e *entry) sameSegment(body json.RawMessage) bool {
	if e.segment == nil || e.fault != nil {
		return false
	}
	have, err := json.Marshal(e.segment)
	return err == nil && bytes.Equal(have, body)
}

// write stores the records that choose makes of the present state, in one transaction with the audit trail. Choose is
// called again when another writer got in between; no record means that there is nothing to do.
func (s *Set) write(ctx context.Context, a action, choose func(st *state) ([]Record, error)) error {
	if err := checkText("reason", a.reason, maxReason); err != nil {
		return prefix(err)
	}
	now, err := s.clock.Now(ctx, s.store)
	if err != nil {
		return err
	}
	for {
		w, err := s.plan(ctx, a, now, choose)
		if err != nil || len(w.Records) == 0 {
			return err
		}
		_, err = s.store.Write(ctx, w)
		if errors.Is(err, ErrBehind) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return err
		}
		if err := s.refresh(ctx); err != nil {
			s.options.Logger.Warn("flags written but not loaded again", "err", err)
		}
		return nil
	}
}

// plan brings the state up to date and makes the write.
func (s *Set) plan(ctx context.Context, a action, now time.Time, choose func(st *state) ([]Record, error)) (Write, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refreshLocked(ctx); err != nil {
		return Write{}, err
	}
	records, err := choose(&s.state)
	if err != nil || len(records) == 0 {
		return Write{}, err
	}
	if err := s.state.checkTogether(records); err != nil {
		return Write{}, prefix(err)
	}
	caller, _ := tenon.CallerFrom(ctx)
	w := Write{Base: s.state.revision}
	for _, r := range records {
		r.Version, r.By, r.Reason, r.At = s.state.next(r.Kind, r.Key), caller.Actor, a.reason, now
		w.Records = append(w.Records, r)
		w.Changes = append(w.Changes, s.state.change(a, r))
		if a.notify != nil {
			w.Notifications = append(w.Notifications, a.notify(r))
		}
	}
	return w, nil
}

// change is what the audit trail is told.
func (st *state) change(a action, r Record) tenon.Change {
	k := recordKey{r.Kind, r.Key}
	c := tenon.Change{Action: a.name, Target: k.String(), After: r.Body, Reason: a.reason, At: r.At}
	if e := st.entries[k]; e != nil {
		c.Before = e.record.Body
	}
	return c
}

func conflictUnless(err error) error {
	if err != nil {
		return nil
	}
	return ErrConflict
}
