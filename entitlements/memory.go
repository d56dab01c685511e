package entitlements

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/transbotai/tenon/internal/tell"

	"github.com/transbotai/tenon"
)

// MemoryOptions of a [MemoryStore].
type MemoryOptions struct {
	Notifier tenon.Notifier // is told of thresholds; its error undoes the operation. Nil: nobody is
	Recorder tenon.Recorder // is told of changes; its error undoes the change. Nil: nobody is
}

// MemoryStore is a [Store] in memory: the readable specification of what a store does, and a store for tests. It
// forgets everything with the process and keeps keys for ever.
type MemoryStore struct {
	options MemoryOptions

	mu       sync.Mutex
	versions *Versions
	tenants  map[string]*memoryTenant
	billing  memoryBilling
}

var (
	_ Store    = (*MemoryStore)(nil)
	_ Reporter = (*MemoryStore)(nil)
)

type memoryTenant struct {
	rights   *Rights
	spells   []Spell
	keys     map[string]memoryKey
	closed   map[string]StoredHold // by id
	accounts map[string]*memoryAccount
}

type memoryKey struct {
	KeyRecord
	feature string
}

type memoryAccount struct {
	counters []Counter
	open     []StoredHold
	alerts   map[Alert]bool
	events   []Event
}

// NewMemoryStore returns an empty store.
func NewMemoryStore(opts *MemoryOptions) *MemoryStore {
	s := &MemoryStore{versions: &Versions{}, tenants: map[string]*memoryTenant{}, billing: newMemoryBilling()}
	if opts != nil {
		s.options = *opts
	}
	return s
}

// Versions implements [Store].
func (s *MemoryStore) Versions(context.Context) (*Versions, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.versions, nil
}

// Declare implements [Store].
func (s *MemoryStore) Declare(ctx context.Context, c Catalog, now time.Time) (CatalogDiff, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, diff, err := s.versions.Apply(c)
	if err != nil {
		return nil, err
	}
	if err := s.record(ctx, diff.Changes(now)); err != nil {
		return nil, err
	}
	s.versions = next
	return diff, nil
}

func (s *MemoryStore) record(ctx context.Context, changes []tenon.Change) error {
	return tell.Host(ctx, s.options.Recorder, nil, changes, nil)
}

// tenant returns the tenant's data, which is made when it is first asked for.
func (s *MemoryStore) tenant(id string) *memoryTenant {
	t := s.tenants[id]
	if t == nil {
		t = &memoryTenant{
			rights: &Rights{Tenant: id}, keys: map[string]memoryKey{},
			closed: map[string]StoredHold{}, accounts: map[string]*memoryAccount{},
		}
		s.tenants[id] = t
	}
	return t
}

func (t *memoryTenant) account(feature string) *memoryAccount {
	a := t.accounts[feature]
	if a == nil {
		a = &memoryAccount{alerts: map[Alert]bool{}}
		t.accounts[feature] = a
	}
	return a
}

// Load implements [Store].
func (s *MemoryStore) Load(_ context.Context, tenants []string, now time.Time) ([]Standing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	standings := make([]Standing, len(tenants))
	for i, id := range tenants {
		t := s.tenant(id)
		standings[i] = Standing{Rights: t.rights.Clone(), Counters: map[string][]Counter{}}
		for feature, a := range t.accounts {
			for _, c := range a.counters {
				if c.covers(now) {
					standings[i].Counters[feature] = append(standings[i].Counters[feature], c)
				}
			}
			standings[i].Lapse(a.open, now)
		}
	}
	return standings, nil
}

// Change implements [Store].
func (s *MemoryStore) Change(ctx context.Context, tenant string, now time.Time, edit Edit) (*Rights, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.change(ctx, tenant, now, edit)
}

func (s *MemoryStore) change(ctx context.Context, tenant string, now time.Time, edit Edit) (*Rights, error) {
	t := s.tenant(tenant)
	next, err := t.rights.Edit(s.versions, now, edit, func(changes []tenon.Change) error { return s.record(ctx, changes) })
	if err != nil {
		return nil, err
	}
	if told := next.Told(t.rights, now); told != nil {
		t.spells = Retell(t.spells, told)
	}
	t.rights = next
	for feature, m := range t.accounts {
		m.begin(s.versions.Terms(next, feature, now).Windows(now))
	}
	return next.Clone(), nil
}

// Settle implements [Store].
func (s *MemoryStore) Settle(ctx context.Context, ops []Op) ([]Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	outcomes := make([]Outcome, len(ops))
	for i, op := range ops {
		outcomes[i] = s.settle(ctx, op)
	}
	return outcomes, nil
}

func (s *MemoryStore) settle(ctx context.Context, op Op) Outcome {
	t := s.tenant(op.Use.Tenant)
	op = op.NotBefore(t.rights)
	feature, err := t.feature(op)
	if err != nil {
		return Outcome{Err: err}
	}
	m := t.account(feature)
	a := s.load(t, m, feature, op)
	o := a.Settle(op)
	if o.Err != nil {
		return o
	}
	if err := s.notify(ctx, a); err != nil {
		return Outcome{Err: err}
	}
	t.save(m, a)
	return o
}

// feature returns what the operation is about: a hold or a key says it too.
func (t *memoryTenant) feature(op Op) (string, error) {
	switch op.Kind {
	case OpCommit, OpRelease:
		return t.featureOfHold(op.Hold)
	case OpCorrect:
		k, ok := t.keys[op.Use.Key]
		if !ok {
			return "", ErrUnknownKey
		}
		return k.feature, nil
	}
	return op.Use.Feature, nil
}

func (t *memoryTenant) featureOfHold(id string) (string, error) {
	if h, ok := t.closed[id]; ok {
		return h.Feature, nil
	}
	for feature, a := range t.accounts {
		if slices.ContainsFunc(a.open, func(h StoredHold) bool { return h.ID == id }) {
			return feature, nil
		}
	}
	return "", ErrUnknownHold
}

// load copies what op touches into an account.
func (s *MemoryStore) load(t *memoryTenant, m *memoryAccount, feature string, op Op) *Account {
	a := &Account{
		Tenant: t.rights.Tenant, Terms: s.versions.Terms(t.rights, feature, op.Now),
		Alerts: maps.Clone(m.alerts), Keys: map[string]*KeyRecord{}, Originals: map[string][]*Event{},
	}
	for _, g := range t.rights.Grants {
		if g.Feature == feature {
			a.Grants = append(a.Grants, &g)
		}
	}
	for _, h := range m.open {
		a.Holds = append(a.Holds, &h)
	}
	for _, c := range m.counters {
		a.Counters = append(a.Counters, &c)
	}
	t.loadKey(a, m, op)
	for _, at := range a.touched(op) {
		for _, w := range a.Terms.Windows(at) {
			if a.counter(w.CounterKey) == nil {
				m.count(&w)
				a.Counters = append(a.Counters, &w)
			}
		}
	}
	return a
}

// touched returns the instants whose counters op may look at or change.
func (a *Account) touched(op Op) []time.Time {
	instants := []time.Time{op.At, op.Now}
	if h := a.hold(op.Hold); h != nil {
		instants = append(instants, h.CreatedAt)
	}
	for _, original := range a.Originals[op.Use.Key] {
		instants = append(instants, original.OccurredAt)
	}
	return instants
}

func (t *memoryTenant) loadKey(a *Account, m *memoryAccount, op Op) {
	if h, ok := t.closed[op.Hold]; ok {
		a.Holds = append(a.Holds, &h)
	}
	k, ok := t.keys[op.Use.Key]
	if !ok {
		return
	}
	a.Keys[op.Use.Key] = &k.KeyRecord
	ids := []string{k.ID}
	if h, ok := t.closed[k.ID]; ok {
		a.Holds = append(a.Holds, &h)
		ids = append(ids, h.Extra)
	}
	for _, e := range m.events {
		if slices.Contains(ids, e.ID) {
			a.Originals[op.Use.Key] = append(a.Originals[op.Use.Key], &e)
		}
	}
}

// begin adds the counters that the windows lack.
func (m *memoryAccount) begin(windows []Counter) {
	for _, w := range windows {
		if !slices.ContainsFunc(m.counters, func(c Counter) bool { return c.Period == w.Period && c.Start.Equal(w.Start) }) {
			m.count(&w)
			m.counters = append(m.counters, w)
		}
	}
}

// count makes a counter from the events and the open holds.
func (m *memoryAccount) count(c *Counter) {
	for _, e := range m.events {
		if c.covers(e.OccurredAt) {
			c.Used += e.Quantity
			c.Granted += drawn(e.Draws)
		}
	}
	for _, h := range m.open {
		if c.covers(h.CreatedAt) {
			c.Held += h.Quantity
			c.Granted += drawn(h.Draws)
		}
	}
}

func drawn(draws []Draw) (n int64) {
	for _, d := range draws {
		n += d.Quantity
	}
	return n
}

func (s *MemoryStore) notify(ctx context.Context, a *Account) error {
	var news []tenon.Notification
	for _, c := range a.Effects.Alerts {
		news = append(news, c.Notification(a.Tenant, a.Terms.Feature))
	}
	return tell.News(ctx, s.options.Notifier, news)
}

// save writes an account back.
func (t *memoryTenant) save(m *memoryAccount, a *Account) {
	m.counters, m.open, m.alerts = nil, nil, a.Alerts
	for _, c := range a.Counters {
		m.counters = append(m.counters, *c)
	}
	for _, h := range a.Holds {
		if h.State == HoldOpen {
			m.open = append(m.open, *h)
		} else {
			t.closed[h.ID] = *h
		}
	}
	for _, g := range a.Grants {
		i := slices.IndexFunc(t.rights.Grants, func(have Grant) bool { return have.ID == g.ID })
		t.rights.Grants[i] = *g
	}
	for _, originals := range a.Originals {
		for _, e := range originals {
			i := slices.IndexFunc(m.events, func(have Event) bool { return have.ID == e.ID })
			m.events[i] = *e
		}
	}
	m.events = append(m.events, a.Effects.Events...)
	for key, k := range a.Keys {
		t.keys[key] = memoryKey{KeyRecord: *k, feature: a.Terms.Feature}
	}
}
