package directory

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// Query is a [Search] as a [Store] answers it.
type Query struct {
	ID string // this entry alone; empty: any
	// HasText says that something was asked for in words; with it and without Words nothing is found.
	HasText  bool
	Words    []Word
	Services []string
	Regions  []string
	Facets   []Facet
	Sort     Sort
	After    *Position // nil: from the beginning
	Limit    int
	Now      time.Time
}

// Position is where a page begins: after the entry that had it.
type Position struct {
	Level    int    `json:"l,omitempty"` // of [ByRelevance]
	Standing int64  `json:"s,omitempty"` // of [ByRelevance]; of [ByFresh] without the verification
	Name     string `json:"n,omitempty"` // of [ByName]
	ID       string `json:"i"`
}

// Entry is what of a partner can be found.
type Entry struct {
	ID           string
	Name         string
	Description  string
	Services     []string
	Regions      []string
	Contact      string // empty where the partner does not show it
	Website      string
	Language     string
	VerifiedAt   time.Time // zero: nobody did
	FreshAt      time.Time
	VisibleUntil time.Time // zero: no end
}

// Entry returns what of p can be found, and false when that is nothing.
func (p *Partner) Entry() (Entry, bool) {
	if !p.Listed() {
		return Entry{}, false
	}
	f := p.Published.clone()
	e := Entry{
		ID: p.ID, Name: f.Name, Description: f.Description, Services: f.Services, Regions: f.Regions, Language: f.Language,
		VerifiedAt: p.VerifiedAt, FreshAt: p.FreshAt, VisibleUntil: p.VisibleUntil,
	}
	if f.ShowContact {
		e.Contact, e.Website = f.Contact, f.Website
	}
	return e, true
}

// Verified says whether somebody verified the partner.
func (e *Entry) Verified() bool { return !e.VerifiedAt.IsZero() }

// Standing orders entries of the same relevance, the higher the better: verified before not, then fresh before stale.
func (e *Entry) Standing() int64 {
	s := e.FreshAt.UnixMicro()
	if e.Verified() {
		s += verifiedFirst
	}
	return s
}

// verifiedFirst is more than the microseconds since 1970 of any time before the year 9999.
const verifiedFirst = 1 << 60

// SortName is what [ByName] orders by, byte by byte.
func (e *Entry) SortName() string { return strings.Join(tokens(e.Name), " ") }

// Visible says whether the public may see e at an instant.
func (e *Entry) Visible(now time.Time) bool {
	return e.VisibleUntil.IsZero() || now.Before(e.VisibleUntil)
}

// Found is what a [Store] found.
type Found struct {
	Entries []Entry
	Facets  map[Facet][]FacetCount // most frequent first, then by value
}

// Match says whether an entry answers q, and how well: the lower the level the better.
func (q *Query) Match(e *Entry) (level int, ok bool) {
	switch {
	case !e.Visible(q.Now) || q.ID != "" && q.ID != e.ID || q.HasText && len(q.Words) == 0:
		return 0, false
	case !containsAll(e.Services, q.Services) || !containsAll(e.Regions, q.Regions):
		return 0, false
	}
	return q.level(e.Terms())
}

// level is that of the word that is found worst.
func (q *Query) level(terms []Term) (level int, ok bool) {
	for _, w := range q.Words {
		best, found := 0, false
		for _, t := range terms {
			if l, ok := w.Level(t); ok && (!found || l < best) {
				best, found = l, true
			}
		}
		if !found {
			return 0, false
		}
		level = max(level, best)
	}
	return level, true
}

func containsAll(have, want []string) bool {
	return !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(have, w) })
}

// position returns where e stands in the order of q.
func (q *Query) position(e Entry) Position {
	p := Position{ID: e.ID}
	switch q.Sort {
	case ByName:
		p.Name = e.SortName()
	case ByFresh:
		p.Standing = e.FreshAt.UnixMicro()
	default:
		p.Standing = e.Standing()
		if len(q.Words) > 0 {
			p.Level, _ = q.level(e.Terms())
		}
	}
	return p
}

// Before says whether p comes before o in the order of q.
func (q *Query) Before(p, o Position) bool { return p.compare(o) < 0 }

func (p Position) compare(o Position) int {
	return cmp.Or(
		cmp.Compare(p.Level, o.Level), cmp.Compare(o.Standing, p.Standing), strings.Compare(p.Name, o.Name),
		strings.Compare(p.ID, o.ID))
}

// Answer is the specification of [Store.Search], over every entry that there is.
func (q *Query) Answer(entries []Entry) *Found {
	type placed struct {
		Position
		Entry
	}
	var all []placed
	found := &Found{Facets: map[Facet][]FacetCount{}}
	counts := map[Facet]map[string]int64{}
	for _, e := range entries {
		if _, ok := q.Match(&e); !ok {
			continue
		}
		for _, f := range q.Facets {
			count(counts, f, e)
		}
		if p := q.position(e); q.After == nil || q.Before(*q.After, p) {
			all = append(all, placed{p, e})
		}
	}
	slices.SortFunc(all, func(a, b placed) int { return a.compare(b.Position) })
	for _, one := range all[:min(len(all), q.Limit)] {
		found.Entries = append(found.Entries, one.Entry)
	}
	for _, f := range q.Facets {
		found.Facets[f] = ranked(counts[f])
	}
	return found
}

func count(counts map[Facet]map[string]int64, f Facet, e Entry) {
	if counts[f] == nil {
		counts[f] = map[string]int64{}
	}
	values := map[Facet][]string{
		FacetServices: e.Services, FacetRegions: e.Regions, FacetVerified: {fmt.Sprint(e.Verified())},
	}[f]
	for _, v := range values {
		counts[f][v]++
	}
}

// ranked returns the most frequent values.
func ranked(counts map[string]int64) []FacetCount {
	var all []FacetCount
	for v, n := range counts {
		all = append(all, FacetCount{v, n})
	}
	slices.SortFunc(all, func(a, b FacetCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
	return all[:min(len(all), maxFacet)]
}

// fingerprint tells searches apart, so that a cursor serves the one that it was made for.
func (q *Query) fingerprint() uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%q %q %q %t", q.Services, q.Regions, q.Sort, q.HasText)
	for _, w := range q.Words {
		fmt.Fprintf(h, " %q", w.Text)
	}
	return h.Sum64()
}
