package supporttest

import (
	"context"
	"time"

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
		"Unknown ones, too many steps, nobody.",
		func(r *rig) {
			t := r.tours(1, false)
			_, err := t.Complete(r.ctx(), bob, "none")
			r.fails("unknown", err, support.ErrUnknownTour)
			_, err = t.Advance(r.ctx(), bob, "rates", 4)
			r.fails("too many", err, tenon.ErrInvalid)
			_, _, err = t.Next(r.ctx(), support.Viewer{Tenant: "acme"})
			r.fails("nobody", err, tenon.ErrInvalid)
			_, err = support.NewTours(r.store, []support.Tour{{Key: "a"}}, nil)
			r.fails("empty", err, tenon.ErrInvalid)
		},
	},
}}

const day = 24 * time.Hour

// finding reports one of acme.
func (r *rig) finding(s support.Severity) support.Ref {
	r.t.Helper()
	f, err := r.findings().Report(r.ctx(), support.NewFinding{Tenant: "acme", Title: "open redirect", Severity: s, Source: "pen test"})
	r.must(err)
	return f.Ref
}

func (r *rig) found(f support.Finding, err error) support.Finding {
	r.t.Helper()
	r.must(err)
	return f
}

var findingRules = group{"findings", []rule{
	{
		"severity_gives_the_days",
		"Critical 7, high 30, medium 90, low 180; another severity another due date.",
		func(r *rig) {
			for s, days := range map[support.Severity]int{support.Critical: 7, support.High: 30, support.Medium: 90, support.Low: 180} {
				f := r.found(r.findings().Get(r.ctx(), r.finding(s)))
				equal(r.t, string(s), f.Due, noon.AddDate(0, 0, days))
			}
			f := r.found(r.findings().Regrade(r.ctx(), r.finding(support.Low), support.Critical, "it is exploited"))
			equal(r.t, "regraded", f.Due, noon.AddDate(0, 0, 7))
		},
	},
	{
		"a_fix_freezes_the_due_date",
		"Whatever becomes of the days; a reopened one gets its days anew.",
		func(r *rig) {
			ref := r.finding(support.Critical)
			r.later(8 * day)
			fixed := r.found(r.findings().Fix(r.ctx(), ref, "escaped"))
			equal(r.t, "late", fixed.Overdue, true)
			shorter := support.NewFindings(clocked{r.store, r.now}, &support.FindingsOptions{Days: map[support.Severity]int{support.Critical: 1}})
			equal(r.t, "due", r.found(shorter.Get(r.ctx(), ref)).Due, noon.AddDate(0, 0, 7))
			_, err := r.findings().Fix(r.ctx(), ref, "")
			r.fails("fix twice", err, support.ErrTransition)
			again := r.found(r.findings().Reopen(r.ctx(), ref, "not quite"))
			equal(r.t, "due when reopened", again.Due, r.now.AddDate(0, 0, 7))
			equal(r.t, "history", len(again.History), 3)
			equal(r.t, "what is read", text(r.found(r.findings().Get(r.ctx(), ref))), text(again))
		},
	},
	{
		"an_accepted_risk_expires",
		"Until then it is not late; it wants an approver, a reason and a time.",
		func(r *rig) {
			ref := r.finding(support.High)
			for _, a := range []support.Acceptance{
				{Until: r.now.Add(day), Reason: "x"},
				{Approver: "cto", Until: r.now.Add(day)},
				{Approver: "cto", Reason: "x", Until: r.now},
				{Approver: "cto", Reason: "x", Until: r.now.Add(400 * day)},
			} {
				_, err := r.findings().Accept(r.ctx(), ref, a)
				r.fails(text(a), err, tenon.ErrInvalid)
			}
			r.found(r.findings().Accept(r.ctx(), ref, support.Acceptance{Approver: "cto", Reason: "internal", Until: r.now.Add(40 * day)}))
			r.later(39 * day)
			f := r.found(r.findings().Get(r.ctx(), ref))
			equal(r.t, "accepted", []any{f.State, f.Overdue}, []any{support.FindingAccepted, false})
			r.later(day)
			f = r.found(r.findings().Get(r.ctx(), ref))
			equal(r.t, "lapsed", []any{f.State, f.Overdue}, []any{support.FindingOpen, true})
			for range 2 {
				r.must(r.findings().Tick(r.ctx(), ref))
			}
			r.told("support.finding_overdue")
		},
	},
	{
		"what_is_done_after_an_acceptance_ended_is_done_to_an_open_finding",
		"A finding that is open again names nobody who answers for it.",
		func(r *rig) {
			ref := r.finding(support.Low)
			r.found(r.findings().Accept(r.ctx(), ref, support.Acceptance{Approver: "cto", Reason: "x", Until: r.now.Add(day)}))
			r.later(2 * day)
			f := r.found(r.findings().Regrade(r.ctx(), ref, support.High, "worse"))
			equal(r.t, "state", f.State, support.FindingOpen)
			equal(r.t, "acceptance", f.Accepted, (*support.Acceptance)(nil))
			equal(r.t, "event", f.History[2].Approver, "")
		},
	},
	{
		"a_findings_id_may_be_that_of_two_tenants",
		"The system's own is found beside a tenant's, and no page leaves one out.",
		func(r *rig) {
			id := tenon.NewID(r.now)
			for _, tenant := range []string{"", "acme", "zenith"} {
				r.found(r.findings().Report(r.ctx(), support.NewFinding{Tenant: tenant, ID: id, Title: tenant + "!", Severity: support.Low}))
			}
			for _, tenant := range []string{"", "acme", "zenith"} {
				f := r.found(r.findings().Get(r.ctx(), support.Ref{Tenant: tenant, ID: id}))
				equal(r.t, "title", f.Title, tenant+"!")
			}
			page, err := r.findings().List(r.ctx(), support.FindingQuery{Limit: 2})
			r.must(err)
			equal(r.t, "findings of a page", len(page), 3)
		},
	},
	{
		"the_kpi_counts_from_finding_to_fix",
		"By severity: in time or not, the median, what is open, overdue and accepted.",
		func(r *rig) {
			for _, after := range []time.Duration{2 * day, 4 * day} {
				ref := r.finding(support.Critical)
				r.now = noon.Add(after)
				r.found(r.findings().Fix(r.ctx(), ref, ""))
				r.now = noon
			}
			r.finding(support.Critical)
			accepted := r.finding(support.Critical)
			r.found(r.findings().Accept(r.ctx(), accepted, support.Acceptance{Approver: "cto", Reason: "x", Until: noon.Add(30 * day)}))
			r.later(8 * day)
			kpi, err := r.findings().KPI(r.ctx(), "acme", time.Time{})
			r.must(err)
			equal(r.t, "critical", kpi.Lines[0], support.FindingKPIRow{
				Severity: support.Critical, Days: 7, Open: 1, Overdue: 1, Accepted: 1, Fixed: 2, InTime: 2, Median: 3 * day,
			})
		},
	},
	{
		"findings_are_their_tenants_alone",
		"Another tenant's is not found; bad input is refused.",
		func(r *rig) {
			ref := r.finding(support.Low)
			_, err := r.findings().Get(r.ctx(), support.Ref{Tenant: "zenith", ID: ref.ID})
			r.fails("get", err, support.ErrUnknownFinding)
			_, err = r.findings().Fix(r.ctx(), support.Ref{Tenant: "zenith", ID: ref.ID}, "")
			r.fails("fix", err, support.ErrUnknownFinding)
			_, err = r.findings().Report(r.ctx(), support.NewFinding{Title: "x", Severity: "terrible"})
			r.fails("severity", err, tenon.ErrInvalid)
		},
	},
}}
