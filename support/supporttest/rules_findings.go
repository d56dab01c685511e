package supporttest

import (
	"strings"
	"sync"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/support"
)

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
	{
		"a_finding_that_cannot_be_right_is_refused",
		"By the field, and nothing is written.",
		func(r *rig) {
			for _, c := range []struct {
				field string
				spoil func(n *support.NewFinding)
			}{
				{"severity", func(n *support.NewFinding) { n.Severity = "terrible" }},
				{"title", func(n *support.NewFinding) { n.Title = "" }},
				{"title", func(n *support.NewFinding) { n.Title = "a\x00b" }},
				{"id", func(n *support.NewFinding) { n.ID = oddIDs[0] }},
				{"id", func(n *support.NewFinding) { n.ID = oddIDs[1] }},
				{"found_at", func(n *support.NewFinding) { n.FoundAt = r.now.Add(time.Second) }},
				{"tenant", func(n *support.NewFinding) { n.Tenant = "\xff" }},
				{"detail", func(n *support.NewFinding) { n.Detail = strings.Repeat("x", 64<<10+1) }},
				{"source", func(n *support.NewFinding) { n.Source = strings.Repeat("x", 256) }},
			} {
				n := support.NewFinding{Tenant: "acme", Title: "open redirect", Severity: support.Low}
				c.spoil(&n)
				_, err := r.findings().Report(r.ctx(), n)
				r.refuses(c.field, err)
			}
			all, err := r.findings().List(r.ctx(), support.FindingQuery{})
			r.must(err)
			equal(r.t, "findings", len(all), 0)
		},
	},
	{
		"a_list_of_findings_that_cannot_be_right_is_refused",
		"By the field; what no finding can be called is not there.",
		func(r *rig) {
			for field, queries := range map[string][]support.FindingQuery{
				"id": {{ID: oddIDs[0]}, {ID: oddIDs[1]}}, "before": {{Before: oddIDs[2]}}, "tenant": {{Tenant: "a\x00"}},
				"states": {{States: []support.FindingState{support.FindingOpen, "lost"}}}, "limit": {{Limit: -1}, {Limit: 1001}},
			} {
				for _, q := range queries {
					_, err := r.findings().List(r.ctx(), q)
					r.refuses(field, err)
				}
			}
			_, err := r.findings().KPI(r.ctx(), "a\x00", noon)
			r.refuses("tenant", err)
			for _, odd := range oddRefs(r.finding(support.Low)) {
				_, err := r.findings().Get(r.ctx(), odd)
				r.fails("get "+text(odd), err, support.ErrUnknownFinding)
				_, err = r.findings().Fix(r.ctx(), odd, "")
				r.fails("fix "+text(odd), err, support.ErrUnknownFinding)
			}
		},
	},
	{
		"reporting_twice_by_the_same_id_is_one_finding",
		"A retry returns the finding; another title under the same id is an ErrTaken. So do several at once.",
		func(r *rig) {
			n := support.NewFinding{Tenant: "acme", ID: tenon.NewID(r.now), Title: "open redirect", Severity: support.Low}
			var wait sync.WaitGroup
			for range 4 {
				wait.Go(func() {
					if _, err := r.findings().Report(r.ctx(), n); err != nil {
						r.t.Errorf("report: %v", err)
					}
				})
			}
			wait.Wait()
			ref := support.Ref{Tenant: n.Tenant, ID: n.ID}
			equal(r.t, "history", len(r.found(r.findings().Get(r.ctx(), ref)).History), 1)
			n.Title = "another"
			_, err := r.findings().Report(r.ctx(), n)
			r.fails("another title", err, support.ErrTaken)
			equal(r.t, "title", r.found(r.findings().Get(r.ctx(), ref)).Title, "open redirect")
		},
	},
	{
		"what_is_fixed_is_neither_accepted_nor_regraded",
		"A transition that the state does not allow is an ErrTransition, and nothing is written.",
		func(r *rig) {
			ref := r.finding(support.Low)
			_, err := r.findings().Reopen(r.ctx(), ref, "")
			r.fails("reopen an open one", err, support.ErrTransition)
			fixed := r.found(r.findings().Fix(r.ctx(), ref, "escaped"))
			_, err = r.findings().Accept(r.ctx(), ref, support.Acceptance{Approver: "cto", Reason: "x", Until: r.now.Add(day)})
			r.fails("accept a fixed one", err, support.ErrTransition)
			_, err = r.findings().Regrade(r.ctx(), ref, support.High, "worse")
			r.fails("regrade a fixed one", err, support.ErrTransition)
			equal(r.t, "the finding", text(r.found(r.findings().Get(r.ctx(), ref))), text(fixed))
		},
	},
	{
		"findings_are_listed_by_state_and_page",
		"A page follows the one before it, newest first, within the tenant and the states asked for.",
		func(r *rig) {
			var refs []support.Ref
			for range 4 {
				refs = append(refs, r.finding(support.Low))
				r.later(time.Minute)
			}
			r.found(r.findings().Fix(r.ctx(), refs[1], ""))
			a := support.Acceptance{Approver: "cto", Reason: "x", Until: r.now.Add(day)}
			r.found(r.findings().Accept(r.ctx(), refs[2], a))
			r.found(r.findings().Report(r.ctx(), support.NewFinding{Tenant: "zenith", Title: "x", Severity: support.Low}))
			listed := func(q support.FindingQuery, want ...support.Ref) {
				r.t.Helper()
				q.Tenant = "acme"
				found, err := r.findings().List(r.ctx(), q)
				r.must(err)
				var got []support.Ref
				for _, f := range found {
					got = append(got, f.Ref)
				}
				equal(r.t, "findings of "+text(q), got, want)
			}
			listed(support.FindingQuery{Limit: 3}, refs[3], refs[2], refs[1])
			listed(support.FindingQuery{Limit: 3, Before: refs[1].ID}, refs[0])
			listed(support.FindingQuery{States: []support.FindingState{support.FindingFixed}}, refs[1])
			unfixed := []support.FindingState{support.FindingOpen, support.FindingAccepted}
			listed(support.FindingQuery{States: unfixed}, refs[3], refs[2], refs[0])
		},
	},
}}
