package notifytest

import (
	"strings"
	"time"

	"github.com/transbotai/tenon/notify"
)

var reviewRules = []rule{
	{
		"a_list_shows_entries_as_written",
		"By tenant, destination and state, in the order of writing, as many as asked for.",
		func(r *rig) {
			v, ok := r.reviewer()
			if !ok {
				return // the rule is about what the store does not promise
			}
			r.add(r.entry("g", "1"), r.entry("g", "2"), r.entry("h", "3"))
			r.settle(r.claim(1), notify.Dead, time.Time{})
			r.deliver(r.claim(1))
			all := notify.Query{Destination: r.destination}
			equal(r, "all", len(r.list(v, all)), 3)
			equal(r, "of the tenant", len(r.list(v, notify.Query{Tenant: r.tenant})), 3)
			equal(r, "of another", len(r.list(v, notify.Query{Tenant: r.tenant + "-other"})), 0)
			all.Limit = 2
			equal(r, "the second of two", r.list(v, all)[1].Notification.Key, "2")
			all.Newest = true
			equal(r, "the newest", r.list(v, all)[0].Notification.Key, "3")
			for _, state := range []notify.State{notify.Dead, notify.Delivered, notify.Pending} {
				list := r.list(v, notify.Query{Destination: r.destination, State: state})
				equal(r, "how many are "+string(state), len(list), 1)
				equal(r, "its state", list[0].State, state)
				equal(r, "it is settled", list[0].SettledAt.IsZero(), state == notify.Pending)
			}
		},
	},
	{
		"a_replay_makes_an_entry_pending_in_its_old_place",
		"A dead letter that is replayed goes before what waits in its group, with no attempts behind it.",
		func(r *rig) {
			v, ok := r.reviewer()
			if !ok {
				return
			}
			r.add(r.entry("g", "1"), r.entry("g", "2"))
			dead := r.gives("1")
			r.settle(dead, notify.Dead, time.Time{})
			r.later(time.Hour)
			r.replay(v, dead.entries[0].Ref(), nil)
			r.replay(v, dead.entries[0].Ref(), nil) // it is pending now, and stays so
			c := r.gives("1")
			equal(r, "attempts", c.entries[0].Attempts, 0)
			equal(r, "the last error", c.entries[0].LastError, "")
			equal(r, "pending since", c.entries[0].Since, r.now)
			r.deliver(c)
			r.deliver(r.gives("2"))
			r.replay(v, c.entries[0].Ref(), nil)
			r.gives("1")
		},
	},
	{
		"a_replay_of_what_is_unknown_is_not_found",
		"So is an entry of another tenant, and an id that is none.",
		func(r *rig) {
			v, ok := r.reviewer()
			if !ok {
				return
			}
			e := r.entry("g", "1")
			r.add(e)
			for _, ref := range []notify.Ref{
				{Tenant: r.tenant, ID: r.entry("g", "1").ID},
				{Tenant: r.tenant + "-other", ID: e.ID},
				{Tenant: r.tenant, ID: "x"},
				{Tenant: r.tenant, ID: strings.ReplaceAll(e.ID, "-", "0")},
				{Tenant: r.tenant, ID: "g" + e.ID[1:]},
				{},
			} {
				r.replay(v, ref, notify.ErrUnknownEntry)
			}
		},
	},
}

func (r *rig) replay(v notify.Reviewer, ref notify.Ref, want error) {
	r.t.Helper()
	r.is(v.Replay(r.t.Context(), ref, r.now), want)
}
