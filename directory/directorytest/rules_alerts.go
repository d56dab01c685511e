package directorytest

import (
	"sync"
	"time"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/conform"
)

var effectRules = group{"effects", []rule{
	{"tells_the_recorder_of_every_change", "what is changed is recorded in its transaction", func(r *rig) {
		d := r.list("acme", profile("One"))
		r.add(d.Ref, "licence", "2027-01-01", "")
		r.must(r.book().Remove(r.ctx(), d.Ref, ""))
		conform.Equal(r.t, "actions", r.heard.actions(), []string{
			"directory.created", "directory.submitted", "directory.published", "directory.document_added", "directory.removed",
		})
	}},
	{"an_error_of_the_recorder_undoes_the_change", "nothing is written that could not be recorded", func(r *rig) {
		d := r.create("acme", profile("One"))
		before := r.load(d.Ref)
		r.heard.Shut(true)
		_, err := r.book().Save(r.ctx(), d.Ref, 1, profile("Two"))
		r.fails("save", err, conform.ErrShut)
		_, err = r.book().Create(r.ctx(), "acme", profile("Two"))
		r.fails("create", err, conform.ErrShut)
		conform.Equal(r.t, "stored", r.load(d.Ref), before)
	}},
	{"what_changes_nothing_is_not_recorded", "doing again what is done is no change", func(r *rig) {
		d := r.list("acme", profile("One"))
		r.heard.actions()
		_, err := r.book().Publish(r.ctx(), d.Ref, 1)
		r.must(err)
		_, err = r.book().Submit(r.ctx(), d.Ref, 1)
		r.must(err)
		_, err = r.book().Unverify(r.ctx(), d.Ref, "")
		r.must(err)
		conform.Equal(r.t, "actions", r.heard.actions(), []string{})
	}},
}}

var alertRules = group{"alerts", []rule{
	{"tells_each_threshold_once", "one notification for each document, version and threshold", func(r *rig) {
		r.opts.Policy.Thresholds = []int{30, 14, 7, 1}
		d := r.create("acme", profile("One"))
		r.add(d.Ref, "licence", "2026-06-30", "Pacific/Auckland")
		for _, step := range []struct {
			at   time.Time
			want []string
		}{
			{time.Date(2026, 5, 30, 11, 59, 59, 0, time.UTC), nil}, // the 30th ends at 12:00 UTC there
			{time.Date(2026, 5, 30, 12, 0, 0, 0, time.UTC), []string{"acme One licence 1 30 valid"}},
			{time.Date(2026, 6, 16, 0, 0, 0, 0, time.UTC), []string{"acme One licence 1 14 valid"}},
			{time.Date(2026, 6, 22, 12, 0, 0, 0, time.UTC), []string{"acme One licence 1 7 expiring_soon"}},
			{time.Date(2026, 6, 28, 11, 59, 59, 0, time.UTC), nil},
			{time.Date(2026, 6, 28, 12, 0, 0, 0, time.UTC), []string{"acme One licence 1 1 expiring_soon"}},
			{time.Date(2026, 6, 30, 11, 59, 59, 0, time.UTC), nil},
			{time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC), []string{"acme One licence 1 0 expired"}},
			{time.Date(2026, 12, 30, 12, 0, 0, 0, time.UTC), nil},
		} {
			r.now = step.at
			for range 2 {
				r.settle()
				r.hears(step.want...)
				step.want = nil
			}
		}
	}},
	{"tells_the_last_of_thresholds_that_were_missed", "when nobody looked for long, old news is not told", func(r *rig) {
		r.opts.Policy.Thresholds = []int{30, 14, 7, 1}
		d := r.create("acme", profile("One"))
		r.add(d.Ref, "a", "2026-03-15", "")
		r.settle()
		r.hears("acme One a 1 7 expiring_soon")
		r.add(d.Ref, "b", "2026-03-01", "")
		r.settle()
		r.hears("acme One b 1 0 expired")
		r.now = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
		r.settle()
		r.hears("acme One a 1 0 expired")
	}},
	{"tells_nothing_of_what_was_renewed", "a superseded version is not told, and the new one has its own thresholds", func(r *rig) {
		d := r.create("acme", profile("One"))
		r.add(d.Ref, "licence", "2026-03-20", "")
		r.add(d.Ref, "licence", "2026-04-20", "")
		r.now = time.Date(2026, 3, 25, 0, 0, 0, 0, time.UTC)
		r.settle()
		r.hears()
		r.now = time.Date(2026, 4, 14, 0, 0, 0, 0, time.UTC)
		r.settle()
		r.hears("acme One licence 2 7 expiring_soon")
	}},
	{"tells_nothing_of_who_was_removed", "papers of a removed partner are nobody's business", func(r *rig) {
		d := r.create("acme", profile("One"))
		r.add(d.Ref, "licence", "2026-03-11", "")
		r.must(r.book().Remove(r.ctx(), d.Ref, ""))
		r.settle()
		r.hears()
	}},
	{"many_instances_tell_once", "instances that settle at once tell each document once", func(r *rig) {
		r.opts.Batch = 3
		var want []string
		for range 10 {
			d := r.create("acme", profile("One"))
			r.add(d.Ref, "licence", "2026-03-11", "")
			want = append(want, "acme One licence 1 7 expiring_soon")
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				book := r.book()
				if _, err := book.Settle(r.ctx()); err != nil {
					r.t.Error(err)
				}
				if _, err := book.Digest(r.ctx()); err != nil {
					r.t.Error(err)
				}
			})
		}
		wg.Wait()
		r.settle() // what another had locked when each looked last
		digests := 0
		var alerts []string
		for _, one := range r.heard.take() {
			if one == "10" {
				digests++
			} else {
				alerts = append(alerts, one)
			}
		}
		conform.Equal(r.t, "alerts", alerts, want)
		conform.Equal(r.t, "digests", digests, 1)
	}},
	{"an_alert_that_cannot_be_told_is_told_later", "an error of the notifier undoes the note that it was told", func(r *rig) {
		d := r.create("acme", profile("One"))
		r.add(d.Ref, "licence", "2026-03-11", "")
		r.heard.Shut(true)
		_, err := r.book().Settle(r.ctx())
		r.fails("settle", err, conform.ErrShut)
		_, err = r.book().Digest(r.ctx())
		r.fails("digest", err, conform.ErrShut)
		r.heard.Shut(false)
		r.settle()
		_, err = r.book().Digest(r.ctx())
		r.must(err)
		r.hears("acme One licence 1 7 expiring_soon", "1")
	}},
	{"a_renewal_ends_the_alerts_of_what_it_renews", "after a renewal is stored nothing is told of the old version", func(r *rig) {
		d := r.create("acme", profile("One"))
		r.add(d.Ref, "licence", "2026-03-11", "")
		book := r.book()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := book.Settle(r.ctx()); err != nil {
				r.t.Error(err)
			}
		})
		wg.Go(func() {
			if _, err := book.AddDocument(r.ctx(), d.Ref, directory.Document{Kind: "licence", Expires: directory.Date{Year: 2027, Month: 3, Day: 1}}); err != nil {
				r.t.Error(err)
			}
		})
		wg.Wait()
		before := r.heard.take() // of the first version, or nothing, by who came first
		if len(before) > 1 || len(before) == 1 && before[0] != "acme One licence 1 7 expiring_soon" {
			r.t.Fatalf("told %q", before)
		}
		r.later(3 * 24 * time.Hour)
		r.settle()
		r.hears()
		d2 := r.load(d.Ref)
		conform.Equal(r.t, "versions", len(d2.Documents), 2)
		conform.Equal(r.t, "in force", d2.Documents[0].Version, 2)
	}},
	{"a_new_threshold_holds_for_documents_that_are_there", "a policy that tells earlier is followed for what was added before", func(r *rig) {
		d := r.create("acme", profile("One"))
		r.add(d.Ref, "licence", "2026-03-30", "")
		r.settle()
		r.hears()
		r.opts.Policy.Thresholds = []int{30, 7}
		r.settle()
		r.hears("acme One licence 1 30 valid")
	}},
}}
