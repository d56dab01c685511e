package entitlementstest

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

// query asks for a feature's use from March 2026 to the end of May.
func (r *rig) query(feature string, bucket entitlements.Period, how entitlements.Aggregation) entitlements.UsageQuery {
	return entitlements.UsageQuery{
		Tenant: r.tenant, Feature: feature, From: started, To: started.AddDate(0, 3, 0),
		Bucket: bucket, Aggregation: how, Anchor: started,
	}
}

// reports fails unless q answers with the buckets that begin at the given instants and hold the given values.
func (r *rig) reports(q entitlements.UsageQuery, want ...entitlements.Bucket) {
	r.t.Helper()
	reporter, ok := r.reporter()
	if !ok {
		return
	}
	got, err := reporter.Usage(r.ctx(), q)
	if err != nil {
		r.t.Fatalf("Usage: %v", err)
	}
	if !slices.EqualFunc(got, want, sameBucket) {
		r.t.Fatalf("Usage by %s, %s:\n  %v, want\n  %v", q.Bucket, q.Aggregation, got, want)
	}
}

func sameBucket(a, b entitlements.Bucket) bool {
	return a.Start.Equal(b.Start) && a.End.Equal(b.End) && a.Value == b.Value
}

// happened records a use with metadata.
func (r *rig) happened(feature string, quantity int64, at time.Time, metadata string) {
	r.t.Helper()
	op := r.op(entitlements.OpRecord, entitlements.Use{Feature: feature, Quantity: quantity, At: at})
	if metadata != "" {
		op.Metadata = json.RawMessage(metadata)
	}
	r.do(op)
}

func march(day, hour int) time.Time { return time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC) }

var usageRules = group{"usage", []rule{
	{
		"sum_is_what_was_really_used",
		"The sum adds every event, late ones and corrections included; buckets without events are left out.",
		func(r *rig) {
			r.on(big)
			r.happened(calls, 5, march(2, 0), "")
			r.happened(calls, 7, march(2, 23), "")
			r.do(r.op(entitlements.OpConsume, keyed(calls, 100, "k")))
			r.happened(calls, 1, march(1, 0), "")
			r.reports(r.query(calls, entitlements.Daily, entitlements.Sum),
				entitlements.Bucket{Start: march(1, 0), End: march(2, 0), Value: 1},
				entitlements.Bucket{Start: march(2, 0), End: march(3, 0), Value: 12},
				entitlements.Bucket{Start: march(10, 0), End: march(11, 0), Value: 100})
			r.correct("k")
			q := r.query(calls, entitlements.Period{}, entitlements.Sum)
			r.reports(q, entitlements.Bucket{Start: q.From, End: q.To, Value: 13})
		},
	},
	{
		"a_query_reads_from_and_up_to_its_bounds",
		"From ≤ t < To; the first and the last bucket are cut to them.",
		func(r *rig) {
			r.on(big)
			for _, at := range []time.Time{march(3, 6).Add(-time.Microsecond), march(3, 6), march(4, 0), march(5, 6).Add(-time.Microsecond), march(5, 6)} {
				r.happened(calls, 1, at, "")
			}
			q := r.query(calls, entitlements.Daily, entitlements.Sum)
			q.From, q.To = march(3, 6), march(5, 6)
			r.reports(q,
				entitlements.Bucket{Start: march(3, 6), End: march(4, 0), Value: 1},
				entitlements.Bucket{Start: march(4, 0), End: march(5, 0), Value: 1},
				entitlements.Bucket{Start: march(5, 0), End: march(5, 6), Value: 1})
		},
	},
	{
		"the_aggregations_of_a_bucket",
		"Count counts events, max takes the largest quantity, latest that of the last event by the time of its happening.",
		func(r *rig) {
			r.on(big)
			r.happened(calls, 9, march(2, 1), "")
			r.happened(calls, 4, march(2, 5), "")
			r.happened(calls, 6, march(2, 3), "")
			for how, value := range map[entitlements.Aggregation]int64{
				entitlements.Sum: 19, entitlements.Count: 3, entitlements.Max: 9, entitlements.Latest: 4,
			} {
				r.reports(r.query(calls, entitlements.Daily, how), entitlements.Bucket{Start: march(2, 0), End: march(3, 0), Value: value})
			}
		},
	},
	{
		"what_was_corrected_did_not_happen",
		"Count, max, unique and latest leave out what was taken back and what took it back.",
		func(r *rig) {
			r.on(big)
			r.happened(calls, 4, march(10, 1), `{"user":"a"}`)
			r.now = march(10, 2)
			op := r.op(entitlements.OpConsume, keyed(calls, 50, "k"))
			op.Metadata = json.RawMessage(`{"user":"b"}`)
			r.do(op)
			r.correct("k")
			for how, value := range map[entitlements.Aggregation]int64{
				entitlements.Sum: 4, entitlements.Count: 1, entitlements.Max: 4, entitlements.Latest: 4, entitlements.Unique: 1,
			} {
				q := r.query(calls, entitlements.Daily, how)
				q.Property = "user"
				r.reports(q, entitlements.Bucket{Start: march(10, 0), End: march(11, 0), Value: value})
			}
		},
	},
	{
		"unique_counts_the_values_of_a_property",
		"Unique counts the distinct values of a top-level property; an event without it counts nothing.",
		func(r *rig) {
			r.on(big)
			for i, metadata := range []string{
				`{"user":"a","n":1}`, `{"user":"b"}`, `{"user":"a"}`, `{"other":"c"}`, ``, `{"user":null}`, `{"user":7}`, `{"user":"7"}`,
			} {
				r.happened(calls, 1, march(2, i), metadata)
			}
			q := r.query(calls, entitlements.Daily, entitlements.Unique)
			q.Property = "user"
			r.reports(q, entitlements.Bucket{Start: march(2, 0), End: march(3, 0), Value: 4})
		},
	},
	{
		"a_return_takes_off_the_sum",
		"The sum of a gauge is how much it changed.",
		func(r *rig) {
			r.on(big)
			r.consume(seats, 9)
			r.do(r.op(entitlements.OpReturn, use(seats, 4)))
			r.reports(r.query(seats, entitlements.Daily, entitlements.Sum), entitlements.Bucket{Start: march(10, 0), End: march(11, 0), Value: 5})
		},
	},
	{
		"monthly_buckets_from_the_31st_return_to_the_31st",
		"Buckets are periods: months counted from the 31st end on the last day of shorter months.",
		func(r *rig) {
			r.on(big)
			anchor := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
			starts := []time.Time{
				anchor, time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC), time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC),
				time.Date(2026, 4, 30, 12, 0, 0, 0, time.UTC), time.Date(2026, 5, 31, 12, 0, 0, 0, time.UTC),
			}
			r.now = starts[4]
			q := r.query(calls, entitlements.Monthly, entitlements.Sum)
			q.From, q.To, q.Anchor = starts[0], starts[4], anchor
			var want []entitlements.Bucket
			for i, start := range starts[:4] {
				r.happened(calls, 1, start, "")
				r.happened(calls, int64(10*i), starts[i+1].Add(-time.Microsecond), "")
				want = append(want, entitlements.Bucket{Start: start, End: starts[i+1], Value: int64(10*i) + 1})
			}
			r.reports(q, want...)
		},
	},
	{
		"holds_are_no_use_until_they_are_committed",
		"Usage tells events: a hold is none, its commit is one at the hold's own time.",
		func(r *rig) {
			r.on(basic)
			h := r.reserve(calls, 4, 48*time.Hour)
			r.reports(r.query(calls, entitlements.Daily, entitlements.Sum))
			r.later(24 * time.Hour)
			r.commit(h, 6)
			r.reports(r.query(calls, entitlements.Daily, entitlements.Sum),
				entitlements.Bucket{Start: march(10, 0), End: march(11, 0), Value: 4},
				entitlements.Bucket{Start: march(11, 0), End: march(12, 0), Value: 2})
		},
	},
	{
		"refusals_and_replays_are_no_use",
		"What was refused or replayed left no event.",
		func(r *rig) {
			r.on(basic)
			r.do(r.op(entitlements.OpConsume, keyed(calls, 3, "k")))
			r.do(r.op(entitlements.OpConsume, keyed(calls, 3, "k")))
			r.refuses(r.consume(calls, 8), entitlements.ReasonLimitReached)
			r.reports(r.query(calls, entitlements.Daily, entitlements.Count), entitlements.Bucket{Start: march(10, 0), End: march(11, 0), Value: 1})
		},
	},
}}
