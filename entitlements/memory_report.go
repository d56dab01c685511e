package entitlements

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Usage implements [Reporter].
func (s *MemoryStore) Usage(_ context.Context, q UsageQuery) ([]Bucket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := slices.Clone(s.tenant(q.Tenant).account(q.Feature).events)
	slices.SortStableFunc(events, func(a, b Event) int {
		return cmp.Or(a.OccurredAt.Compare(b.OccurredAt), cmp.Compare(a.ID, b.ID))
	})
	var filled []Bucket
	for _, b := range q.Buckets() {
		within := slices.DeleteFunc(slices.Clone(events), func(e Event) bool {
			return e.OccurredAt.Before(b.Start) || !e.OccurredAt.Before(b.End)
		})
		if len(within) > 0 {
			b.Value = q.aggregate(within)
			filled = append(filled, b)
		}
	}
	return filled, nil
}

// aggregate sums all events; the other aggregations leave out what was taken back and what took it back.
func (q UsageQuery) aggregate(events []Event) (value int64) {
	if q.Aggregation == Sum {
		for _, e := range events {
			value += e.Quantity
		}
		return value
	}
	gone := map[string]bool{}
	for _, e := range events {
		if e.Corrects != "" {
			gone[e.ID], gone[e.Corrects] = true, true
		}
	}
	events = slices.DeleteFunc(events, func(e Event) bool { return gone[e.ID] })
	switch q.Aggregation {
	case Count:
		return int64(len(events))
	case Unique:
		return unique(events, q.Property)
	case Max:
		for _, e := range events {
			value = max(value, e.Quantity)
		}
	case Latest:
		if len(events) > 0 {
			value = events[len(events)-1].Quantity
		}
	}
	return value
}

func unique(events []Event, property string) int64 {
	seen := map[string]bool{}
	for _, e := range events {
		var values map[string]json.RawMessage
		if len(e.Metadata) == 0 || json.Unmarshal(e.Metadata, &values) != nil {
			continue
		}
		if v, ok := values[property]; ok && string(v) != "null" {
			seen[string(v)] = true
		}
	}
	return int64(len(seen))
}

// History implements [Reporter].
func (s *MemoryStore) History(_ context.Context, tenant string) ([]Spell, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tenant(tenant).spells), nil
}

// Holds implements [Reporter].
func (s *MemoryStore) Holds(_ context.Context, tenant, feature string, now time.Time) ([]StoredHold, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var open []StoredHold
	for _, h := range s.tenant(tenant).account(feature).open {
		if now.Before(h.ExpiresAt) {
			open = append(open, h)
		}
	}
	slices.SortFunc(open, func(a, b StoredHold) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	return open, nil
}

// Reconcile implements [Reporter].
func (s *MemoryStore) Reconcile(_ context.Context, tenant string, repair bool) ([]Drift, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var drifts []Drift
	for _, id := range slices.Sorted(maps.Keys(s.tenants)) {
		if tenant == "" || tenant == id {
			drifts = append(drifts, s.tenants[id].reconcile(repair)...)
		}
	}
	return drifts, nil
}

func (t *memoryTenant) reconcile(repair bool) (drifts []Drift) {
	note := func(feature, what string, stored *int64, counted int64) {
		if *stored == counted {
			return
		}
		drifts = append(drifts, Drift{Tenant: t.rights.Tenant, Feature: feature, What: what, Stored: *stored, Counted: counted})
		if repair {
			*stored = counted
		}
	}
	for _, feature := range slices.Sorted(maps.Keys(t.accounts)) {
		m := t.accounts[feature]
		for i := range m.counters {
			c := &m.counters[i]
			real := Counter{CounterKey: c.CounterKey, End: c.End}
			m.count(&real)
			note(feature, c.CounterKey.String()+" used", &c.Used, real.Used)
			note(feature, c.CounterKey.String()+" held", &c.Held, real.Held)
			note(feature, c.CounterKey.String()+" granted", &c.Granted, real.Granted)
		}
	}
	for i := range t.rights.Grants {
		g := &t.rights.Grants[i]
		used, held := t.draws(g)
		note(g.Feature, "grant "+g.ID+" used", &g.Used, used)
		note(g.Feature, "grant "+g.ID+" held", &g.Held, held)
	}
	return drifts
}

// draws counts what events and open holds drew from g.
func (t *memoryTenant) draws(g *Grant) (used, held int64) {
	m := t.account(g.Feature)
	of := func(draws []Draw) (n int64) {
		for _, d := range draws {
			if d.Grant == g.ID {
				n += d.Quantity
			}
		}
		return n
	}
	for _, e := range m.events {
		used += of(e.Draws)
	}
	for _, h := range m.open {
		held += of(h.Draws)
	}
	return used, held
}

// String names the counter: "month 2026-03-01T00:00:00Z".
func (k CounterKey) String() string { return k.Period.String() + " " + k.Start.Format(time.RFC3339) }

// Retell returns a history in which everything from the first of next on is next. A line that repeats the one before
// it is left out.
func Retell(history, next []Spell) []Spell {
	kept := slices.DeleteFunc(slices.Clone(history), func(s Spell) bool { return !s.From.Before(next[0].From) })
	for _, s := range next {
		if n := len(kept); n > 0 && kept[n-1].Plan == s.Plan && kept[n-1].Version == s.Version && kept[n-1].Status == s.Status {
			continue
		}
		kept = append(kept, s)
	}
	return kept
}
