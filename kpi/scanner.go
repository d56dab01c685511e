package kpi

import (
	"slices"
	"time"
)

// Scanner counts a Unique, a Cohort or a Funnel from events: what [Store.Scan] answers. It is for stores. It keeps the
// events of one subject at a time.
type Scanner struct {
	query ScanQuery
	cells cells
	fits  []*matcher // by step: of a Unique one, of a Cohort Start and Convert, of a Funnel its steps, then exclusions

	who   who
	path  []Event // of the present subject
	seen  map[*Cell]bool
	walk  walk
	taken map[*Cell][]int64 // milliseconds of those who got to the end of a funnel
}

// NewScanner returns a scanner of q, whose Tenant it leaves to the caller.
func NewScanner(q ScanQuery) *Scanner {
	s := &Scanner{query: q, cells: newCells(q.Edges, q.Split), seen: map[*Cell]bool{}, taken: map[*Cell][]int64{}}
	for _, step := range q.steps() {
		s.fits = append(s.fits, newMatcher(step))
	}
	return s
}

// steps returns all steps of the query, in the order in which a Scanner has them.
func (q ScanQuery) steps() []Step {
	switch {
	case q.Unique != nil:
		return []Step{q.Unique.Of}
	case q.Cohort != nil:
		return []Step{q.Cohort.Start, q.Cohort.Convert}
	default:
		return slices.Concat(q.Funnel.Steps, q.Funnel.Exclude)
	}
}

// Subject returns whose paths the query follows.
func (q ScanQuery) Subject() Subject {
	switch {
	case q.Unique != nil:
		return q.Unique.Subject
	case q.Cohort != nil:
		return q.Cohort.Subject
	default:
		return q.Funnel.Subject
	}
}

func (q ScanQuery) breakdown() string {
	switch {
	case q.Unique != nil:
		return q.Unique.Breakdown
	case q.Cohort != nil:
		return q.Cohort.Breakdown
	default:
		return q.Funnel.Breakdown
	}
}

// Names returns the names of the events that the query needs to see, sorted.
func (q ScanQuery) Names() []string { return names(q.steps()) }

// Properties returns which properties of the events it needs to see, sorted.
func (q ScanQuery) Properties() []string {
	breakdown := q.breakdown()
	if !q.Split {
		breakdown = ""
	}
	return properties(q.steps(), breakdown, string(q.Subject()))
}

// Names returns the names of the events that fit m or its pair, sorted.
func (m Measure) Names() []string { return names(m.steps()) }

// Properties returns which properties of the events m needs to see, sorted.
func (m Measure) Properties() []string {
	subject := ""
	if m.Pair != nil {
		subject = string(m.Pair.Subject)
	}
	return properties(m.steps(), m.Breakdown, m.Property, subject)
}

func (m Measure) steps() []Step {
	if m.Pair == nil {
		return []Step{m.Of}
	}
	return []Step{m.Of, m.Pair.Convert}
}

func names(steps []Step) []string {
	var all []string
	for _, s := range steps {
		all = append(all, s.Events...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func properties(steps []Step, more ...string) []string {
	all := slices.DeleteFunc(more, func(p string) bool { return p == "" || p == string(Tenant) })
	for _, s := range steps {
		for _, f := range s.Where {
			all = append(all, f.Property)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Span returns between which instants, the second excluded, events matter to the query. A zero one is no bound.
func (q ScanQuery) Span() (from, to time.Time) {
	from, to = q.Edges[0], q.Edges[len(q.Edges)-1]
	switch {
	case q.Cohort != nil:
		return time.Time{}, to.Add(time.Duration(q.Cohort.Window)) // a subject may have started long before
	case q.Funnel != nil && q.Funnel.Window == 0:
		return from, time.Time{}
	case q.Funnel != nil:
		return from, to.Add(time.Duration(q.Funnel.Window) + time.Microsecond)
	}
	return from, to
}

// Add looks at e. The events of a subject of a tenant must come together, in any order among themselves. What the
// query does not need of an event may be missing.
func (s *Scanner) Add(e *Event) {
	subject, ok := s.query.Subject().Of(e)
	if !ok {
		return
	}
	if w := (who{e.Tenant, subject}); w != s.who {
		s.finish()
		s.who = w
	}
	s.path = append(s.path, *e)
}

// Cells returns what was counted, by period and group. It ends the scan.
func (s *Scanner) Cells() []Cell {
	s.finish()
	for cell, all := range s.taken {
		slices.Sort(all)
		cell.Median, cell.P90 = quantile(all, 50), quantile(all, 90)
	}
	return s.cells.sorted()
}

// quantile returns the smallest of sorted that at least a share, in percent, does not exceed.
func quantile(sorted []int64, percent int) int64 {
	return sorted[max((len(sorted)*percent+99)/100, 1)-1]
}

// finish counts the present subject.
func (s *Scanner) finish() {
	if len(s.path) == 0 {
		return
	}
	if !slices.IsSortedFunc(s.path, compareEvents) {
		slices.SortFunc(s.path, compareEvents)
	}
	switch {
	case s.query.Unique != nil:
		s.unique()
	case s.query.Cohort != nil:
		s.cohort()
	default:
		s.funnel()
	}
	s.path = s.path[:0]
}

func compareEvents(a, b Event) int { return a.compare(&b) }

func (s *Scanner) unique() {
	clear(s.seen)
	for i := range s.path {
		e := &s.path[i]
		if !s.fits[0].fits(e) {
			continue
		}
		if cell := s.cells.at(e.At, e.group(s.query.Unique.Breakdown)); cell != nil && !s.seen[cell] {
			s.seen[cell] = true
			cell.Count++
		}
	}
}

func (s *Scanner) cohort() {
	c := s.query.Cohort
	first := slices.IndexFunc(s.path, func(e Event) bool { return s.fits[0].fits(&e) })
	if first < 0 {
		return
	}
	start := &s.path[first]
	cell := s.cells.at(start.At, start.group(c.Breakdown))
	if cell == nil {
		return
	}
	if cell.Reached == nil {
		cell.Reached = make([]int64, c.Ages())
	}
	cell.Count++
	var ages [maxAges]bool
	for i := range s.path {
		e := &s.path[i]
		since := e.At.Sub(start.At)
		if i == first || since < 0 || since >= time.Duration(c.Window) || !s.fits[1].fits(e) {
			continue
		}
		ages[int64(since)/int64(c.every())] = true
	}
	any := int64(0)
	for age := range cell.Reached {
		if ages[age] {
			cell.Reached[age]++
			any = 1
		}
	}
	cell.Converted += any
}

// funnel counts where the subject's winning paths began.
func (s *Scanner) funnel() {
	f := s.query.Funnel
	for _, w := range s.walk.follow(f, s.fits, s.path, s.query.Edges) {
		start := &s.path[w.start]
		cell := s.cells.at(start.At, start.group(f.Breakdown))
		if cell.Reached == nil {
			cell.Reached = make([]int64, len(f.Steps))
		}
		cell.Count++
		for k := range w.step {
			cell.Reached[k]++
		}
		if w.step == len(f.Steps) {
			took := s.path[w.end].At.Sub(start.At).Milliseconds()
			cell.Converted++
			cell.Took += took
			s.taken[cell] = append(s.taken[cell], took)
		}
	}
}

// matcher is a step that remembers which names fit, since few different ones follow each other.
type matcher struct {
	step  Step
	names map[string]bool
}

func newMatcher(s Step) *matcher {
	m := &matcher{step: s, names: map[string]bool{}}
	for _, name := range s.Events {
		m.names[name] = true
	}
	return m
}

func (m *matcher) fits(e *Event) bool {
	if !m.names[e.Name] {
		return false
	}
	for _, f := range m.step.Where {
		if !f.holds(e) {
			return false
		}
	}
	return true
}
