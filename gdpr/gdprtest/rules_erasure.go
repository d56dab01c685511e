package gdprtest

import (
	"errors"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/internal/conform"
)

var erasureRules = group{"erasure", []rule{
	{"marks_at_once_and_erases_after_the_grace", "the grace is waited for, to the microsecond", func(r *rig) {
		q, other := r.verified(gdpr.KindErasure, acme), r.verified(gdpr.KindErasure, zenith)
		conform.Equal(r.t, "state", q.State, gdpr.StateMarked)
		_, err := r.desk().Withdraw(r.as("zenith", "owner"), other.Key, "we stay")
		r.must(err)
		r.now = q.EraseAt.Add(-time.Microsecond)
		r.must(r.round())
		conform.Equal(r.t, "rows", r.host.of(q.Key), "marked")
		r.now = q.EraseAt
		r.must(r.round())
		conform.Equal(r.t, "rows", r.host.of(q.Key), "erased")
		conform.Equal(r.t, "the other's", r.host.of(other.Key), "restored")
		r.stands(other.Key, gdpr.StateWithdrawn)
	}},
	{"forgets_whose_it_was", "of a completed erasure nothing says whose it was, in any request or hold", func(r *rig) {
		r.verified(gdpr.KindExport, acme)
		r.must(r.round())
		h, err := r.desk().Hold(r.staff(), ann, "over")
		r.must(err)
		r.must(r.desk().Release(r.staff(), h.Key))
		q := r.verified(gdpr.KindErasure, acme)
		_, err = r.desk().Extend(r.staff(), q.Key, "the tables of acme are many")
		r.must(err)
		r.ask(gdpr.KindExport, zenith)
		r.later(11 * day)
		r.must(r.round())
		r.must(r.round())
		old := r.load("acme")
		conform.Equal(r.t, "under its name", []int{len(old.Requests), len(old.Holds)}, []int{0, 0})
		kept := r.load("erased/" + q.ID)
		conform.Equal(r.t, "kept", []int{len(kept.Requests), len(kept.Holds)}, []int{2, 1})
		for _, k := range kept.Requests {
			if k.By+k.Reason+k.How+k.VerifiedBy+k.Answer+string(k.Plan) != "" || !k.Forgotten || !k.State.Closed() {
				r.t.Fatalf("kept: %+v", k)
			}
			if k.Extension != nil && k.Extension.By+k.Extension.Reason != "" {
				r.t.Fatalf("kept of the extension: %+v", k.Extension)
			}
		}
		conform.Equal(r.t, "files", r.host.kept(), 0)
		conform.Equal(r.t, "the other's", len(r.load("zenith").Requests), 1)
	}},
	{"of_a_person_forgets_the_person_alone", "an erasure of a person leaves the company's requests", func(r *rig) {
		company := r.ask(gdpr.KindExport, acme)
		q := r.verified(gdpr.KindErasure, ann)
		r.later(11 * day)
		r.must(r.round())
		q = r.stands(q.Key, gdpr.StateCompleted)
		conform.Equal(r.t, "user", q.User, "erased/"+q.ID)
		conform.Equal(r.t, "reason", q.Reason+q.By, "")
		conform.Equal(r.t, "the company's", r.get(company.Key).Reason, "we leave")
	}},
	{"can_be_withdrawn_until_it_begins", "in the grace the rows are restored; afterwards there is no way back", func(r *rig) {
		q := r.verified(gdpr.KindErasure, acme)
		r.host.breaks("restore", true)
		_, err := r.desk().Withdraw(r.as("acme", "owner"), q.Key, "we stay")
		r.fails("withdraw", err, errHost)
		r.stands(q.Key, gdpr.StateRestoring)
		r.host.breaks("restore", false)
		r.later(time.Minute)
		r.must(r.round())
		r.stands(q.Key, gdpr.StateWithdrawn)
		conform.Equal(r.t, "rows", r.host.of(q.Key), "restored")

		q = r.verified(gdpr.KindErasure, acme)
		r.host.breaks("erase", true)
		r.later(11 * day)
		r.fails("round", r.round(), errHost)
		_, err = r.desk().Withdraw(r.as("acme", "owner"), q.Key, "we stay")
		r.fails("too late", err, gdpr.ErrState)
	}},
	{"what_fails_is_tried_again", "a failed step is put off, longer each time, shown, and told after some failures", func(r *rig) {
		r.host.breaks("mark", true)
		q := r.ask(gdpr.KindErasure, acme)
		_, err := r.desk().Verify(r.staff(), q.Key, "called back")
		r.fails("verify", err, errHost)
		r.must(r.round())
		conform.Equal(r.t, "calls before it is due", r.host.called("mark"), 1)
		for range 4 {
			r.later(time.Hour)
			r.fails("round", r.round(), errHost)
		}
		q = r.stands(q.Key, gdpr.StateVerified)
		step := q.Step("mark")
		conform.Equal(r.t, "step", []any{step.Attempts, step.Error, step.NextAt}, []any{5, errHost.Error(), r.now.Add(160 * time.Second)})
		conform.Equal(r.t, "told", r.heard.kinds(), []string{"gdpr.step_failing"})
		r.host.breaks("mark", false)
		r.later(time.Hour)
		r.must(r.round())
		r.stands(q.Key, gdpr.StateMarked)
	}},
	{"a_satellite_that_fails_blocks_no_other", "each satellite is called until it confirms, whatever becomes of the others", func(r *rig) {
		one, two, three := r.satellite("one"), r.satellite("two"), r.satellite("three")
		for _, s := range []*satellite{one, two, three} {
			sat := gdpr.Satellite{Name: s.name, Eraser: s, Exporter: s}
			if s == three {
				sat.After = []string{"one"}
			}
			r.opts.Satellites = append(r.opts.Satellites, sat)
		}
		q, other := r.verified(gdpr.KindErasure, acme), r.verified(gdpr.KindExport, zenith)
		r.later(11 * day)
		r.host.breaks("one", true)
		r.fails("round", r.round(), errHost)
		conform.Equal(r.t, "two and three", []int{r.host.called("two"), r.host.called("three")}, []int{1, 0})
		at := r.stands(q.Key, gdpr.StateErasing)
		conform.Equal(r.t, "shown", at.Step("satellite/one").Error, errHost.Error())
		conform.Equal(r.t, "with its deadline", at.DueAt.IsZero(), false)
		r.host.breaks("one", false)
		r.later(time.Minute)
		r.must(r.round())
		conform.Equal(r.t, "calls", []int{r.host.called("one"), r.host.called("two"), r.host.called("three")}, []int{2, 1, 1})
		done := r.load("erased/" + q.ID)
		conform.Equal(r.t, "state", done.Requests[0].State, gdpr.StateCompleted)
		for _, s := range []*satellite{one, two, three} {
			conform.Equal(r.t, "the other's rows", s.gone["zenith"].IsZero(), true)
		}
		r.stands(other.Key, gdpr.StateCompleted)
	}},
	{"a_satellite_must_confirm", "one that says it has forgotten and has not is a failure", func(r *rig) {
		s := r.satellite("one")
		s.lies = true
		r.opts.Satellites = []gdpr.Satellite{{Name: "one", Eraser: s, Exporter: s}}
		q := r.verified(gdpr.KindErasure, acme)
		r.later(11 * day)
		if err := r.round(); err == nil {
			r.t.Fatal("it was believed")
		}
		r.stands(q.Key, gdpr.StateErasing)
	}},
	{"what_a_satellite_forgets_in_parts_is_added_up", "a satellite says what one call did; the step says what all did", func(r *rig) {
		r.opts.Satellites = []gdpr.Satellite{{Name: "one", Eraser: &inParts{}}}
		q := r.verified(gdpr.KindErasure, acme)
		r.later(11 * day)
		r.fails("round", r.round(), errHost)
		q = r.get(q.Key)
		conform.Equal(r.t, "rows", q.Step("satellite/one").Rows, map[string]int64{"things": 3})
		r.later(time.Minute)
		r.must(r.round())
		done := r.load("erased/" + q.ID).Requests[0]
		conform.Equal(r.t, "rows", done.Step("satellite/one").Rows, map[string]int64{"things": 5})
	}},
	{"why_it_fails_is_kept_as_text", "whatever an error says, what is kept of it is text of bounded length", func(r *rig) {
		torn := failing{errors.New("torn \x00\xff: " + strings.Repeat("é", 1000))}
		r.opts.Satellites = []gdpr.Satellite{{Name: "one", Eraser: torn}}
		q := r.verified(gdpr.KindErasure, acme)
		r.later(11 * day)
		r.fails("round", r.round(), torn.err)
		q = r.get(q.Key)
		conform.Equal(r.t, "error", q.Step("satellite/one").Error, "torn : "+strings.Repeat("é", 496))
	}},
	{"many_instances_do_it_once", "rounds of many instances at once call each step once", func(r *rig) {
		s := r.satellite("one")
		r.opts.Satellites = []gdpr.Satellite{{Name: "one", Eraser: s, Exporter: s}}
		r.verified(gdpr.KindErasure, acme)
		r.verified(gdpr.KindErasure, zenith)
		r.later(11 * day)
		errs := make(chan error)
		for range 4 {
			go func() { errs <- r.round() }()
		}
		for range 4 {
			r.must(<-errs)
		}
		r.must(r.round())
		conform.Equal(r.t, "calls", []int{r.host.called("erase"), r.host.called("one")}, []int{2, 2})
	}},
	{"what_a_dead_instance_held_is_taken_over", "work whose instance died goes on when its lease is over", func(r *rig) {
		q := r.verified(gdpr.KindErasure, acme)
		r.later(11 * day)
		conform.Equal(r.t, "claimed", r.claim("dead", r.now, 1), []string{q.ID})
		r.must(r.round())
		r.stands(q.Key, gdpr.StateMarked)
		r.later(time.Hour)
		r.must(r.round())
		conform.Equal(r.t, "rows", r.host.of(q.Key), "erased")
	}},
	{"in_a_callers_transaction_the_work_is_left_to_run", "a desk bound to a transaction marks and restores nothing by itself", func(r *rig) {
		q := r.ask(gdpr.KindErasure, acme)
		bound := func() *gdpr.Desk { return r.desk().WithStore(clocked{r.store, r.now}) }
		q, err := bound().Verify(r.staff(), q.Key, "called back")
		r.must(err)
		conform.Equal(r.t, "state and rows", string(q.State)+r.host.of(q.Key), "verified")
		r.must(r.round())
		conform.Equal(r.t, "rows", r.host.of(q.Key), "marked")
		q, err = bound().Withdraw(r.staff(), q.Key, "we stay")
		r.must(err)
		conform.Equal(r.t, "state and rows", string(q.State)+" "+r.host.of(q.Key), "restoring marked")
		r.must(r.round())
		conform.Equal(r.t, "rows", r.host.of(q.Key), "restored")
	}},
	{"goes_on_by_a_new_plan", "an erasure whose plan the schema has left behind goes on at once when there is a new one", func(r *rig) {
		s := r.satellite("one")
		r.opts.Satellites = []gdpr.Satellite{{Name: "one", Eraser: s}}
		r.host.breaks("one", true)
		q := r.verified(gdpr.KindErasure, acme)
		r.later(11 * day)
		r.host.alter("another")
		r.fails("round", r.round(), tenon.ErrConflict)
		r.stands(q.Key, gdpr.StateErasing)
		q, err := r.desk().Replan(r.staff(), q.Key)
		r.must(err)
		conform.Equal(r.t, "hash", q.PlanHash, "another")
		r.must(r.round())
		conform.Equal(r.t, "rows", r.host.of(q.Key), "erased")
		_, err = r.desk().Replan(r.staff(), q.Key)
		r.fails("when the tables are done", err, gdpr.ErrState)
		conform.Equal(r.t, "hash", r.get(q.Key).PlanHash, "another")
	}},
	{"only_what_is_to_be_erased_is_planned_again", "an export, and what is over, has no plan", func(r *rig) {
		export, over := r.ask(gdpr.KindExport, acme), r.ask(gdpr.KindErasure, acme)
		_, err := r.desk().Refuse(r.staff(), over.Key, "the tax office needs it")
		r.must(err)
		withdrawn := r.verified(gdpr.KindErasure, zenith)
		r.host.breaks("restore", true)
		_, err = r.desk().Withdraw(r.staff(), withdrawn.Key, "")
		r.fails("withdraw", err, errHost)
		for _, q := range []gdpr.Request{export, over, withdrawn} {
			_, err := r.desk().Replan(r.staff(), q.Key)
			r.fails(string(q.State), err, gdpr.ErrState)
		}
	}},
	{"plans_without_doing", "a plan changes nothing, and can be taken anew", func(r *rig) {
		p, err := r.desk().Plan(r.staff(), acme)
		r.must(err)
		conform.Equal(r.t, "plan", p.Hash, "plan")
		_, err = r.desk().Plan(r.as("acme", "owner"), acme)
		r.fails("who may", err, tenon.ErrDenied)
		q := r.verified(gdpr.KindErasure, acme)
		_, err = r.desk().Replan(r.staff(), q.Key)
		r.must(err)
		conform.Equal(r.t, "hash", r.get(q.Key).PlanHash, "plan")
	}},
}}
