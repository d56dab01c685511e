package flagstest

import (
	"time"

	"github.com/transbotai/tenon/flags"
)

var versionRules = group{"versions", []rule{
	{
		"versions_come_newest_first",
		"Versions returns at most Limit versions below Before, newest first, deletions included.",
		func(r *rig) {
			for v := range int64(5) {
				r.write(r.record("a", v+1, `{"v":1}`))
			}
			r.write(r.record("a", 6, ""))
			list(r.t, "all versions", r.versions("a", 0, 10), []int64{6, 5, 4, 3, 2, 1})
			list(r.t, "the newest two", r.versions("a", 0, 2), []int64{6, 5})
			list(r.t, "those below 3", r.versions("a", 3, 10), []int64{2, 1})
			list(r.t, "those below 1", r.versions("a", 1, 10), nil)
		},
	},
	{
		"a_version_is_as_it_was_written",
		"A version stays as it was written, whatever follows.",
		func(r *rig) {
			r.write(r.record("a", 1, `{"v":1}`))
			r.write(r.record("a", 2, `{"v":2}`))
			r.write(r.record("a", 3, ""))
			found, err := r.store.Versions(r.ctx(), flags.VersionQuery{Kind: flags.KindFlag, Key: r.key("a"), Limit: 10})
			equal(r.t, "the error", err, nil)
			r.same(found[0], r.record("a", 3, ""))
			r.same(found[1], r.record("a", 2, `{"v":2}`))
			r.same(found[2], r.record("a", 1, `{"v":1}`))
		},
	},
	{
		"what_never_was_has_no_versions",
		"A record that never was has none, which is not an error; nor has a segment those of the flag with its key.",
		func(r *rig) {
			list(r.t, "the versions of nothing", r.versions("a", 0, 10), nil)
			r.write(r.record("a", 1, `{}`))
			found, err := r.store.Versions(r.ctx(), flags.VersionQuery{Kind: flags.KindSegment, Key: r.key("a"), Limit: 10})
			equal(r.t, "the error", err, nil)
			equal(r.t, "the number of versions", len(found), 0)
		},
	},
}}

// marks returns those of the rule's own keys, their keys without the space.
func (r *rig) marks() []flags.Mark {
	r.t.Helper()
	all, err := r.store.Marks(r.ctx())
	if err != nil {
		r.t.Fatalf("Marks: %v", err)
	}
	var own []flags.Mark
	for _, m := range all {
		if len(m.Flag) > len(r.space) && m.Flag[:len(r.space)] == r.space {
			m.Flag = m.Flag[len(r.space)+1:]
			own = append(own, m)
		}
	}
	return own
}

func (r *rig) mark(marks ...flags.Mark) {
	r.t.Helper()
	for i := range marks {
		marks[i].Flag = r.key(marks[i].Flag)
	}
	if err := r.store.Mark(r.ctx(), marks); err != nil {
		r.t.Fatalf("Mark: %v", err)
	}
}

var markRules = group{"marks", []rule{
	{
		"marks_come_by_flag_and_variant",
		"Marks returns a mark for each variant that was seen, by flag and variant.",
		func(r *rig) {
			r.mark(flags.Mark{Flag: "b", Variant: "on", Seen: noon}, flags.Mark{Flag: "a", Variant: "on", Seen: noon}, flags.Mark{Flag: "a", Seen: noon})
			list(r.t, "the marks", r.marks(), []flags.Mark{{Flag: "a", Variant: "", Seen: noon}, {Flag: "a", Variant: "on", Seen: noon}, {Flag: "b", Variant: "on", Seen: noon}})
		},
	},
	{
		"the_later_mark_stays",
		"Of two marks for one variant the later stays, in whichever order they come, also within one call.",
		func(r *rig) {
			r.mark(flags.Mark{Flag: "a", Variant: "on", Seen: noon})
			r.mark(flags.Mark{Flag: "a", Variant: "on", Seen: noon.Add(time.Hour)})
			r.mark(flags.Mark{Flag: "a", Variant: "on", Seen: noon.Add(-time.Hour)})
			r.mark(flags.Mark{Flag: "b", Variant: "on", Seen: noon.Add(2 * time.Hour)}, flags.Mark{Flag: "b", Variant: "on", Seen: noon})
			list(r.t, "the marks", r.marks(), []flags.Mark{{Flag: "a", Variant: "on", Seen: noon.Add(time.Hour)}, {Flag: "b", Variant: "on", Seen: noon.Add(2 * time.Hour)}})
		},
	},
	{
		"a_flag_need_not_be_stored_to_be_marked",
		"A mark may be of a flag that is not there; no mark at all is fine.",
		func(r *rig) {
			if err := r.store.Mark(r.ctx(), nil); err != nil {
				r.t.Fatalf("Mark of nothing: %v", err)
			}
			r.mark(flags.Mark{Flag: "gone", Variant: "on", Seen: noon})
			equal(r.t, "the number of marks", len(r.marks()), 1)
		},
	},
}}
