package flags

import (
	"fmt"
	"slices"

	"github.com/transbotai/tenon"
)

// The bounds of what one evaluation may lead to, counted with repetitions: a diamond is allowed, and a tower of diamonds
// would double with each storey.
const (
	maxFlagsAsked = 1000
	maxTestsAsked = 10_000
)

// world is what would be stored after a write.
type world struct {
	st       *state
	flags    map[string]*Definition // written now; nil is deleted
	segments map[string]*Segment
	lenient  bool // what others name may be missing: a bad row of one must not stop writes of the rest
}

// checkTogether says what is wrong with records beside everything that is stored: names that do not exist, and cycles.
func (st *state) checkTogether(records []Record) error {
	w := world{st: st, flags: map[string]*Definition{}, segments: map[string]*Segment{}}
	for _, r := range records {
		if err := w.add(r); err != nil {
			return err
		}
	}
	for _, r := range records {
		if err := w.check(r); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) add(r Record) error {
	if r.Kind == KindFlag {
		w.flags[r.Key] = nil
		if r.Body != nil {
			w.flags[r.Key] = &Definition{}
			return parseBytes(r.Body, w.flags[r.Key])
		}
		return nil
	}
	w.segments[r.Key] = nil
	if r.Body == nil {
		return nil
	}
	s := &Segment{}
	w.segments[r.Key] = s
	if err := parseBytes(r.Body, s); err != nil {
		return err
	}
	return s.check()
}

func (w *world) check(r Record) error {
	switch {
	case r.Body == nil:
		return nil // who deletes has asked for users
	case r.Kind == KindSegment:
		return w.checkSegment(r.Key)
	default:
		return w.checkFlag(w.flags[r.Key])
	}
}

func (w *world) flag(key string) *Definition {
	if d, ok := w.flags[key]; ok {
		return d
	}
	if e := w.st.entries[recordKey{KindFlag, key}]; e != nil {
		return e.flag
	}
	return nil
}

func (w *world) segment(key string) *Segment {
	if s, ok := w.segments[key]; ok {
		return s
	}
	if e := w.st.entries[recordKey{KindSegment, key}]; e != nil {
		return e.segment
	}
	return nil
}

// unread says whether a record is there that this process never could read. It stops no write of those that name it: not
// of a kill switch, nor of a ramp that goes back.
func (w *world) unread(kind Kind, key string) bool {
	e := w.st.entries[recordKey{kind, key}]
	return e != nil && e.record.Body != nil && e.fault != nil
}

func (w *world) checkFlag(d *Definition) error {
	for i, p := range d.Prerequisites {
		path := field("prerequisites", i)
		other := w.flag(p.Flag)
		switch {
		case other == nil && w.unread(KindFlag, p.Flag):
			continue
		case other == nil:
			return tenon.Invalid(path+".flag", "there is no flag %q", p.Flag)
		}
		for j, name := range p.Variants {
			if err := other.checkVariant(field(path+".variants", j), name); err != nil {
				return err
			}
		}
		if _, err := w.asked(path+".flag", p.Flag, []string{d.Key}); err != nil {
			return err
		}
	}
	if err := w.checkUsers(d); err != nil {
		return err
	}
	return w.checkSegmentsOf(d)
}

// checkSegmentsOf says whether the segments that d uses are there, and how many conditions they lead to together.
func (w *world) checkSegmentsOf(d *Definition) error {
	var wrong error
	total := 0
	d.segments(func(path, key string) {
		if wrong != nil {
			return
		}
		var n int
		n, wrong = w.tests(path, key, nil)
		if total += n; wrong == nil && total > maxTestsAsked {
			wrong = tenon.Invalid(path, "leads to more than %d conditions", maxTestsAsked)
		}
	})
	return wrong
}

// asked counts how many flags the evaluation of one leads to, and refuses a cycle. Path is of the flag that is written,
// trail the keys that led here.
func (w *world) asked(path, key string, trail []string) (int, error) {
	if slices.Contains(trail, key) {
		return 0, tenon.Invalid(path, "a cycle: %v leads back to %q", append(trail, key), key)
	}
	d := w.flag(key)
	if d == nil {
		return 1, nil
	}
	total := 1
	for _, p := range d.Prerequisites {
		n, err := w.asked(path, p.Flag, append(trail[:len(trail):len(trail)], key))
		if err != nil {
			return 0, err
		}
		if total += n; total > maxFlagsAsked {
			return 0, tenon.Invalid(path, "leads to more than %d flags", maxFlagsAsked)
		}
	}
	return total, nil
}

// checkUsers says whether the flags that have d as a prerequisite still name variants that it has, and whether those that
// lead to it do not lead too far.
func (w *world) checkUsers(d *Definition) error {
	for k, e := range w.st.entries {
		if k.kind != KindFlag || e.flag == nil || len(e.flag.Prerequisites) == 0 || k.key == d.Key {
			continue
		}
		if _, err := w.asked("prerequisites", k.key, nil); err != nil && !w.wasWrong(k.key) {
			return fmt.Errorf("with it flag %q would be wrong: %w", k.key, err)
		}
		for _, p := range e.flag.Prerequisites {
			for _, name := range p.Variants {
				if p.Flag == d.Key && !d.hasVariant(name) {
					return tenon.Invalid("variants", "%q is missing, which is a prerequisite of flag %q", name, k.key)
				}
			}
		}
	}
	return nil
}

// wasWrong says whether a flag led too far, or in a cycle, before: what only another release can mend stops no write.
func (w *world) wasWrong(key string) bool {
	before := world{st: w.st}
	_, err := before.asked("", key, nil)
	return err != nil
}

// checkSegment checks a segment that is written, and those that it makes larger.
func (w *world) checkSegment(key string) error {
	if _, err := w.tests("if", key, nil); err != nil {
		return err
	}
	w.lenient = true
	defer func() { w.lenient = false }()
	for k, e := range w.st.entries {
		var err error
		switch {
		case e.segment != nil && k.key != key:
			_, err = w.tests("if", k.key, nil)
		case e.flag != nil:
			err = w.checkSegmentsOf(e.flag)
		}
		if err != nil {
			return fmt.Errorf("with it %s would be wrong: %w", k, err)
		}
	}
	return nil
}

// tests counts how many conditions a segment leads to, and refuses a cycle.
func (w *world) tests(path, key string, trail []string) (total int, err error) {
	if slices.Contains(trail, key) {
		return 0, tenon.Invalid(path, "a cycle: %v leads back to %q", append(trail, key), key)
	}
	s := w.segment(key)
	if s == nil {
		if w.lenient || w.unread(KindSegment, key) {
			return 0, nil
		}
		return 0, unknownSegment(path, key)
	}
	trail = append(trail[:len(trail):len(trail)], key)
	s.If.each(func(c *Condition) {
		if err != nil {
			return
		}
		total++
		if c.Segment != "" {
			var n int
			n, err = w.tests(path, c.Segment, trail)
			total += n
		}
		if err == nil && total > maxTestsAsked {
			err = tenon.Invalid(path, "leads to more than %d conditions", maxTestsAsked)
		}
	})
	return total, err
}

// userOfFlag returns a flag that has key as a prerequisite.
func (st *state) userOfFlag(key string) string {
	for k, e := range st.entries {
		if e.flag == nil {
			continue
		}
		for _, p := range e.flag.Prerequisites {
			if p.Flag == key {
				return k.String()
			}
		}
	}
	return ""
}

// userOfSegment returns a flag or segment that uses the segment.
func (st *state) userOfSegment(key string) string {
	for k, e := range st.entries {
		uses := false
		if e.flag != nil {
			e.flag.segments(func(_, used string) { uses = uses || used == key })
		}
		if e.segment != nil {
			e.segment.If.each(func(c *Condition) { uses = uses || c.Segment == key })
		}
		if uses {
			return k.String()
		}
	}
	return ""
}
