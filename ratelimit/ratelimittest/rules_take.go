package ratelimittest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/transbotai/tenon/ratelimit"
)

var perMinute = ratelimit.PerMinute(10)

var takeRules = group{"take", []rule{
	{
		"grants_what_is_free_and_refuses_the_rest", "A refusal takes nothing, and says what is left.",
		func(r *rig) {
			equal(r, "remaining", 3, r.took(7, perMinute).Remaining)
			equal(r, "remaining", 3, r.refused(4, perMinute).Remaining)
			equal(r, "remaining", 0, r.took(3, perMinute).Remaining)
		},
	},
	{
		"keeps_keys_apart", "Keys that differ in tenant or name share nothing.",
		func(r *rig) {
			r.took(10, perMinute)
			for _, key := range []ratelimit.Key{
				{Tenant: r.key.Tenant, Name: "x"},
				{Tenant: "x", Name: r.key.Name},
				{Name: r.key.Tenant + r.key.Name},
				{Tenant: r.key.Tenant + "{a}:é\x00/", Name: r.key.Name},
			} {
				o := r.settle(ratelimit.Op{Kind: ratelimit.OpTake, Key: key, Limits: []ratelimit.Limit{perMinute}, N: 1, Least: 1})
				equal(r, "remaining", 9, o.Remaining)
			}
		},
	},
	{
		"carries_out_a_batch_in_order", "Operations of one key are carried out in their order, each with its outcome.",
		func(r *rig) {
			var ops []ratelimit.Op
			for i := range int64(5) {
				ops = append(ops, ratelimit.Op{
					Kind: ratelimit.OpTake, Key: r.key, Limits: []ratelimit.Limit{perMinute}, N: i + 1, Least: i + 1,
				})
			}
			outcomes, err := r.store.Settle(r.t.Context(), ops)
			if err != nil {
				r.t.Fatal(err)
			}
			for i, want := range []int64{9, 7, 4, 0, 0} {
				equal(r, "remaining", want, outcomes[i].Remaining)
				equal(r, "granted", i < 4, outcomes[i].Granted)
			}
		},
	},
	{
		"grants_part_when_part_will_do", "OpTake grants the most between Least and N that is free.",
		func(r *rig) {
			part := ratelimit.Op{Kind: ratelimit.OpTake, Limits: []ratelimit.Limit{perMinute}, N: 8, Least: 2}
			equal(r, "units", 8, r.settle(part).Units)
			equal(r, "units", 2, r.settle(part).Units)
			equal(r, "units", 0, r.settle(part).Units)
		},
	},
	{
		"peeks_without_taking", "OpPeek answers as OpTake would, and takes nothing.",
		func(r *rig) {
			for range 3 {
				equal(r, "granted", true, r.peek(10, perMinute).Granted)
				equal(r, "units", 0, r.peek(10, perMinute).Units)
				equal(r, "granted", false, r.peek(11, perMinute).Granted)
			}
			r.took(10, perMinute)
			equal(r, "granted", false, r.peek(1, perMinute).Granted)
		},
	},
	{
		"takes_nothing_for_nothing", "0 units are always granted.",
		func(r *rig) {
			r.took(10, perMinute)
			r.took(0, perMinute)
			r.took(0, ratelimit.PerMinute(0))
		},
	},
	{
		"denies_everything_under_zero", "A limit of 0 grants nothing, and no time helps.",
		func(r *rig) {
			for _, l := range []ratelimit.Limit{
				ratelimit.PerMinute(0), ratelimit.Bucket(0, 10), ratelimit.Bucket(1, 0), ratelimit.PerDay(0, nil),
				ratelimit.InFlight(0, time.Minute),
			} {
				equal(r, "retry after", 0, r.refused(1, l).RetryAfter)
			}
		},
	},
	{
		"denies_nothing_under_infinity", "A limit that is unlimited grants everything beside the others.",
		func(r *rig) {
			r.took(1<<40, ratelimit.NoLimit())
			o := r.took(10, perMinute, ratelimit.NoLimit())
			equal(r, "limit", 0, o.Limit)
		},
	},
	{
		"refuses_more_than_the_limit_for_ever", "What a limit never gives at once is refused without RetryAfter.",
		func(r *rig) {
			equal(r, "retry after", 0, r.refused(11, perMinute).RetryAfter)
			equal(r, "retry after", 0, r.refused(11, ratelimit.Bucket(1, 10)).RetryAfter)
			equal(r, "retry after", 0, r.refused(11, ratelimit.PerMonth(10, nil)).RetryAfter)
		},
	},
	{
		"never_grants_more_to_a_crowd", "64 callers at once get what one caller would get.",
		func(r *rig) {
			limit := ratelimit.PerMinute(500)
			var granted atomic.Int64
			var wg sync.WaitGroup
			for range 64 {
				wg.Go(func() {
					for range 10 {
						op := ratelimit.Op{Kind: ratelimit.OpTake, Key: r.key, Limits: []ratelimit.Limit{limit}, N: 1, Least: 1}
						o, err := r.store.Settle(r.t.Context(), []ratelimit.Op{op})
						if err != nil {
							r.t.Error(err)
							return
						}
						granted.Add(o[0].Units)
					}
				})
			}
			wg.Wait()
			equal(r, "granted", 500, granted.Load())
		},
	},
	{
		"stands_still_when_time_goes_back", "Time that goes backwards gives nothing back and denies nothing.",
		func(r *rig) {
			for _, l := range []ratelimit.Limit{perMinute, ratelimit.Bucket(1, 10), ratelimit.PerDay(10, nil)} {
				l.Name = "back"
				r.set(noon)
				r.took(4, l)
				r.pass(-time.Hour)
				r.took(6, l)
				r.refused(1, l)
				r.pass(-48 * time.Hour)
				r.refused(1, l)
				r.settle(ratelimit.Op{Kind: ratelimit.OpReset, Limits: []ratelimit.Limit{l}})
			}
		},
	},
	{
		"does_nothing_for_a_context_that_ended", "A context that is done gives an error, and nothing is taken.",
		func(r *rig) {
			ctx, cancel := context.WithCancel(r.t.Context())
			cancel()
			op := ratelimit.Op{Kind: ratelimit.OpTake, Key: r.key, Limits: []ratelimit.Limit{perMinute}, N: 10, Least: 10}
			if _, err := r.store.Settle(ctx, []ratelimit.Op{op}); !errors.Is(err, context.Canceled) {
				r.t.Fatalf("got %v", err)
			}
			r.took(10, perMinute)
		},
	},
	{
		"answers_an_empty_batch", "No operations have no outcomes.",
		func(r *rig) {
			outcomes, err := r.store.Settle(r.t.Context(), nil)
			if err != nil || len(outcomes) != 0 {
				r.t.Fatalf("got %v, %v", outcomes, err)
			}
		},
	},
}}
