package entitlements

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// features are the features of a catalogue in order, where each stands, and what answers about each have in common.
type features struct {
	of     *Versions
	keys   []string
	index  index
	shared []known
}

func newFeatures(v *Versions) *features {
	keys := slices.Sorted(maps.Keys(v.Features))
	return &features{of: v, keys: keys, index: newIndex(keys), shared: make([]known, len(keys))}
}

// view is what is known of one tenant: an answer for each feature. Answers change as use goes on.
type view struct {
	tenant   string
	features *features
	answers  []slot
	used     atomic.Bool // since the last refresh
	idle     atomic.Bool // not used when the hand of the eviction last passed
	standing Standing
	loaded   time.Time // the store's time
}

// newView answers every feature of the catalogue from a standing.
func newView(s Standing, f *features, now time.Time) *view {
	w := &view{tenant: strings.Clone(s.Rights.Tenant), features: f, standing: s, loaded: now, answers: make([]slot, len(f.keys))}
	for i, key := range f.keys {
		d, until := s.answer(f.of, key, now)
		w.answers[i].first = f.shared[i].pack(d, now.UnixNano(), nanos(until))
	}
	return w
}

// slot returns where the feature's answer is, and what it shares with others; nil for an unknown feature.
func (w *view) slot(feature string) (*slot, *known) {
	i := w.features.index.find(feature)
	if i < 0 {
		return nil, nil
	}
	return &w.answers[i], &w.features.shared[i]
}

// expire makes every answer too old to serve, but for a feature whose policy falls back on what was last known.
func (w *view) expire() {
	for i := range w.answers {
		w.answers[i].change(func(a answer) (answer, bool) {
			was := a.stale()
			a.until = -a.lasts()
			return a, !was
		})
	}
}

// fresh says whether every answer may still serve.
func (w *view) fresh(now int64, maxAge time.Duration) bool {
	for i := range w.answers {
		if !w.answers[i].load().serves(now, maxAge) {
			return false
		}
	}
	return true
}

// stale says whether something changed since w was read.
func (w *view) stale() bool { return len(w.answers) > 0 && w.answers[0].load().stale() }

// touch marks w as used. It writes only when that changes something, so that readers share the cache line.
func (w *view) touch() {
	if !w.used.Load() {
		w.used.Store(true)
	}
	if w.idle.Load() {
		w.idle.Store(false)
	}
}

// answer decides a check of feature at now from the standing alone, and says until when that holds; zero: until
// something changes.
func (s Standing) answer(versions *Versions, feature string, now time.Time) (d Decision, until time.Time) {
	a := s.account(versions, feature, now)
	d, until = a.Check(now), a.Terms.Until
	for _, c := range a.Counters {
		until = earliest(until, c.End)
	}
	versions.advise(&d, 1)
	return d, until
}

// account is the part of a standing that decides about one feature. Counters that are not there are zero.
func (s Standing) account(versions *Versions, feature string, now time.Time) *Account {
	a := &Account{Tenant: s.Rights.Tenant, Terms: versions.Terms(s.Rights, feature, now)}
	windows := a.Terms.Windows(now)
	for i := range windows {
		for _, c := range s.Counters[feature] {
			if c.Period == windows[i].Period && c.Start.Equal(windows[i].Start) {
				windows[i] = c
			}
		}
		a.Counters = append(a.Counters, &windows[i])
		if a.Terms.Reason == ReasonAllowed {
			a.paired = append(a.paired, window{Limit: a.Terms.Limits[i], Counter: &windows[i]})
		}
	}
	a.pairedAt = now
	for i := range s.Rights.Grants {
		if g := s.Rights.Grants[i]; g.Feature == feature {
			a.Grants = append(a.Grants, &g)
		}
	}
	return a
}

// advise adds to a refusal that another plan would lift which one that is.
func (v *Versions) advise(d *Decision, quantity int64) {
	switch d.Reason {
	case ReasonNoPlan, ReasonNotInPlan, ReasonLimitReached:
		d.Upgrade = v.upgrade(*d, quantity)
	default:
		d.Upgrade = ""
	}
}

// upgrade returns the lowest plan, above or beside the present one, whose plain terms would allow what d refused.
func (v *Versions) upgrade(d Decision, quantity int64) string {
	present, _ := v.Plan(d.Plan, d.PlanVersion)
	for _, p := range v.PlansByTier() {
		if p.Tier < present.Tier || p.ID == d.Plan && p.Version == d.PlanVersion {
			continue
		}
		allowance, ok := p.Features[d.Feature]
		if !ok {
			continue
		}
		if allowance.allows(v.Features[d.Feature].Kind, d.Used+d.Held+max(quantity, 1)) {
			return p.ID
		}
	}
	return ""
}

func (a Allowance) allows(kind Kind, level int64) bool {
	if kind == Config {
		return true
	}
	for _, l := range a.Limits {
		w := window{Limit: l, Counter: &Counter{}}
		if kind == Boolean && l.Hard == 0 || kind != Boolean && w.room() < level {
			return false
		}
	}
	return true
}
