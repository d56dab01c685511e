package entitlements

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// CatalogChange is one line of what applying a catalogue changes.
type CatalogChange struct {
	What string // "feature/rates", "plan/pro", "addon/seats"
	How  string // "added", "changed", "new version 2", "retired", "taken up again"
}

// CatalogDiff is what applying a catalogue changes, or has changed. Empty means that nothing differs.
type CatalogDiff []CatalogChange

// String returns a line for each change.
func (d CatalogDiff) String() string {
	var b strings.Builder
	for _, c := range d {
		b.WriteString(c.What + ": " + c.How + "\n")
	}
	return b.String()
}

// Apply returns the catalogue that results when c is declared over v, and what differs. v is not changed. What c no
// longer names stays stored: a plan or add-on without new subscribers, a feature for the versions that grant it.
// A feature of another kind than the stored one gives [ErrKindChanged].
func (v *Versions) Apply(c Catalog) (*Versions, CatalogDiff, error) {
	if err := c.Validate(); err != nil {
		return nil, nil, err
	}
	c = c.clone()
	next := &Versions{Revision: v.Revision + 1, Features: maps.Clone(v.Features), Plans: maps.Clone(v.Plans), AddOns: maps.Clone(v.AddOns)}
	next.fill()
	var diff CatalogDiff
	for _, f := range c.Features {
		old, ok := next.Features[f.Key]
		switch {
		case !ok:
			diff = append(diff, CatalogChange{"feature/" + f.Key, "added"})
		case old.Kind != f.Kind:
			return nil, nil, ErrKindChanged
		case !same(old, f):
			diff = append(diff, CatalogChange{"feature/" + f.Key, "changed"})
		}
		next.Features[f.Key] = f
	}
	diff = append(diff, declare(next.Plans, c.Plans, planForm)...)
	diff = append(diff, declare(next.AddOns, c.addOnsInOrder(), next.addOnForm())...)
	if len(diff) == 0 {
		return v, nil, nil
	}
	return next, diff, nil
}

func (v *Versions) fill() {
	if v.Features == nil {
		v.Features = map[string]Feature{}
	}
	if v.Plans == nil {
		v.Plans = map[string][]Plan{}
	}
	if v.AddOns == nil {
		v.AddOns = map[string][]AddOn{}
	}
}

// form tells [declare] how a plan or an add-on is named and versioned.
type form[T any] struct {
	kind     string
	id       func(T) string
	inactive func(T) bool
	with     func(T, int, bool) T // the same content with another version and activity
	version  func(T) int
	complete func(T) T // what the store gives beside the version
}

var planForm = form[Plan]{
	kind: "plan/", id: func(p Plan) string { return p.ID },
	inactive: func(p Plan) bool { return p.Inactive },
	version:  func(p Plan) int { return p.Version },
	with:     func(p Plan, version int, inactive bool) Plan { p.Version, p.Inactive = version, inactive; return p },
	complete: func(p Plan) Plan { return p },
}

// addOnForm pins what an add-on includes to the versions that were just declared, so that a version never changes by
// another add-on's change. It relies on [Catalog.addOnsInOrder].
func (v *Versions) addOnForm() form[AddOn] {
	return form[AddOn]{
		kind: "addon/", id: func(a AddOn) string { return a.ID },
		inactive: func(a AddOn) bool { return a.Inactive },
		version:  func(a AddOn) int { return a.Version },
		with:     func(a AddOn, version int, inactive bool) AddOn { a.Version, a.Inactive = version, inactive; return a },
		complete: func(a AddOn) AddOn {
			a.Pinned = nil
			for _, id := range a.Includes {
				if a.Pinned == nil {
					a.Pinned = map[string]int{}
				}
				included, _ := v.AddOn(id, 0)
				a.Pinned[id] = included.Version
			}
			return a
		},
	}
}

// addOnsInOrder returns the add-ons with what they include before them.
func (c Catalog) addOnsInOrder() []AddOn {
	byID := map[string]AddOn{}
	for _, a := range c.AddOns {
		byID[a.ID] = a
	}
	var ordered []AddOn
	placed := map[string]bool{}
	var place func(a AddOn)
	place = func(a AddOn) {
		if placed[a.ID] {
			return
		}
		placed[a.ID] = true
		for _, id := range a.Includes {
			place(byID[id])
		}
		ordered = append(ordered, a)
	}
	for _, a := range c.AddOns {
		place(a)
	}
	return ordered
}

// declare lays the declared items over the stored versions. Whether an item takes subscribers is not part of a
// version: it is kept on the newest one.
func declare[T any](stored map[string][]T, declared []T, f form[T]) CatalogDiff {
	var diff CatalogDiff
	named := map[string]bool{}
	for _, item := range declared {
		item, id := f.complete(item), f.id(item)
		named[id] = true
		versions := stored[id]
		if len(versions) == 0 {
			stored[id] = []T{f.with(item, 1, f.inactive(item))}
			diff = append(diff, CatalogChange{f.kind + id, "added"})
			continue
		}
		newest := versions[len(versions)-1]
		if !same(f.with(newest, 0, false), f.with(item, 0, false)) {
			version := f.version(newest) + 1
			stored[id] = append(slices.Clip(versions), f.with(item, version, f.inactive(item)))
			diff = append(diff, CatalogChange{f.kind + id, "new version " + strconv.Itoa(version)})
		} else if f.inactive(newest) != f.inactive(item) {
			diff = append(diff, f.activity(stored, id, f.inactive(item)))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(stored)) {
		if versions := stored[id]; !named[id] && !f.inactive(versions[len(versions)-1]) {
			diff = append(diff, f.activity(stored, id, true))
		}
	}
	return diff
}

func (f form[T]) activity(stored map[string][]T, id string, inactive bool) CatalogChange {
	versions := slices.Clone(stored[id])
	newest := len(versions) - 1
	versions[newest] = f.with(versions[newest], f.version(versions[newest]), inactive)
	stored[id] = versions
	if inactive {
		return CatalogChange{f.kind + id, "retired"}
	}
	return CatalogChange{f.kind + id, "taken up again"}
}

// clone returns a copy that shares nothing with c, in the form in which stores keep it.
func (c Catalog) clone() (copied Catalog) {
	b, err := json.Marshal(c)
	if err == nil {
		err = json.Unmarshal(b, &copied)
	}
	if err != nil {
		panic("entitlements: a valid catalogue cannot be encoded: " + err.Error())
	}
	return copied
}

// same compares what is stored, which is JSON: an empty list and none are the same.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// Changes returns d for a [tenon.Recorder].
func (d CatalogDiff) Changes(at time.Time) []tenon.Change {
	changes := make([]tenon.Change, len(d))
	for i, c := range d {
		changes[i] = tenon.Change{Action: "entitlements.catalog_changed", Target: c.What, After: marshal(&c), At: at}
	}
	return changes
}
