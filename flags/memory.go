package flags

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/transbotai/tenon/internal/tell"

	"github.com/transbotai/tenon"
)

// MemoryOptions of a [MemoryStore]. The zero value of each field has the documented meaning.
type MemoryOptions struct {
	// Recorder is told of every change; its error undoes the write. Nil: nobody is told.
	Recorder tenon.Recorder
	// Notifier is told of rollbacks; its error undoes the write. Nil: nobody is told.
	Notifier tenon.Notifier
}

// MemoryStore keeps flags in memory: the readable specification of a [Store], and what tests use.
type MemoryStore struct {
	options MemoryOptions

	mu       sync.Mutex
	revision int64
	versions map[recordKey][]Record // oldest first
	marks    map[markKey]Mark
	watchers map[*watcher]struct{}
}

type recordKey struct {
	kind Kind
	key  string
}

type markKey struct{ flag, variant string }

type watcher struct{ changed func(int64) }

var (
	_ Store   = (*MemoryStore)(nil)
	_ Watcher = (*MemoryStore)(nil)
)

// NewMemoryStore returns an empty store.
func NewMemoryStore(opts *MemoryOptions) *MemoryStore {
	m := &MemoryStore{
		versions: map[recordKey][]Record{}, marks: map[markKey]Mark{}, watchers: map[*watcher]struct{}{},
	}
	if opts != nil {
		m.options = *opts
	}
	return m
}

// Load implements [Store].
func (m *MemoryStore) Load(ctx context.Context, since int64) (Update, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := Update{Revision: m.revision}
	for _, versions := range m.versions {
		if newest := versions[len(versions)-1]; newest.Revision > since {
			u.Records = append(u.Records, newest.clone())
		}
	}
	slices.SortFunc(u.Records, func(a, b Record) int {
		return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Key, b.Key))
	})
	return u, ctx.Err()
}

// Write implements [Store]. The recorder and the notifier are called while the store is locked, as in a transaction:
// they must not call it.
func (m *MemoryStore) Write(ctx context.Context, w Write) (int64, error) {
	revision, watchers, err := m.write(ctx, w)
	for _, changed := range watchers {
		changed(revision)
	}
	return revision, err
}

func (m *MemoryStore) write(ctx context.Context, w Write) (int64, []func(int64), error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, nil, err
	}
	if w.Base != m.revision {
		return 0, nil, ErrBehind
	}
	if err := m.tell(ctx, w); err != nil {
		return 0, nil, err
	}
	m.revision++
	for _, r := range w.Records {
		r = r.clone()
		r.Revision = m.revision
		key := recordKey{r.Kind, r.Key}
		m.versions[key] = append(m.versions[key], r)
	}
	var watchers []func(int64)
	for one := range m.watchers {
		watchers = append(watchers, one.changed)
	}
	return m.revision, watchers, nil
}

// tell hands over what is to be told. In Postgres it is undone with the rest.
func (m *MemoryStore) tell(ctx context.Context, w Write) error {
	return tell.Host(ctx, m.options.Recorder, m.options.Notifier, w.Changes, w.Notifications)
}

// Versions implements [Store].
func (m *MemoryStore) Versions(ctx context.Context, q VersionQuery) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Record
	for _, r := range slices.Backward(m.versions[recordKey{q.Kind, q.Key}]) {
		if len(found) == q.Limit {
			break
		}
		if q.Before == 0 || r.Version < q.Before {
			found = append(found, r.clone())
		}
	}
	return found, ctx.Err()
}

// Mark implements [Store].
func (m *MemoryStore) Mark(ctx context.Context, marks []Mark) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, mark := range marks {
		key := markKey{mark.Flag, mark.Variant}
		if known, ok := m.marks[key]; !ok || mark.Seen.After(known.Seen) {
			m.marks[key] = mark
		}
	}
	return nil
}

// Marks implements [Store].
func (m *MemoryStore) Marks(ctx context.Context) ([]Mark, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Mark
	for _, mark := range m.marks {
		all = append(all, mark)
	}
	slices.SortFunc(all, func(a, b Mark) int {
		return cmp.Or(strings.Compare(a.Flag, b.Flag), strings.Compare(a.Variant, b.Variant))
	})
	return all, ctx.Err()
}

// Watch implements [Watcher].
func (m *MemoryStore) Watch(changed func(revision int64)) (cancel func()) {
	one := &watcher{changed}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watchers[one] = struct{}{}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.watchers, one)
	}
}

// clone returns a copy whose Body is its own.
func (r Record) clone() Record {
	r.Body = json.RawMessage(slices.Clone(r.Body))
	return r
}
