package supporttest

import (
	"context"
	"strings"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/support"
)

var bob = support.Viewer{Tenant: "acme", User: "bob"}

// tours returns those of a process: rates for everybody, and bulk rating for who has the flag.
func (r *rig) tours(version int, again bool) *support.Tours {
	r.t.Helper()
	steps := []support.TourStep{{Title: "one"}, {Title: "two"}, {Title: "three"}}
	t, err := support.NewTours(clocked{r.store, r.now}, []support.Tour{
		{Key: "rates", Feature: "Rates", Title: "Welcome to Rates!", Steps: steps, Version: version, Again: again},
		{Key: "bulk", Feature: "Bulk rating", Title: "Welcome!", Steps: steps, Audience: support.Audience{Flag: "bulk_rating"}},
	}, &support.ToursOptions{Sees: func(_ context.Context, v support.Viewer, a support.Audience) (bool, error) {
		return v.Tenant == "demo" && a.Flag == "bulk_rating", nil
	}})
	r.must(err)
	return t
}

// shown fails unless this tour is shown next, from this step on; "" is none.
func (r *rig) shown(t *support.Tours, v support.Viewer, key string, step int) {
	r.t.Helper()
	s, ok, err := t.Next(r.ctx(), v)
	r.must(err)
	equal(r.t, "shown", ok, key != "")
	equal(r.t, "the tour", s.Key, key)
	equal(r.t, "the step", s.Step, step)
}

func (r *rig) kept(p support.Progress, err error) support.Progress {
	r.t.Helper()
	r.must(err)
	return p
}

var tourRules = group{"tours", []rule{
	{
		"a_tour_is_shown_until_it_ends_on_every_device",
		"It goes on where any device was, and is not shown once it is completed or dismissed.",
		func(r *rig) {
			t := r.tours(1, false)
			r.shown(t, bob, "rates", 0)
			r.kept(t.Advance(r.ctx(), bob, "rates", 2))
			r.kept(t.Advance(r.ctx(), bob, "rates", 1))
			r.shown(r.tours(1, false), bob, "rates", 2)
			r.kept(t.Complete(r.ctx(), bob, "rates"))
			r.kept(t.Dismiss(r.ctx(), bob, "rates"))
			r.shown(t, bob, "", 0)
			p, err := r.store.Progress(r.ctx(), bob)
			r.must(err)
			equal(r.t, "the end", p[0].End, support.Completed)
			r.shown(t, support.Viewer{Tenant: "acme", User: "eve"}, "rates", 0)
			r.shown(t, support.Viewer{Tenant: "zenith", User: "bob"}, "rates", 0)
		},
	},
	{
		"who_has_seen_every_step_has_seen_the_tour",
		"The last step completes it.",
		func(r *rig) {
			t := r.tours(1, false)
			equal(r.t, "the end after two", r.kept(t.Advance(r.ctx(), bob, "rates", 2)).End, support.End(""))
			equal(r.t, "the end after three", r.kept(t.Advance(r.ctx(), bob, "rates", 3)).End, support.Completed)
			r.shown(t, bob, "", 0)
		},
	},
	{
		"a_new_version_shows_again_only_where_asked",
		"To those who ended the old one; those in its midst begin the new one; a late report of the old one is ignored.",
		func(r *rig) {
			r.kept(r.tours(1, false).Dismiss(r.ctx(), bob, "rates"))
			r.shown(r.tours(2, false), bob, "", 0)
			r.shown(r.tours(2, true), bob, "rates", 0)
			r.kept(r.tours(2, true).Advance(r.ctx(), bob, "rates", 1))
			r.kept(r.tours(1, false).Complete(r.ctx(), bob, "rates"))
			r.shown(r.tours(2, true), bob, "rates", 1)
			r.shown(r.tours(1, false), bob, "", 0)
		},
	},
	{
		"a_page_reports_on_the_version_that_it_shows",
		"Whoever ends an older version on a page that was open has not seen the newer one; it is shown only where asked.",
		func(r *rig) {
			old := r.tours(2, true).WithVersion(1)
			r.kept(old.Advance(r.ctx(), bob, "rates", 3))
			equal(r.t, "version", r.kept(old.Complete(r.ctx(), bob, "rates")).Version, 1)
			r.shown(r.tours(2, false), bob, "", 0)
			r.shown(r.tours(2, true), bob, "rates", 0)
			equal(r.t, "a version of nobody's", r.kept(r.tours(2, true).WithVersion(9).Dismiss(r.ctx(), bob, "rates")).Version, 2)
			_, err := old.Advance(r.ctx(), bob, "rates", -1)
			r.fails("steps below 0", err, tenon.ErrInvalid)
		},
	},
	{
		"a_tour_is_for_its_audience",
		"Others are not shown it.",
		func(r *rig) {
			demo := support.Viewer{Tenant: "demo", User: "dora"}
			for _, v := range []support.Viewer{bob, demo} {
				r.kept(r.tours(1, false).Complete(r.ctx(), v, "rates"))
			}
			r.shown(r.tours(1, false), bob, "", 0)
			r.shown(r.tours(1, false), demo, "bulk", 0)
		},
	},
	{
		"bad_tours_are_refused",
		"Unknown ones, too many steps, nobody; and what cannot be right, by the field.",
		func(r *rig) {
			t := r.tours(1, false)
			_, err := t.Complete(r.ctx(), bob, "none")
			r.fails("complete an unknown one", err, support.ErrUnknownTour)
			_, err = t.Dismiss(r.ctx(), bob, "none")
			r.fails("dismiss an unknown one", err, support.ErrUnknownTour)
			_, err = t.Advance(r.ctx(), bob, "none", 1)
			r.fails("advance in an unknown one", err, support.ErrUnknownTour)
			_, err = t.Advance(r.ctx(), bob, "rates", 4)
			r.fails("too many", err, tenon.ErrInvalid)
			_, _, err = t.Next(r.ctx(), support.Viewer{Tenant: "acme"})
			r.fails("nobody", err, tenon.ErrInvalid)
			for _, c := range []struct {
				field string
				spoil func(t *support.Tour)
			}{
				{"tours[1].key", func(t *support.Tour) { t.Key = "" }},
				{"tours[1].key", func(t *support.Tour) { t.Key = strings.Repeat("x", 256) }},
				{"tours[1].key", func(t *support.Tour) { t.Key = "a\x00" }},
				{"tours[1].key", func(t *support.Tour) { t.Key = "rates" }},
				{"tours[1].feature", func(t *support.Tour) { t.Feature = "" }},
				{"tours[1].title", func(t *support.Tour) { t.Title = "" }},
				{"tours[1].steps", func(t *support.Tour) { t.Steps = nil }},
				{"tours[1].steps[1]", func(t *support.Tour) { t.Steps = append(t.Steps, support.TourStep{Anchor: "#lane"}) }},
				{"tours[1].version", func(t *support.Tour) { t.Version = -1 }},
				{"tours[1].audience", func(t *support.Tour) { t.Audience.Flag = "bulk_rating" }},
			} {
				rates := support.Tour{Key: "rates", Feature: "Rates", Title: "Welcome!", Steps: []support.TourStep{{Title: "one"}}}
				bad := rates
				bad.Key = "bulk"
				c.spoil(&bad)
				_, err = support.NewTours(r.store, []support.Tour{rates, bad}, nil)
				r.refuses(c.field, err)
			}
		},
	},
}}
