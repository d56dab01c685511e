package supporttest

import (
	"errors"
	"sync"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/support"
)

var ticketRules = group{"tickets", []rule{
	{
		"a_ticket_is_read_as_it_was_written",
		"Every event comes back to the microsecond and the last field, in its order.",
		func(r *rig) {
			ref := r.open(support.P2)
			r.later(time.Minute + time.Microsecond)
			r.does(r.desk().Assign(r.ctx(), ref, "carl"))
			r.does(r.desk().Note(r.ctx(), ref, "looks bad"))
			want := r.does(r.desk().Pend(r.ctx(), ref, "asked for a log"))
			got := r.get(ref)
			equal(r.t, "the ticket", got.History, want.History)
			equal(r.t, "its state", got.State, support.StatePending)
			equal(r.t, "its people", []string{got.Requester, got.Assignee}, []string{"bob", "carl"})
			equal(r.t, "its replay", support.Replay(ref, got.History).State, got.State)
		},
	},
	{
		"a_clock_that_was_put_back_does_not_reorder_a_history",
		"No act is older than what it follows, and no clock counts the time twice.",
		func(r *rig) {
			ref := r.open(support.P1)
			r.later(time.Hour)
			r.does(r.desk().Reply(r.ctx(), ref, "we look"))
			r.later(-30 * time.Minute)
			want := r.does(r.desk().Pend(r.ctx(), ref, "asked for a log"))
			equal(r.t, "when it was pended", want.History[2].At, noon.Add(time.Hour))
			equal(r.t, "the history", r.get(ref).History, want.History)
			equal(r.t, "elapsed", r.clock(ref, support.Resolution).Elapsed, time.Hour)
		},
	},
	{
		"a_ticket_is_its_tenants_alone",
		"Another tenant's ticket is not found, and cannot be changed.",
		func(r *rig) {
			ref := r.open(support.P1)
			other := support.Ref{Tenant: "zenith", ID: ref.ID}
			_, err := r.desk().Get(r.ctx(), other)
			r.fails("get", err, support.ErrUnknownTicket)
			_, err = r.desk().Acknowledge(r.ctx(), other)
			r.fails("acknowledge", err, support.ErrUnknownTicket)
		},
	},
	{
		"an_id_may_be_that_of_two_tenants",
		"Lists of all tenants keep their histories apart, and no page leaves one out.",
		func(r *rig) {
			id := tenon.NewID(r.now)
			for _, tenant := range []string{"acme", "zenith", "globex"} {
				t := r.does(r.desk().Open(r.ctx(), support.NewTicket{Tenant: tenant, ID: id, Priority: support.P1, Issue: tenant}))
				r.does(r.desk().Reply(r.ctx(), t.Ref, "to "+tenant))
			}
			r.later(time.Second)
			r.open(support.P3)
			seen := map[string]int{}
			q := support.TicketQuery{Limit: 2}
			for {
				page, err := r.desk().List(r.ctx(), q)
				r.must(err)
				if len(page) == 0 {
					break
				}
				for _, t := range page {
					seen[t.Tenant+"/"+t.Issue] += len(t.History)
				}
				q.Before = page[len(page)-1].ID
			}
			equal(r.t, "events", seen, map[string]int{"acme/acme": 2, "zenith/zenith": 2, "globex/globex": 2, "acme/no quotes": 1})
		},
	},
	{
		"forbidden_transitions_are_refused",
		"A transition that the state does not allow is an ErrTransition, and nothing is written.",
		func(r *rig) {
			ref := r.open(support.P3)
			_, err := r.desk().Close(r.ctx(), ref)
			r.fails("close an open one", err, support.ErrTransition)
			_, err = r.desk().Resume(r.ctx(), ref)
			r.fails("resume an open one", err, support.ErrTransition)
			_, err = r.desk().Reopen(r.ctx(), ref, "")
			r.fails("reopen an open one", err, support.ErrTransition)
			r.does(r.desk().Solve(r.ctx(), ref, "restarted"))
			_, err = r.desk().Pend(r.ctx(), ref, "")
			r.fails("pend a solved one", err, support.ErrTransition)
			r.does(r.desk().Close(r.ctx(), ref))
			for _, act := range []func() (support.Ticket, error){
				func() (support.Ticket, error) { return r.desk().Reopen(r.ctx(), ref, "") },
				func() (support.Ticket, error) { return r.desk().Hear(r.ctx(), ref, "again") },
				func() (support.Ticket, error) { return r.desk().Prioritise(r.ctx(), ref, support.P1, "") },
			} {
				_, err = act()
				r.fails("act on a closed one", err, support.ErrTransition)
			}
			equal(r.t, "events", len(r.get(ref).History), 3)
		},
	},
	{
		"bad_input_is_refused",
		"Input that cannot be right is an ErrInvalid, and nothing is written.",
		func(r *rig) {
			for _, n := range []support.NewTicket{
				{Priority: support.P1, Issue: "x"},
				{Tenant: "acme", Priority: "P4", Issue: "x"},
				{Tenant: "acme", Issue: "x"},
				{Tenant: "acme", Priority: support.P1},
				{Tenant: "acme", Priority: support.P1, Issue: "a\x00b"},
				{Tenant: "acme", Priority: support.P1, Issue: "x", ID: "7"},
				{Tenant: "acme", Priority: support.P1, Issue: "x", ID: oddIDs[1]},
				{Tenant: "a\xffb", Priority: support.P1, Issue: "x"},
			} {
				_, err := r.desk().Open(r.ctx(), n)
				r.fails(text(n), err, tenon.ErrInvalid)
			}
			ref := r.open(support.P1)
			_, err := r.desk().Prioritise(r.ctx(), ref, "urgent", "")
			r.fails("prioritise", err, tenon.ErrInvalid)
			_, err = r.desk().Reply(r.ctx(), ref, "")
			r.fails("an empty reply", err, tenon.ErrInvalid)
			for field, queries := range map[string][]support.TicketQuery{
				"id": {{ID: oddIDs[0]}, {ID: oddIDs[1]}}, "before": {{Before: oddIDs[2]}}, "tenant": {{Tenant: "a\x00"}},
				"states": {{States: []support.State{support.StateOpen, "lost"}}}, "limit": {{Limit: -1}, {Limit: 1001}},
			} {
				for _, q := range queries {
					_, err = r.desk().List(r.ctx(), q)
					r.refuses(field, err)
				}
			}
			_, err = r.desk().Report(r.ctx(), "a\x00", noon, r.now.Add(time.Hour))
			r.refuses("tenant", err)
			for _, odd := range oddRefs(ref) {
				_, err = r.desk().Get(r.ctx(), odd)
				r.fails("get "+text(odd), err, support.ErrUnknownTicket)
				_, err = r.desk().Acknowledge(r.ctx(), odd)
				r.fails("acknowledge "+text(odd), err, support.ErrUnknownTicket)
			}
			equal(r.t, "events", len(r.get(ref).History), 1)
		},
	},
	{
		"opening_twice_by_the_same_id_is_one_ticket",
		"A retry returns the ticket; another issue under the same id is an ErrTaken. So do two at once.",
		func(r *rig) {
			n := support.NewTicket{Tenant: "acme", ID: tenon.NewID(r.now), Priority: support.P1, Issue: "down"}
			var wait sync.WaitGroup
			for range 4 {
				wait.Go(func() {
					if _, err := r.desk().Open(r.ctx(), n); err != nil {
						r.t.Errorf("open: %v", err)
					}
				})
			}
			wait.Wait()
			equal(r.t, "events", len(r.get(support.Ref{Tenant: n.Tenant, ID: n.ID}).History), 1)
			n.Issue = "up"
			_, err := r.desk().Open(r.ctx(), n)
			r.fails("another issue", err, support.ErrTaken)
		},
	},
	{
		"lists_are_by_page_newest_first",
		"A page follows the one before it, within the tenant, the states and the time asked for.",
		func(r *rig) {
			var refs []support.Ref
			for range 5 {
				refs = append(refs, r.open(support.P3))
				r.later(time.Minute)
			}
			r.does(r.desk().Solve(r.ctx(), refs[1], ""))
			_, err := r.desk().Open(r.ctx(), support.NewTicket{Tenant: "zenith", Priority: support.P1, Issue: "x"})
			r.must(err)
			ids := func(q support.TicketQuery) (ids []string) {
				found, err := r.desk().List(r.ctx(), q)
				r.must(err)
				for _, t := range found {
					ids = append(ids, t.ID)
				}
				return ids
			}
			equal(r.t, "the first page", ids(support.TicketQuery{Tenant: "acme", Limit: 2}), []string{refs[4].ID, refs[3].ID})
			equal(r.t, "the next page", ids(support.TicketQuery{Tenant: "acme", Limit: 2, Before: refs[3].ID}), []string{refs[2].ID, refs[1].ID})
			equal(r.t, "the solved", ids(support.TicketQuery{Tenant: "acme", States: []support.State{support.StateSolved}}), []string{refs[1].ID})
			equal(r.t, "of every tenant", len(ids(support.TicketQuery{})), 6)
			q := support.TicketQuery{OpenedSince: noon.Add(time.Minute), OpenedBefore: noon.Add(3 * time.Minute)}
			equal(r.t, "by time", ids(q), []string{refs[2].ID, refs[1].ID})
		},
	},
	{
		"a_change_that_cannot_be_told_is_not_made",
		"An error of the recorder undoes the change, timers and all, and is returned.",
		func(r *rig) {
			ref := r.open(support.P1)
			deaf := errors.New("deaf")
			r.heard.Refuse(deaf)
			_, err := r.desk().Acknowledge(r.ctx(), ref)
			r.fails("acknowledge", err, deaf)
			r.heard.Refuse(nil)
			equal(r.t, "events", len(r.get(ref).History), 1)
			r.later(2 * time.Hour)
			r.tick(ref)
			equal(r.t, "escalations", r.heard.Told()[0].Kind, "support.escalated")
		},
	},
	{
		"every_change_is_recorded",
		"The recorder hears of each act, and of each thing that the clocks did.",
		func(r *rig) {
			ref := r.open(support.P1)
			r.later(2 * time.Hour)
			r.tick(ref)
			r.does(r.desk().Acknowledge(r.ctx(), ref))
			equal(r.t, "actions", r.heard.actions(), []string{
				"support.ticket_opened", "support.ticket_escalated", "support.ticket_breached", "support.ticket_acknowledged",
			})
		},
	},
}}
