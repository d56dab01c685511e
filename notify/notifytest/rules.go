package notifytest

import (
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/transbotai/tenon/notify"
)

var writeRules = []rule{
	{
		"an_entry_comes_out_as_it_went_in",
		"Every field of a notification is kept.",
		func(r *rig) {
			e := r.entry("g", "k")
			r.add(e)
			if got := r.gives("k").entries[0]; !reflect.DeepEqual(got, e) {
				r.t.Fatalf("got %+v, want %+v", got, e)
			}
		},
	},
	{
		"an_entry_without_tenant_text_or_data_is_kept_too",
		"What is empty stays empty.",
		func(r *rig) {
			e := r.entry("", r.tenant) // the key, unique in a shared store
			e.Notification.Tenant, e.Notification.Text, e.Notification.Data = "", "", nil
			r.add(e)
			if got := r.gives(r.tenant).entries[0]; !reflect.DeepEqual(got, e) {
				r.t.Fatalf("got %+v, want %+v", got, e)
			}
		},
	},
	{
		"a_known_key_is_left_out",
		"The same tenant, destination and key is the same news, in one call and in many, pending or settled.",
		func(r *rig) {
			first := r.entry("g", "k")
			again := r.entry("g", "k")
			again.Notification.Title = "other words"
			r.add(first, again)
			r.add(again)
			r.deliver(r.gives("k"))
			r.add(again)
			r.gives()
		},
	},
	{
		"a_key_is_of_a_tenant_and_a_destination",
		"The same key of another tenant or destination is other news.",
		func(r *rig) {
			other := r.entry("g", "k")
			other.Notification.Tenant += "-other"
			elsewhere := r.entry("g", "k")
			elsewhere.Destination += "-other"
			r.add(r.entry("g", "k"), other, elsewhere)
			r.gives("k", "k")
			r.destination = elsewhere.Destination
			r.gives("k")
		},
	},
}

var claimRules = []rule{
	{
		"a_claim_gives_the_first_of_each_group",
		"Groups are independent, and within one the order of writing is kept, one at a time.",
		func(r *rig) {
			r.add(r.entry("a", "a1"), r.entry("b", "b1"), r.entry("a", "a2"))
			r.add(r.entry("b", "b2"), r.entry("a", "a0")) // names do not matter
			c := r.gives("a1", "b1")
			r.gives()
			r.deliver(c)
			r.deliver(r.gives("a2", "b2"))
			r.deliver(r.gives("a0"))
			r.gives()
		},
	},
	{
		"groups_of_two_tenants_are_two",
		"A group belongs to its tenant.",
		func(r *rig) {
			other := r.entry("g", "theirs")
			other.Notification.Tenant += "-other"
			r.add(r.entry("g", "mine"), other)
			r.gives("mine", "theirs")
		},
	},
	{
		"a_claim_gives_at_most_the_limit",
		"What is over is left to the next claim, and none is given twice.",
		func(r *rig) {
			for i := range 5 {
				r.add(r.entry(strconv.Itoa(i), strconv.Itoa(i)))
			}
			seen := map[string]bool{}
			for _, want := range []int{2, 2, 1, 0} {
				c := r.claim(2)
				if len(c.entries) != want {
					r.t.Fatalf("a claim of 2 gives %q, want %d", c.keys(), want)
				}
				for _, key := range c.keys() {
					if seen[key] {
						r.t.Fatalf("%s is given twice", key)
					}
					seen[key] = true
				}
			}
		},
	},
	{
		"a_lease_ends",
		"What was claimed and never settled is given again when the lease is over, not before.",
		func(r *rig) {
			r.add(r.entry("g", "k"))
			r.gives("k")
			r.later(time.Minute - time.Microsecond)
			r.gives()
			r.later(time.Microsecond)
			r.gives("k")
		},
	},
	{
		"a_crowd_is_given_each_entry_once",
		"However many claim at once, an entry has one lease at a time.",
		func(r *rig) {
			for i := range 40 {
				r.add(r.entry(strconv.Itoa(i), strconv.Itoa(i)))
			}
			var wait sync.WaitGroup
			all := make([]claimed, 8)
			for i := range all {
				wait.Go(func() {
					for range 10 {
						c := r.claim(3)
						all[i].entries = append(all[i].entries, c.entries...)
					}
				})
			}
			wait.Wait()
			seen := map[string]bool{}
			for _, c := range all {
				for _, key := range c.keys() {
					if seen[key] {
						r.t.Fatalf("%s is given twice", key)
					}
					seen[key] = true
				}
			}
			for c := r.claim(100); len(c.entries) > 0; c = r.claim(100) { // what a crowd that stood in its own way left
				for _, key := range c.keys() {
					seen[key] = true
				}
			}
			if len(seen) != 40 {
				r.t.Fatalf("%d of 40 were given", len(seen))
			}
		},
	},
}

var settleRules = []rule{
	{
		"what_is_put_off_is_given_when_it_is_due",
		"A failed entry waits until its time, and its group with it; other groups go on.",
		func(r *rig) {
			r.add(r.entry("bad", "b1"), r.entry("bad", "b2"), r.entry("good", "g1"))
			c := r.gives("b1", "g1")
			bad, good := c, c
			for i, e := range c.entries {
				if e.Group == "bad" {
					bad.entries = c.entries[i : i+1]
				} else {
					good.entries = c.entries[i : i+1]
				}
			}
			r.settle(bad, notify.Pending, r.now.Add(10*time.Second))
			r.deliver(good)
			r.add(r.entry("good", "g2"))
			r.deliver(r.gives("g2"))
			r.later(10*time.Second - time.Microsecond)
			r.gives()
			r.later(time.Microsecond)
			again := r.gives("b1")
			equal(r, "attempts", again.entries[0].Attempts, 1)
			equal(r, "the last error", again.entries[0].LastError, "away")
			r.deliver(again)
			r.gives("b2")
		},
	},
	{
		"a_dead_letter_lets_its_group_go_on",
		"What is given up is not given again, and the next of its group is.",
		func(r *rig) {
			r.add(r.entry("g", "1"), r.entry("g", "2"))
			r.settle(r.gives("1"), notify.Dead, time.Time{})
			r.deliver(r.gives("2"))
			r.gives()
		},
	},
	{
		"a_result_whose_lease_is_over_is_ignored",
		"Who has claimed an entry since decides what becomes of it.",
		func(r *rig) {
			r.add(r.entry("g", "1"), r.entry("g", "2"))
			slow := r.gives("1")
			r.later(time.Minute)
			second := r.gives("1")
			r.settle(slow, notify.Dead, time.Time{})
			r.gives()
			r.deliver(second)
			r.deliver(slow)
			third := r.gives("2")
			r.deliver(second)
			r.gives()
			r.deliver(third)
			r.gives()
		},
	},
	{
		"settling_twice_changes_nothing",
		"A result may be sent again, as after an error that left its outcome open.",
		func(r *rig) {
			r.add(r.entry("g", "1"))
			c := r.gives("1")
			r.settle(c, notify.Pending, r.now.Add(time.Second))
			r.settle(c, notify.Pending, r.now.Add(time.Hour))
			r.later(time.Second)
			equal(r, "attempts", r.gives("1").entries[0].Attempts, 1)
		},
	},
	{
		"what_is_written_while_a_group_is_claimed_comes_behind",
		"A group that was emptied takes new entries, and loses none.",
		func(r *rig) {
			for i := range 5 {
				r.add(r.entry("g", "first"+strconv.Itoa(i)))
				c := r.gives("first" + strconv.Itoa(i))
				r.add(r.entry("g", "second"+strconv.Itoa(i)))
				r.deliver(c)
				r.deliver(r.gives("second" + strconv.Itoa(i)))
				r.gives()
			}
		},
	},
}

var tallyRules = []rule{
	{
		"a_tally_counts_what_waits_and_what_was_given_up",
		"By destination: the pending ones, the oldest of them, the dead ones, and the last error.",
		func(r *rig) {
			equal(r, "the tally of nothing", r.tally(), notify.Tally{})
			r.add(r.entry("a", "1"), r.entry("b", "2"))
			r.later(time.Second)
			r.add(r.entry("a", "3"))
			r.settle(r.claim(1), notify.Dead, time.Time{})
			got := r.tally()
			equal(r, "the oldest", got.Oldest, noon)
			got.Oldest = time.Time{}
			equal(r, "the tally", got, notify.Tally{Destination: r.destination, Pending: 2, Dead: 1, LastError: "away"})
			for range 3 {
				r.deliver(r.claim(10))
			}
			equal(r, "the tally at the end", r.tally(), notify.Tally{Destination: r.destination, Dead: 1, LastError: "away"})
		},
	},
	{
		"pruning_removes_what_was_settled_before",
		"Settled entries go, with their keys; pending ones stay, however old.",
		func(r *rig) {
			r.now = noon.AddDate(-10, 0, 0)
			old := r.now
			r.add(r.entry("g", "done"), r.entry("h", "open"))
			c := r.claim(10)
			for i, e := range c.entries {
				if e.Notification.Key == "done" {
					r.deliver(claimed{c.lease, c.entries[i : i+1]})
				}
			}
			if _, err := r.store.Prune(r.t.Context(), old, 1000); err != nil {
				r.t.Fatalf("Prune: %v", err)
			}
			r.add(r.entry("g", "done"))
			r.gives()
			if _, err := r.store.Prune(r.t.Context(), old.Add(time.Second), 1000); err != nil {
				r.t.Fatalf("Prune: %v", err)
			}
			r.later(time.Hour)
			r.add(r.entry("g", "done"))
			r.gives("done", "open")
		},
	},
}

// tally returns that of the rig's destination, and the zero Tally when it has no row.
func (r *rig) tally() notify.Tally {
	r.t.Helper()
	tallies, err := r.store.Tally(r.t.Context())
	if err != nil {
		r.t.Fatalf("Tally: %v", err)
	}
	for _, one := range tallies {
		if one.Destination == r.destination {
			return one
		}
	}
	return notify.Tally{}
}

// equal fails unless got is want; what names it.
func equal[T comparable](r *rig, what string, got, want T) {
	r.t.Helper()
	if got != want {
		r.t.Fatalf("%s is %v, want %v", what, got, want)
	}
}
