package flagstest

import (
	"slices"
	"strings"

	"github.com/transbotai/tenon/flags"
)

var loadRules = group{"load", []rule{
	{
		"what_was_written_is_loaded_as_it_was",
		"A record comes back with everything that was written, its revision, and its instant to the microsecond in UTC.",
		func(r *rig) {
			want := r.record("a", 1, `{"key":"a","n":[1,2.50,"x\u2028y"],"ü":null}`)
			want.Revision = r.write(want)
			got, revision := r.load(0)
			equal(r.t, "the number of records", len(got), 1)
			r.same(got[0], want)
			equal(r.t, "the revision is at least the record's", revision >= want.Revision, true)
		},
	},
	{
		"only_the_newest_version_is_loaded",
		"Load returns the newest version of each record.",
		func(r *rig) {
			r.write(r.record("a", 1, `{"v":1}`))
			r.write(r.record("a", 2, `{"v":2}`))
			got, _ := r.load(0)
			equal(r.t, "the number of records", len(got), 1)
			r.same(got[0], r.record("a", 2, `{"v":2}`))
		},
	},
	{
		"only_what_is_newer_is_loaded",
		"Load returns what was written after the revision, and an empty list when nothing was.",
		func(r *rig) {
			first := r.write(r.record("a", 1, `{"v":1}`))
			second := r.write(r.record("b", 1, `{"v":2}`))
			got, _ := r.load(first)
			equal(r.t, "the number of records after the first", len(got), 1)
			r.same(got[0], r.record("b", 1, `{"v":2}`))
			got, _ = r.load(second)
			equal(r.t, "the number of records after the second", len(got), 0)
		},
	},
	{
		"records_come_by_kind_and_key",
		"Load orders by kind and key, by their bytes.",
		func(r *rig) {
			segment := r.record("m", 1, `{}`)
			segment.Kind = flags.KindSegment
			r.write(segment, r.record("b", 1, `{}`), r.record("B", 1, `{}`), r.record("a-1", 1, `{}`), r.record("a.1", 1, `{}`))
			got, _ := r.load(0)
			var names []string
			for _, rec := range got {
				names = append(names, string(rec.Kind)+strings.TrimPrefix(rec.Key, r.space))
			}
			list(r.t, "the records", names, []string{"flag.B", "flag.a-1", "flag.a.1", "flag.b", "segment.m"})
			u, err := r.store.Load(r.ctx(), 0)
			equal(r.t, "the error", err, nil)
			equal(r.t, "everything is in order", slices.IsSortedFunc(u.Records, func(a, b flags.Record) int {
				return strings.Compare(string(a.Kind)+"\x00"+a.Key, string(b.Kind)+"\x00"+b.Key)
			}), true)
		},
	},
	{
		"a_flag_and_a_segment_may_have_one_key",
		"A record is named by kind and key.",
		func(r *rig) {
			segment := r.record("a", 1, `{"of":"segment"}`)
			segment.Kind = flags.KindSegment
			r.write(r.record("a", 1, `{"of":"flag"}`), segment)
			got, _ := r.load(0)
			equal(r.t, "the number of records", len(got), 2)
			r.same(got[0], r.record("a", 1, `{"of":"flag"}`))
			r.same(got[1], segment)
		},
	},
	{
		"what_was_deleted_is_loaded_too",
		"A deleted record comes with a nil body.",
		func(r *rig) {
			first := r.write(r.record("a", 1, `{"v":1}`))
			r.write(r.record("a", 2, ""))
			for _, since := range []int64{0, first} {
				got, _ := r.load(since)
				equal(r.t, "the number of records", len(got), 1)
				r.same(got[0], r.record("a", 2, ""))
			}
			r.write(r.record("a", 3, `{"v":3}`))
			got, _ := r.load(first)
			r.same(got[0], r.record("a", 3, `{"v":3}`))
		},
	},
	{
		"what_is_handed_out_is_a_copy",
		"What a store hands out and what it keeps share nothing.",
		func(r *rig) {
			mine := r.record("a", 1, `{"v":1}`)
			r.write(mine)
			mine.Body[5] = '7'
			got, _ := r.load(0)
			got[0].Body[5] = '8'
			again, _ := r.load(0)
			r.same(again[0], r.record("a", 1, `{"v":1}`))
		},
	},
	{
		"a_body_that_means_nothing_is_kept",
		"A store keeps any JSON: what it means is no concern of its.",
		func(r *rig) {
			r.write(r.record("a", 1, `{"key":17,"unknown":[]}`), r.record("b", 1, `[1,"two"]`))
			got, _ := r.load(0)
			r.same(got[0], r.record("a", 1, `{"key":17,"unknown":[]}`))
			r.same(got[1], r.record("b", 1, `[1,"two"]`))
		},
	},
}}
