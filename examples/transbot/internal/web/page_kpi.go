package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/transbotai/tenon/examples/transbot/internal/insight"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpihttp"
	"github.com/transbotai/tenon/kpi/kpipg"
)

// kpiPages are the pages of figures.
func kpiPages() []Route {
	return []Route{
		get("/kpi", Staff, (*Server).kpiPage),
		get("/kpi/data/{name}", Staff, (*Server).kpiData),
	}
}

// kpiData is a figure as a file, of all companies or of one.
func (s *Server) kpiData(w http.ResponseWriter, r *http.Request, _ visitor) {
	all := func(*http.Request) (kpihttp.Reader, error) { return kpihttp.Reader{All: true}, nil } // the staff
	figures := kpihttp.Figures(s.Insight.Board, all, &kpihttp.Options{Logger: s.Logger})
	http.StripPrefix("/kpi/data", figures).ServeHTTP(w, r)
}

// kpiView is the page of the figures.
type kpiView struct {
	At      time.Time
	Zone    string
	Zones   []string
	Company string // empty: all
	Figures []figureView
	Trials  trialView
	Uses    []kpipg.FeatureUse
}

// zones are those that the page offers.
var zones = []string{"UTC", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata"}

// figureView is a KPI with its plot.
type figureView struct {
	kpi.Report
	Words string
	Plot  kpiPlot
	CSV   string // where its data is
}

func (s *Server) kpiPage(w http.ResponseWriter, r *http.Request, v visitor) {
	q := r.URL.Query()
	page, err := s.kpiView(r.Context(), q.Get("zone"), q.Get("company"))
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.render(w, r, http.StatusOK, "kpi", view{Title: "Figures", Visitor: v, Page: page})
}

func (s *Server) kpiView(ctx context.Context, zone, company string) (v kpiView, err error) {
	v = kpiView{At: time.Now(), Zone: zone, Zones: zones, Company: company}
	if v.Zone == "" {
		v.Zone = "UTC"
	}
	for _, name := range insight.Names {
		f, err := s.figure(ctx, kpi.Query{KPI: name, Zone: v.Zone, Tenant: company})
		if err != nil {
			return v, err
		}
		v.Figures = append(v.Figures, f)
	}
	if company != "" { // trials and plans are compared between companies
		return v, nil
	}
	weeks, err := s.Insight.Store.TrialConversion(ctx)
	if err != nil {
		return v, err
	}
	v.Trials = newTrials(weeks)
	v.Uses, err = s.Insight.Store.FeatureUsage(ctx)
	return v, err
}

func (s *Server) figure(ctx context.Context, q kpi.Query) (f figureView, err error) {
	if f.Report, err = s.Insight.Read(ctx, q); err != nil {
		return f, err
	}
	explained, err := s.Insight.Board.Explain(ctx, q)
	if err != nil {
		return f, err
	}
	values := url.Values{"zone": {q.Zone}, "format": {"csv"}}
	if q.Tenant != "" {
		values.Set("tenant", q.Tenant)
	}
	f.Words, f.CSV = explained.Words, "/kpi/data/"+url.PathEscape(q.KPI)+"?"+values.Encode()
	f.Plot = newKPIPlot(f.Report)
	return f, nil
}

// Share says whether the figure is one of a whole.
func (f figureView) Share() bool { return isShare(f.KPI) }

func isShare(k kpi.KPI) bool { return k.Conversion != nil || k.Funnel != nil || k.Cohort != nil }

// Now is the total over what is final, in words.
func (f figureView) Now() string {
	if !f.Total.Known || f.Total.Sample == 0 {
		return "–"
	}
	return written(f.KPI, f.Total.Value)
}

// Target is the goal in words; empty without one.
func (f figureView) Target() string {
	if f.KPI.Goal == nil {
		return ""
	}
	return written(f.KPI, f.KPI.Goal.Target)
}

// Class is how the total is coloured: by the goal, where there is one and something to judge.
func (f figureView) Class() string {
	g := f.KPI.Goal
	switch {
	case g == nil || !f.Total.Known || f.Total.Sample < max(g.MinSample, 1):
		return "none"
	case f.Total.Value >= g.Target:
		return "ok"
	}
	return "soft"
}

// Says is that in words.
func (f figureView) Says() string {
	return map[string]string{"none": "no target", "ok": "on target", "soft": "below target"}[f.Class()]
}

// Whom names the sample.
func (f figureView) Whom() string {
	switch {
	case f.KPI.Name == insight.DirectoryOnboard:
		return "partners invited"
	case f.Share():
		return "quotes"
	case f.KPI.Sum != nil:
		return "loads"
	}
	return "events"
}

// Immature says whether the plot has a period that is not final.
func (f figureView) Immature() bool {
	return slices.ContainsFunc(f.Points, func(p kpi.Point) bool { return p.Immature })
}

// written writes a figure as people read it.
func written(k kpi.KPI, value float64) string {
	if isShare(k) {
		return percent(value * 100)
	}
	return count(int64(value + 0.5))
}

// trialView is the conversion of trials.
type trialView struct {
	Ended, Converted int64
	Plot             kpiPlot
}

func newTrials(weeks []kpipg.TrialWeek) trialView {
	var v trialView
	for _, w := range weeks {
		v.Ended, v.Converted = v.Ended+w.TrialsEnded, v.Converted+w.Converted
	}
	v.Plot = newTrialPlot(weeks)
	return v
}

// Share is the conversion in words.
func (v trialView) Share() string {
	if v.Ended == 0 {
		return "–"
	}
	return percent(100 * float64(v.Converted) / float64(v.Ended))
}

// Display is a feature's or a plan's key as people read it.
func display(key string) string {
	words := strings.ReplaceAll(key, "_", " ")
	if words == "" {
		return "None"
	}
	return strings.ToUpper(words[:1]) + words[1:]
}
