package slotest

import (
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/slo"
)

var stateRules = group{"state", []rule{
	{
		"an_empty_store_has_an_empty_state",
		"Load of a store that nothing was written to is not an error.",
		func(r *rig) {
			s := r.load()
			conform.Equal(r.t, "objectives, exclusions, episodes, overrides",
				[]int{len(s.Objectives), len(s.Exclusions), len(s.Episodes), len(s.Overrides)}, []int{0, 0, 0, 0})
			conform.Equal(r.t, "frozen", s.Freeze.Frozen, false)
			conform.Equal(r.t, "evaluated", s.Evaluated.IsZero(), true)
		},
	},
	{
		"what_an_edit_made_is_loaded_as_it_was",
		"Change stores what the edit left, to the microsecond and the last field, and returns it.",
		func(r *rig) {
			want := full(r.now)
			got, err := r.store.Change(r.ctx(), func(s *slo.State) (slo.Effects, error) {
				*s = *want.Clone()
				return slo.Effects{}, nil
			})
			r.must(err)
			conform.Equal(r.t, "the state after", got, want)
			conform.Equal(r.t, "the state loaded", r.load(), want)
		},
	},
	{
		"an_edit_that_fails_writes_nothing",
		"The error of an edit is returned, and nothing it did is stored.",
		func(r *rig) {
			broken := errors.New("broken")
			_, err := r.store.Change(r.ctx(), func(s *slo.State) (slo.Effects, error) {
				*s = *full(r.now)
				return slo.Effects{}, broken
			})
			r.fails("the edit", err, broken)
			conform.Equal(r.t, "objectives", len(r.load().Objectives), 0)
		},
	},
	{
		"what_is_loaded_may_be_changed",
		"The caller may change what Load and Change return.",
		func(r *rig) {
			r.define(uptime())
			r.load().Objectives[0].Target = 1
			conform.Equal(r.t, "the target", r.load().Objectives[0].Target, uptime().Target)
		},
	},
	{
		"what_is_over_leaves_the_state",
		"A resolved episode, an ended override and what the edit took away are not loaded again; the episode is history.",
		func(r *rig) {
			end := func(s *slo.State) (slo.Effects, error) {
				s.Episodes[0].ResolvedAt, s.Overrides[0].EndedAt = r.now, r.now
				s.Exclusions, s.Objectives = nil, nil
				return slo.Effects{}, nil
			}
			was := full(r.now)
			_, err := r.store.Change(r.ctx(), func(s *slo.State) (slo.Effects, error) {
				*s = *was.Clone()
				return slo.Effects{}, nil
			})
			r.must(err)
			_, err = r.store.Change(r.ctx(), end)
			r.must(err)
			s := r.load()
			conform.Equal(r.t, "what is left", len(s.Objectives)+len(s.Exclusions)+len(s.Episodes)+len(s.Overrides), 0)
			if h, ok := r.store.(slo.Historian); ok {
				r.remembers(h, was.Episodes)
			}
		},
	},
	{
		"what_is_not_over_is_not_taken_away",
		"An edit that drops an open episode, or an override that has not ended, is refused, and nothing is written.",
		func(r *rig) {
			was := full(r.now)
			_, err := r.store.Change(r.ctx(), func(s *slo.State) (slo.Effects, error) {
				*s = *was.Clone()
				return slo.Effects{}, nil
			})
			r.must(err)
			for field, drop := range map[string]func(s *slo.State){
				"episodes":  func(s *slo.State) { s.Episodes = nil },
				"overrides": func(s *slo.State) { s.Overrides = nil },
			} {
				_, err := r.store.Change(r.ctx(), func(s *slo.State) (slo.Effects, error) {
					drop(s)
					return slo.Effects{}, nil
				})
				r.refuses(field, err)
			}
			conform.Equal(r.t, "the state", r.load(), was)
		},
	},
	{
		"history_begins_with_the_oldest_and_is_bounded",
		"Episodes come oldest first, open and resolved, and no more than were asked for.",
		func(r *rig) {
			h, ok := r.store.(slo.Historian)
			if !ok {
				return
			}
			first := full(r.now).Episodes[0]
			second, third := first, first
			second.ID, third.ID = tenon.NewID(r.now.Add(time.Second)), tenon.NewID(r.now.Add(2*time.Second))
			second.Alert, third.Alert = slo.AlertBudget, slo.AlertAbsence
			_, err := r.store.Change(r.ctx(), func(s *slo.State) (slo.Effects, error) {
				s.Episodes = []slo.Episode{third, first, second}
				return slo.Effects{}, nil
			})
			r.must(err)
			second.ResolvedAt = r.now
			after, err := r.store.Change(r.ctx(), func(s *slo.State) (slo.Effects, error) {
				s.Episodes[1] = second
				return slo.Effects{}, nil
			})
			r.must(err)
			conform.Equal(r.t, "what is open", after.Episodes, []slo.Episode{first, third})
			for limit, want := range [][]slo.Episode{{}, {first}, {first, second}, {first, second, third}, {first, second, third}} {
				past, err := h.Episodes(r.ctx(), r.now.Add(-time.Second), limit)
				r.must(err)
				conform.Equal(r.t, "the history", append([]slo.Episode{}, past...), want)
			}
		},
	},
	{
		"changes_at_once_lose_nothing",
		"Changes take turns: each edit is handed what the one before it stored.",
		func(r *rig) {
			const n = 12
			var wg sync.WaitGroup
			for i := range n {
				wg.Go(func() {
					_, err := r.store.Change(r.ctx(), func(s *slo.State) (slo.Effects, error) {
						o := uptime()
						o.Name, o.Version, o.CreatedAt, o.Since = "o"+strconv.Itoa(i), len(s.Objectives)+1, r.now, r.now
						s.Objectives = append(s.Objectives, o)
						return slo.Effects{}, nil
					})
					if err != nil {
						r.t.Errorf("Change: %v", err)
					}
				})
			}
			wg.Wait()
			versions := map[int]bool{}
			for _, o := range r.load().Objectives {
				versions[o.Version] = true
			}
			conform.Equal(r.t, "edits that saw each other", len(versions), n)
		},
	},
}}

// remembers asks for the history of the one episode, which is over now.
func (r *rig) remembers(h slo.Historian, want []slo.Episode) {
	past, err := h.Episodes(r.ctx(), r.now.Add(-time.Second), 10)
	r.must(err)
	want[0].ResolvedAt = r.now
	conform.Equal(r.t, "the history", past, want)
	past, err = h.Episodes(r.ctx(), r.now, 10)
	r.must(err)
	conform.Equal(r.t, "episodes that were over", len(past), 0)
}

// full is a state with something in every field.
func full(now time.Time) *slo.State {
	now = tenon.Instant(now.Add(123_456_789 * time.Nanosecond))
	o := slo.Objective{
		Key: slo.Key{Tenant: "acme", Name: "slices"}, Description: "described", Kind: slo.TimeSlice, Target: 990_000,
		Window: slo.Window{Calendar: slo.Monthly, Zone: "Europe/Berlin"}, Threshold: 1500 * time.Microsecond, Slice: 950_000,
		Tiers: []slo.Tier{}, BudgetAlerts: []slo.PPM{250_000}, Absence: time.Hour, Traffic: slo.Traffic{MinEvents: 5, MinBad: 3, Fallback: -1},
		Advisory: true, Version: 3, CreatedAt: now, Since: now.Add(-time.Hour),
	}
	plain := uptime()
	plain.Version, plain.CreatedAt, plain.Since = 1, now, now
	x := slo.Exclusion{
		ID: tenon.NewID(now), Key: slo.Key{Name: "uptime"}, From: now, To: now.Add(time.Hour), Repeat: slo.EachWeek,
		Until: now.AddDate(0, 6, 0), Zone: "Asia/Kolkata", Reason: "maintenance", By: "ops", CreatedAt: now,
	}
	e := slo.Episode{
		ID: tenon.NewID(now), Key: slo.Key{Name: "uptime"}, Alert: slo.AlertBurn, Signal: "14.4", Level: 14_400,
		Severity: tenon.SeverityCritical, Text: "text", Resolves: "resolves", OpenedAt: now, ToldAt: now, Version: 1,
	}
	v := slo.Override{ID: tenon.NewID(now), Reason: "needed", By: "ops", CreatedAt: now, Until: now.Add(time.Hour)}
	return &slo.State{
		Objectives: []slo.Objective{plain, o}, Exclusions: []slo.Exclusion{x}, Episodes: []slo.Episode{e},
		Overrides: []slo.Override{v}, Evaluated: now,
		Freeze: slo.Freeze{Frozen: true, ID: tenon.NewID(now), Since: now, Because: []slo.Key{{Name: "uptime"}, o.Key}, Thawed: now},
	}
}
