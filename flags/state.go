package flags

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// state is what a Set knows of the store. It is changed under its mutex, by one update at a time, and makes snapshots.
type state struct {
	revision int64
	entries  map[recordKey]*entry
	segments map[string]*segment // ready to be asked
	onDisk   bool                // it was read from the copy on disk
}

// entry is a record and the last good version of it.
type entry struct {
	record   Record
	flag     *Definition // nil: none, or deleted
	segment  *Segment
	compiled *compiled
	fault    error // of reading the record; the last good version is kept
	broken   error // of making that ready: it names what is not there
}

func newState() state {
	return state{entries: map[recordKey]*entry{}, segments: map[string]*segment{}}
}

// String names a record in messages and faults.
func (k recordKey) String() string { return string(k.kind) + "/" + k.key }

// present returns the entry of a record that is there, or the error that there is none.
func (st *state) present(kind Kind, key string) (*entry, error) {
	e := st.entries[recordKey{kind, key}]
	switch {
	case e != nil && e.record.Body != nil:
		return e, nil
	case kind == KindSegment:
		return nil, ErrUnknownSegment
	default:
		return nil, ErrUnknownFlag
	}
}

// apply takes over records that are newer than those it has, and returns the keys of the flags that were read or compiled
// anew.
func (st *state) apply(u Update) []string {
	var flags []*entry
	segments := false
	for _, r := range u.Records {
		k := recordKey{r.Kind, r.Key}
		e := st.entries[k]
		if e == nil {
			e = &entry{}
			st.entries[k] = e
		} else if e.record.Revision >= r.Revision {
			continue
		}
		e.record = r
		segments = segments || r.Kind == KindSegment
		if r.Kind == KindFlag {
			flags = append(flags, e)
		}
	}
	st.revision = max(st.revision, u.Revision)
	changed := slices.Clone(flags)
	if segments {
		changed = append(changed, st.takeSegments(u.Records)...)
	}
	parallel(flags, (*entry).readFlag)
	parallel(changed, func(e *entry) { e.compile(st.segments) })
	keys := make([]string, 0, len(changed))
	for _, e := range changed {
		keys = append(keys, e.record.Key)
	}
	return keys
}

// withUsers returns the keys, each once and in order, and those of the flags that lead to one by their prerequisites.
func (st *state) withUsers(keys []string) []string {
	users := map[string][]string{}
	for k, e := range st.entries {
		if e.flag == nil {
			continue
		}
		for _, p := range e.flag.Prerequisites {
			users[p.Flag] = append(users[p.Flag], k.key)
		}
	}
	all := make(map[string]struct{}, len(keys))
	for len(keys) > 0 {
		key := keys[len(keys)-1]
		keys = keys[:len(keys)-1]
		if _, ok := all[key]; !ok {
			all[key] = struct{}{}
			keys = append(keys, users[key]...)
		}
	}
	return sortedKeys(all)
}

// takeSegments reads the segments among records, compiles all anew, and returns the flags that use any.
func (st *state) takeSegments(records []Record) []*entry {
	for _, r := range records {
		if e := st.entries[recordKey{r.Kind, r.Key}]; r.Kind == KindSegment {
			e.readSegment()
		}
	}
	st.compileSegments()
	var users []*entry
	for _, e := range st.entries {
		if e.flag != nil && e.flag.usesSegments() {
			users = append(users, e)
		}
	}
	return users
}

// readFlag reads the record's body. When it cannot be read the last good definition stays.
func (e *entry) readFlag() {
	e.fault = nil
	if e.record.Body == nil {
		e.flag, e.compiled, e.broken = nil, nil, nil
		return
	}
	var d Definition
	err := parseBytes(e.record.Body, &d)
	if err == nil {
		err = d.check()
	}
	if err == nil && d.Key != e.record.Key {
		err = errors.New("the key is another than the record's")
	}
	if err != nil {
		e.fault = err
		e.obey()
		return
	}
	d.Version = e.record.Version
	e.flag = &d
}

// obey switches the last good version off when a row that cannot be read says so: the kill switch of another release
// counts. It is on again when a row can be read.
func (e *entry) obey() {
	var said struct {
		Disabled bool `json:"disabled"`
	}
	if e.flag == nil || json.Unmarshal(e.record.Body, &said) != nil || !said.Disabled {
		return
	}
	d := *e.flag
	d.Disabled = true
	e.flag = &d
}

// compile makes the flag ready again. When it cannot be, what was ready before stays.
func (e *entry) compile(segments map[string]*segment) {
	if e.flag == nil {
		return
	}
	c, err := compile(e.flag, segments)
	if e.broken = err; c == nil {
		return
	}
	if e.compiled != nil {
		c.follow(e.compiled)
	}
	e.compiled = c
}

func (e *entry) readSegment() {
	e.fault = nil
	if e.record.Body == nil {
		e.segment, e.broken = nil, nil
		return
	}
	var s Segment
	err := parseBytes(e.record.Body, &s)
	if err == nil {
		err = s.check()
	}
	if err == nil && s.Key != e.record.Key {
		err = errors.New("the key is another than the record's")
	}
	if err != nil {
		e.fault = err
		return
	}
	s.Version = e.record.Version
	e.segment = &s
}

// compileSegments makes every segment ready, those first that others use. One that cannot be keeps what was ready.
func (st *state) compileSegments() {
	c := segmentCompiler{st, map[string]*segment{}, map[string]bool{}}
	for k, e := range st.entries {
		if k.kind == KindSegment && e.segment != nil {
			c.compile(k.key)
		}
	}
	st.segments = c.ready
}

type segmentCompiler struct {
	st    *state
	ready map[string]*segment
	open  map[string]bool // being compiled: whoever comes back to one is in a cycle
}

func (c *segmentCompiler) compile(key string) {
	if c.ready[key] != nil || c.open[key] {
		return
	}
	e := c.st.entries[recordKey{KindSegment, key}]
	if e == nil || e.segment == nil {
		return
	}
	c.open[key] = true
	e.segment.If.each(func(used *Condition) {
		if used.Segment != "" {
			c.compile(used.Segment)
		}
	})
	delete(c.open, key)
	p, err := compileCondition("if", &e.segment.If, c.ready)
	if e.broken = err; err != nil {
		if old := c.st.segments[key]; old != nil {
			c.ready[key] = old
		}
		return
	}
	c.ready[key] = &segment{key: key, segment: *e.segment, version: e.segment.Version, program: p}
}

// each calls f with c and every condition in it.
func (c *Condition) each(f func(*Condition)) {
	f(c)
	for i := range c.All {
		c.All[i].each(f)
	}
	for i := range c.Any {
		c.Any[i].each(f)
	}
	if c.Not != nil {
		c.Not.each(f)
	}
}

// segments calls f with the path and key of each segment that d uses.
func (d *Definition) segments(f func(path, key string)) {
	for i := range d.Rules {
		d.Rules[i].If.each(func(c *Condition) {
			if c.Segment != "" {
				f(field("rules", i)+".if", c.Segment)
			}
		})
	}
	r := d.Rollout
	if r == nil {
		return
	}
	for i, key := range r.Rings {
		f(field("rollout.rings", i), key)
	}
	if r.Ramp == nil {
		return
	}
	for i, stage := range r.Ramp.Stages {
		for j, key := range stage.Rings {
			f(field(field("rollout.ramp.stages", i)+".rings", j), key)
		}
	}
}

func (d *Definition) usesSegments() bool {
	uses := false
	d.segments(func(string, string) { uses = true })
	return uses
}

// parallel calls f for each, on as many processors as there are.
func parallel(entries []*entry, f func(*entry)) {
	workers := min(runtime.GOMAXPROCS(0), len(entries)/64+1)
	size := (len(entries) + workers - 1) / workers
	var wg sync.WaitGroup
	for part := range slices.Chunk(entries, max(size, 1)) {
		wg.Go(func() {
			for _, e := range part {
				f(e)
			}
		})
	}
	wg.Wait()
}

// snapshot returns what is live now.
func (st *state) snapshot() *snapshot {
	snap := &snapshot{
		revision: st.revision, fromDisk: st.onDisk, segments: st.segments, flags: make(map[string]*compiled, len(st.entries)),
		faults: map[string]error{}, slots: newSlots(),
	}
	prerequisites := false
	for k, e := range st.entries {
		if err := cmp.Or(e.fault, e.broken); err != nil {
			snap.faults[k.String()] = err
		}
		if e.compiled != nil {
			snap.flags[k.key] = e.compiled
			prerequisites = prerequisites || e.compiled.prerequisites != nil
		}
	}
	if prerequisites {
		snap.cyclic = cyclic(snap.flags)
	}
	return snap
}

// cyclic returns the flags whose prerequisites lead back to them, or to such flags.
func cyclic(flags map[string]*compiled) map[string]bool {
	found, done := map[string]bool{}, map[string]bool{}
	var visit func(key string, path map[string]bool) bool
	visit = func(key string, path map[string]bool) bool {
		if path[key] || found[key] {
			return true
		}
		c := flags[key]
		if c == nil || done[key] {
			return false
		}
		path[key] = true
		for _, p := range c.prerequisites {
			if visit(p.flag, path) {
				found[key] = true
			}
		}
		delete(path, key)
		done[key] = !found[key]
		return found[key]
	}
	for key := range flags {
		visit(key, map[string]bool{})
	}
	return found
}

func inUse(by string) error { return fmt.Errorf("%w by %s", ErrInUse, by) }
