package supporttest

import (
	"errors"
	"time"

	"github.com/transbotai/tenon/support"
)

var ruleRules = group{"rules", []rule{
	{
		"rules_are_read_as_they_were_set",
		"Every field comes back, and the version counts.",
		func(r *rig) {
			first, err := r.desk().Rules(r.ctx())
			r.must(err)
			equal(r.t, "rules that nobody set", text(first), text(support.DefaultRules()))
			want := office()
			set, err := r.desk().SetRules(r.ctx(), want, "signed")
			r.must(err)
			want.Version = 1
			equal(r.t, "rules set", text(set), text(want))
			got, err := r.desk().Rules(r.ctx())
			r.must(err)
			equal(r.t, "rules read", text(got), text(want))
			_, err = r.desk().SetRules(r.ctx(), office(), "from the old ones")
			r.fails("a stale version", err, support.ErrStale)
		},
	},
	{
		"a_change_of_rules_moves_every_clock",
		"A calendar, a target and a plan's policy apply to tickets that are there, as if they had always held.",
		func(r *rig) {
			ref := r.open(support.P2)
			_, err := r.desk().SetRules(r.ctx(), office(), "")
			r.must(err)
			// 24 office hours from Tuesday 13:00 in Berlin: 4 that day, 8 each on three days.
			r.stands(ref, support.Resolution, support.Running, time.Date(2026, 3, 13, 12, 0, 0, 0, time.UTC))
			r.does(r.desk().SetPlan(r.ctx(), ref, "enterprise"))
			r.stands(ref, support.Resolution, support.Running, noon.Add(time.Hour))
		},
	},
	{
		"a_closed_ticket_keeps_its_clocks",
		"What was promised to a ticket that is closed stays as it was.",
		func(r *rig) {
			ref := r.open(support.P2)
			r.later(20 * time.Hour)
			r.does(r.desk().Solve(r.ctx(), ref, ""))
			before := r.does(r.desk().Close(r.ctx(), ref)).Clocks
			_, err := r.desk().SetRules(r.ctx(), office(), "")
			r.must(err)
			equal(r.t, "clocks", text(r.get(ref).Clocks), text(before))
		},
	},
	{
		"rules_that_cannot_be_right_are_refused",
		"Nothing is written, and the field is named.",
		func(r *rig) {
			type policy = *support.Policy // the first, which has the calendar, and the second, which has none
			ladder := func(p policy, steps ...support.Step) {
				p.Ladders = map[support.Priority][]support.Step{support.P1: steps}
			}
			for field, spoil := range map[string]func(s *support.Rules, first, second policy){
				"default":          func(s *support.Rules, _, _ policy) { s.Default = "none" },
				"plans.enterprise": func(s *support.Rules, _, _ policy) { s.Plans["enterprise"] = "none" },
				"calendars.berlin.zone": func(s *support.Rules, _, _ policy) {
					s.Calendars["berlin"] = support.Hours{Zone: "Mars/Phobos"}
				},
				"policies[0].name":     func(_ *support.Rules, first, _ policy) { first.Name = "" },
				"policies[1].name":     func(_ *support.Rules, first, second policy) { second.Name = first.Name },
				"policies[0].calendar": func(_ *support.Rules, first, _ policy) { first.Calendar = "none" },
				"policies[0].warn_at":  func(_ *support.Rules, first, _ policy) { first.WarnAt = 101 },
				"policies[0].targets.P0": func(_ *support.Rules, first, _ policy) {
					first.Targets["P0"] = support.Targets{}
				},
				"policies[0].targets.P1.resolution": func(_ *support.Rules, first, _ policy) {
					first.Targets[support.P1] = support.Targets{Resolution: -1}
				},
				"policies[0].targets.P3.first_response": func(_ *support.Rules, first, _ policy) {
					first.Targets[support.P3] = support.Targets{FirstResponse: 11 * 365 * day}
				},
				"policies[1].targets.P2.business": func(_ *support.Rules, _, second policy) {
					second.Targets[support.P2] = support.Targets{Resolution: time.Hour, Business: true}
				},
				"policies[0].ladders.P0": func(_ *support.Rules, first, _ policy) {
					first.Ladders = map[support.Priority][]support.Step{"P0": nil}
				},
				"policies[0].ladders.P1[0].name": func(_ *support.Rules, first, _ policy) { ladder(first, support.Step{}) },
				"policies[0].ladders.P1[1].name": func(_ *support.Rules, first, _ policy) {
					ladder(first, support.Step{Name: "a"}, support.Step{Name: "a"})
				},
				"policies[0].ladders.P1[0].after": func(_ *support.Rules, first, _ policy) {
					ladder(first, support.Step{Name: "a", After: -1})
				},
				"policies[0].ladders.P1[1].after": func(_ *support.Rules, first, _ policy) {
					ladder(first, support.Step{Name: "a", After: time.Hour}, support.Step{Name: "b"})
				},
			} {
				rules := office()
				spoil(&rules, &rules.Policies[0], &rules.Policies[1])
				_, err := r.desk().SetRules(r.ctx(), rules, "")
				r.refuses(field, err)
			}
			closed := office()
			closed.Calendars["berlin"] = support.Hours{Zone: "UTC"}
			_, err := r.desk().SetRules(r.ctx(), closed, "")
			r.fails("a calendar that is always closed", err, support.ErrAlwaysClosed)
			rules, err := r.desk().Rules(r.ctx())
			r.must(err)
			equal(r.t, "version", rules.Version, int64(0))
		},
	},
	{
		"rules_that_cannot_be_recorded_are_not_in_force",
		"An error of the recorder undoes the change, timers and all, and is returned.",
		func(r *rig) {
			ref, deaf := r.open(support.P2), errors.New("deaf")
			r.heard.Refuse(deaf)
			_, err := r.desk().SetRules(r.ctx(), office(), "")
			r.fails("set", err, deaf)
			r.heard.Refuse(nil)
			r.stands(ref, support.Resolution, support.Running, noon.Add(24*time.Hour))
			set, err := r.desk().SetRules(r.ctx(), office(), "")
			r.must(err)
			equal(r.t, "version", set.Version, int64(1))
		},
	},
}}

// office are rules by business time for all but the plan "enterprise".
func office() support.Rules {
	return support.Rules{
		Default: "office", Plans: map[string]string{"enterprise": "round the clock"},
		Calendars: map[string]support.Hours{"berlin": {
			Zone: "Europe/Berlin", Week: support.Weekdays(support.Span{From: support.At(9, 0), To: support.At(17, 0)}),
			Holidays: []support.Holiday{{Name: "Christmas", From: "2026-12-25", To: "2026-12-26", Yearly: true}},
			Dates:    map[support.Date][]support.Span{"2026-12-24": {{From: support.At(9, 0), To: support.At(12, 0)}}},
		}},
		Policies: []support.Policy{
			{Name: "office", Calendar: "berlin", Targets: map[support.Priority]support.Targets{
				support.P2: {Resolution: 24 * time.Hour, Business: true},
			}},
			{Name: "round the clock", Targets: map[support.Priority]support.Targets{support.P2: {Resolution: time.Hour}}, WarnAt: -1},
		},
	}
}
