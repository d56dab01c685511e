package ratelimittest

import (
	"errors"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/ratelimit"
)

var backRules = group{"giving_back", []rule{
	{
		"refunds_where_it_was_taken", "A refund frees what still counts.",
		func(r *rig) {
			o := r.took(10, perMinute)
			r.pass(20 * time.Second)
			r.giveBack(o, 4, perMinute)
			equal(r, "remaining", 0, r.took(4, perMinute).Remaining)
		},
	},
	{
		"refunds_nothing_twice", "What has lapsed, or was given back, is not given back again.",
		func(r *rig) {
			o := r.took(10, perMinute)
			r.pass(2 * time.Minute)
			r.took(10, perMinute)
			r.giveBack(o, 10, perMinute)
			r.refused(1, perMinute)
			r.giveBack(o, 100, perMinute)
			r.refused(1, perMinute)
		},
	},
	{
		"refunds_a_bucket_what_it_has_not_gained", "A bucket gets back what it has not gained since.",
		func(r *rig) {
			l := ratelimit.Bucket(1, 10)
			o := r.took(10, l)
			r.pass(4 * time.Second)
			r.giveBack(o, 10, l)
			equal(r, "remaining", 0, r.took(10, l).Remaining)
			r.pass(time.Minute)
			r.took(10, l)
			r.giveBack(o, 10, l)
			r.refused(1, l)
		},
	},
	{
		"refunds_the_present_period", "A calendar gets back what was taken in the present period.",
		func(r *rig) {
			l := ratelimit.PerDay(10, nil)
			o := r.took(10, l)
			r.giveBack(o, 3, l)
			r.took(3, l)
			r.pass(24 * time.Hour)
			r.took(10, l)
			r.giveBack(o, 10, l)
			r.refused(1, l)
		},
	},
	{
		"refunds_unknown_keys_nothing", "A refund for a key that is not there does nothing.",
		func(r *rig) {
			r.giveBack(ratelimit.Outcome{At: r.now()}, 5, perMinute)
			equal(r, "remaining", 0, r.took(10, perMinute).Remaining)
		},
	},
	{
		"resets", "A reset forgets what was taken under the limits, and nothing else.",
		func(r *rig) {
			other := ratelimit.PerHour(10)
			r.took(10, perMinute, other)
			r.settle(ratelimit.Op{Kind: ratelimit.OpReset, Limits: []ratelimit.Limit{perMinute}})
			r.took(10, perMinute)
			r.refused(1, other)
		},
	},
}}

var leaseRules = group{"leases", []rule{
	{
		"counts_leased_units_when_they_lapse", "Under Strict units count in the cell in which they lapse.",
		func(r *rig) {
			lapse := 10 * time.Second
			o := r.settle(ratelimit.Op{
				Kind: ratelimit.OpTake, Limits: []ratelimit.Limit{perMinute}, N: 10, Least: 1, Lapse: lapse,
			})
			equal(r, "units", 10, o.Units)
			equal(r, "lapse", lapse, o.Lapse)
			denied := r.refused(1, perMinute)
			if denied.RetryAfter < lapse+time.Minute {
				r.t.Fatalf("RetryAfter %v", denied.RetryAfter)
			}
			r.exactly(denied, 1, perMinute)
		},
	},
	{
		"counts_units_taken_meanwhile", "What others take before a lease lapses counts beside it.",
		func(r *rig) {
			r.settle(ratelimit.Op{
				Kind: ratelimit.OpTake, Limits: []ratelimit.Limit{perMinute}, N: 4, Least: 4, Lapse: 10 * time.Second,
			})
			r.took(6, perMinute)
			r.refused(1, perMinute)
			r.pass(time.Minute + perMinute.Step())
			r.took(6, perMinute)
			r.refused(1, perMinute)
			r.pass(11 * time.Second)
			r.took(4, perMinute)
		},
	},
	{
		"gives_leased_units_back", "A refund names the Lapse with which the units were taken.",
		func(r *rig) {
			o := r.settle(ratelimit.Op{
				Kind: ratelimit.OpTake, Limits: []ratelimit.Limit{perMinute}, N: 10, Least: 10, Lapse: 10 * time.Second,
			})
			r.giveBack(o, 10, perMinute)
			r.took(10, perMinute)
		},
	},
	{
		"ends_a_lease_with_the_period", "Units of a calendar lapse with its period.",
		func(r *rig) {
			l := ratelimit.PerDay(10, nil)
			r.set(noon.Add(12*time.Hour - 3*time.Second))
			o := r.settle(ratelimit.Op{
				Kind: ratelimit.OpTake, Limits: []ratelimit.Limit{l}, N: 10, Least: 10, Lapse: 10 * time.Second,
			})
			equal(r, "lapse", 3*time.Second, o.Lapse)
		},
	},
	{
		"charges_a_bucket_as_if_later", "A bucket counts leased units as if they came when they lapse.",
		func(r *rig) {
			l := ratelimit.Bucket(1, 10)
			o := r.settle(ratelimit.Op{
				Kind: ratelimit.OpTake, Limits: []ratelimit.Limit{l}, N: 4, Least: 1, Lapse: 3 * time.Second,
			})
			equal(r, "units", 4, o.Units)
			equal(r, "lapse", 3*time.Second, o.Lapse)
			equal(r, "remaining", 3, o.Remaining)
			r.took(3, l)
			r.refused(1, l)
		},
	},
	{
		"leases_of_a_bucket_what_need_not_lapse_early", "A bucket grants more than Least only for all of Lapse.",
		func(r *rig) {
			l := ratelimit.Bucket(1, 10)
			lease := ratelimit.Op{Kind: ratelimit.OpTake, Limits: []ratelimit.Limit{l}, N: 10, Least: 2, Lapse: 3 * time.Second}
			equal(r, "units", 7, r.settle(lease).Units)
			r.pass(time.Minute)
			lease.Least = 9
			o := r.settle(lease)
			equal(r, "units", 9, o.Units)
			equal(r, "lapse", time.Second, o.Lapse)
		},
	},
}}

var eraseRules = group{"erasure", []rule{
	{
		"erases_a_tenant", "Erase forgets the tenant's keys, counts them, and leaves others alone.",
		func(r *rig) {
			mine := ratelimit.Key{Tenant: r.key.Tenant, Name: "other"}
			others := ratelimit.Key{Tenant: r.key.Tenant + "x", Name: r.key.Name}
			for _, key := range []ratelimit.Key{r.key, mine, others} {
				r.takeAll(key)
			}
			equal(r, "erased", 2, r.erase(tenon.Subject{Tenant: r.key.Tenant}))
			r.took(10, perMinute)
			o := r.settle(ratelimit.Op{Kind: ratelimit.OpTake, Key: others, Limits: []ratelimit.Limit{perMinute}, N: 1, Least: 1})
			equal(r, "granted", false, o.Granted)
		},
	},
	{
		"erases_a_person", "Erase with a user forgets the tenant's keys of that name alone.",
		func(r *rig) {
			mine := ratelimit.Key{Tenant: r.key.Tenant, Name: "other"}
			r.takeAll(r.key)
			r.takeAll(mine)
			equal(r, "erased", 1, r.erase(tenon.Subject{Tenant: r.key.Tenant, User: "other"}))
			r.refused(1, perMinute)
		},
	},
	{
		"refuses_to_erase_nobody", "A subject without a tenant is invalid.",
		func(r *rig) {
			r.takeAll(ratelimit.Key{Name: r.key.Name})
			if _, err := r.store.Erase(r.t.Context(), tenon.Subject{User: r.key.Name}); !errors.Is(err, tenon.ErrInvalid) {
				r.t.Fatalf("got %v", err)
			}
		},
	},
	{
		"erases_twice", "Erasing twice is not an error.",
		func(r *rig) {
			r.takeAll(r.key)
			equal(r, "erased", 1, r.erase(tenon.Subject{Tenant: r.key.Tenant}))
			equal(r, "erased", 0, r.erase(tenon.Subject{Tenant: r.key.Tenant}))
		},
	},
}}

func (r *rig) takeAll(key ratelimit.Key) {
	r.t.Helper()
	r.settle(ratelimit.Op{Kind: ratelimit.OpTake, Key: key, Limits: []ratelimit.Limit{perMinute}, N: 10, Least: 10})
}

// erase returns how many rows went, of all tables.
func (r *rig) erase(s tenon.Subject) (rows int64) {
	r.t.Helper()
	erased, err := r.store.Erase(r.t.Context(), s)
	if err != nil || len(erased) == 0 {
		r.t.Fatalf("Erase: %v, %v", erased, err)
	}
	for _, n := range erased {
		rows += n
	}
	return rows
}
