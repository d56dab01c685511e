package kpitest

import (
	"fmt"
	"strings"

	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/kpi"
)

// filtered are filters of the property p, and how many of the events of the rule they keep.
var filtered = []struct {
	filter kpi.Filter
	want   int64
}{
	{kpi.Filter{Op: kpi.Equal, Text: "5"}, 3},
	{kpi.Filter{Op: kpi.Equal, Text: "false"}, 1},
	{kpi.Filter{Op: kpi.Equal, Text: kpi.Long}, 1},
	{kpi.Filter{Op: kpi.Equal}, 1},
	{kpi.Filter{Op: kpi.NotEqual, Text: "5"}, 10},
	{kpi.Filter{Op: kpi.In, Texts: []string{"5", "true", "x"}}, 5},
	{kpi.Filter{Op: kpi.Has}, 9},
	{kpi.Filter{Op: kpi.Greater, Number: 5_000_000}, 1},
	{kpi.Filter{Op: kpi.AtLeast, Number: 5_000_000}, 3},
	{kpi.Filter{Op: kpi.Less, Number: 7_500_000}, 2},
	{kpi.Filter{Op: kpi.AtMost, Number: 7_500_000}, 3},
}

var filterRules = group{"filters", []rule{
	{
		"filters_keep_what_holds",
		"Texts are compared as texts and numbers as numbers; what is neither has no text and is no number.",
		func(r *rig) {
			for i, f := range filtered {
				f.filter.Property = "p"
				r.define(kpi.KPI{Name: fmt.Sprint("k", i), Count: &kpi.Count{Of: kpi.On("quote_sent").If(f.filter)}})
			}
			values := []any{
				"x", 5, 5.0, "5", 7.5, true, false, "", nil, []any{1}, int64(2e12), strings.Repeat("y", 201),
			}
			for _, v := range values {
				r.track(sent("", map[string]any{"p": v}))
			}
			r.track(sent("", nil))
			for range 2 {
				for i, f := range filtered {
					report := r.read(kpi.Query{KPI: fmt.Sprint("k", i), Tenant: "acme", Last: 1})
					conform.Equal(r.t, fmt.Sprintf("%+v", f.filter), report.Points[0].Count, f.want)
				}
				r.verify()
				r.fold()
			}
		},
	},
	{
		"a_tenant_may_be_the_subject",
		"A conversion of tenants follows each tenant's path, whoever its users are; who only converts has not started.",
		func(r *rig) {
			k := kpi.KPI{Name: "book", Conversion: &kpi.Conversion{
				Start: kpi.On("quote_sent"), Convert: kpi.On("load_booked"), Subject: kpi.Tenant,
			}}
			r.define(k)
			event := func(tenant, user, name string) kpi.Event {
				e := sent("", nil)
				e.Tenant, e.User, e.Name = tenant, user, name
				return e
			}
			check := func(what, tenant string, converted, started int64) {
				for range 2 {
					p := r.read(kpi.Query{KPI: "book", Tenant: tenant, Last: 1}).Points[0]
					conform.Equal(r.t, what, []int64{p.Count, p.Sample}, []int64{converted, started})
					r.verify()
					r.fold()
				}
			}
			r.track(event("acme", "ann", "quote_sent"), event("zenith", "", "quote_sent"), event("idle", "cid", "load_booked"))
			check("sent", "", 0, 2)
			r.track(event("acme", "bob", "load_booked"), event("acme", "ann", "quote_sent"))
			check("booked", "", 1, 2)
			check("by acme", "acme", 1, 1)
			check("by who sent nothing", "idle", 0, 0)
		},
	},
}}
