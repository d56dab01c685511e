package web

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/insight"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/slo"
)

// dashboardPages are the page that says at a glance how things stand.
func dashboardPages() []Route { return []Route{get("/dashboard", Staff, (*Server).dashboardPage)} }

// dashboardView is the dashboard: what the business achieves, and what the service keeps.
type dashboardView struct {
	At      time.Time
	Days    int
	Periods []int
	Gate    gateView
	Cards   []card
}

// card is a figure with its target. What could not be read says so, and the others stand.
type card struct {
	ID, Name, About string
	More            string // where there is more of it
	Away            string // why it cannot be shown; empty: it can
	Verdict         verdict
	Now, Target     string
	Budget          string  // how much of an objective's budget is used; empty for a KPI
	used            float64 // the same as a number
	Change          change
	Sample          string
	Few             bool   // too few to judge
	Span            string // what it is counted over
	Fresh           string
	Stale           bool
	Legend          string
	KPI             *kpiPlot
	SLO             *plot
	Heads           []string
	Rows            [][]string // the values of the plot
}

// verdict is whether a figure is where it should be.
type verdict int

const (
	unknown verdict = iota
	met
	missed
)

// Says is the verdict in words, for a badge.
func (c card) Says() string {
	if c.Few {
		return "too few to judge"
	}
	return [...]string{"no data", "on target", "below target"}[c.Verdict]
}

// Mark is a sign for it, since colours are not seen by everybody.
func (v verdict) Mark() string { return [...]string{"?", "✓", "✗"}[v] }

// Class is how it is coloured.
func (v verdict) Class() string { return [...]string{"none", "ok", "full"}[v] }

// change is how a figure compares with the period before.
type change struct{ Mark, Says string }

// changed compares shares of one, when there is enough of both; before is the period of the second one.
func changed(now, then float64, enough bool, before string) change {
	if !enough {
		return change{"", "too little in " + before + " to compare"}
	}
	points := math.Round((now-then)*1e4) / 100
	switch {
	case points > 0:
		return change{"▲", trimmed(points) + " points more than in " + before}
	case points < 0:
		return change{"▼", trimmed(-points) + " points less than in " + before}
	}
	return change{"=", "the same as in " + before}
}

func trimmed(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// partWithin bounds the reading of one part, so that one which hangs does not take the page with it, which is bounded by
// answerWithin.
const partWithin = 8 * time.Second

// periods are those that the page offers for KPIs, in days. Objectives have windows of their own.
var periods = []int{30, 90}

func (s *Server) dashboardPage(w http.ResponseWriter, r *http.Request, v visitor) {
	days, err := periodOf(r)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.render(w, r, http.StatusOK, "dashboard", view{Title: "Dashboard", Visitor: v, Page: s.dashboardView(r, days)})
}

func periodOf(r *http.Request) (int, error) {
	text := r.URL.Query().Get("days")
	if text == "" {
		return periods[0], nil
	}
	for _, days := range periods {
		if text == strconv.Itoa(days) {
			return days, nil
		}
	}
	return 0, tenon.Invalid("days", "is not a choice")
}

// dashboardView reads all parts at the same time.
func (s *Server) dashboardView(r *http.Request, days int) dashboardView {
	now := time.Now()
	v := dashboardView{At: now, Days: days, Periods: periods}
	p := period{days: days, now: now.UTC()}
	parts := []struct {
		card
		read func(context.Context, *card) error
	}{
		{card{ID: "quote-book", Name: "Quote → book", More: "/kpi#k-quote_book"}, s.kpiCard(insight.QuoteBook, p)},
		{card{ID: "onboard", Name: "Invite → onboard", More: "/kpi#k-directory_onboard"}, s.kpiCard(insight.DirectoryOnboard, p)},
		{card{ID: "trials", Name: "Trial → paid", More: "/kpi#k-trials"}, s.trialCard(p)},
		{card{ID: "uptime", Name: "Uptime", More: "/slo#o-" + ops.Uptime}, s.sloCard(ops.Uptime)},
		{card{ID: "latency", Name: "Quote latency", More: "/slo#o-" + ops.QuoteLatency}, s.sloCard(ops.QuoteLatency)},
		{card{ID: "agents", Name: "Agent success", More: "/slo#o-" + ops.AgentSuccess}, s.sloCard(ops.AgentSuccess)},
	}
	v.Cards = make([]card, len(parts))
	var wait sync.WaitGroup
	for i, part := range parts {
		wait.Go(func() { v.Cards[i] = s.part(r, part.card, part.read) })
	}
	wait.Go(func() { v.Gate = s.gate(r) })
	wait.Wait()
	return v
}

// part reads a card, or says on it that it could not be read.
func (s *Server) part(r *http.Request, c card, read func(context.Context, *card) error) card {
	ctx, cancel := context.WithTimeout(r.Context(), partWithin)
	defer cancel()
	whole := c
	if err := read(ctx, &whole); err != nil {
		s.note(r, fmt.Errorf("dashboard: %s: %w", c.ID, err))
		c.Away = "This cannot be shown just now. The other figures stand."
		return c
	}
	return whole
}

// gateView is whether one may release.
type gateView struct {
	slo.Release
	Known bool
}

// Word is that in a word.
func (g gateView) Word() string {
	if !g.Known {
		return "unknown"
	}
	return sloView{Release: g.Release}.Word()
}

// Says is that in words.
func (g gateView) Says() string {
	switch g.Word() {
	case "go":
		if g.Frozen {
			return "releases are frozen, and " + g.Override.By + " lets them pass"
		}
		return "releases may go"
	case "frozen":
		return "releases are frozen"
	}
	return "whether one may release is not known"
}

// gate asks whether one may release.
func (s *Server) gate(r *http.Request) gateView {
	ctx, cancel := context.WithTimeout(r.Context(), partWithin)
	defer cancel()
	release, err := s.Ops.Policy.Check(ctx)
	if err != nil {
		s.note(r, fmt.Errorf("dashboard: release: %w", err))
	}
	return gateView{Release: release, Known: err == nil}
}

// Summary says in one sentence how things stand.
func (v dashboardView) Summary() string {
	var on int
	var below, away []string
	for _, c := range v.Cards {
		switch c.Verdict {
		case met:
			on++
		case missed:
			below = append(below, c.Name)
		default:
			away = append(away, c.Name)
		}
	}
	text := fmt.Sprintf("%d of %d on target", on, len(v.Cards))
	if len(below) > 0 {
		text += ", below it " + listed(below)
	}
	if len(away) > 0 {
		text += ", no verdict on " + listed(away)
	}
	return text + "; " + v.burning() + v.Gate.Says() + "."
}

// burning names what froze releases.
func (v dashboardView) burning() string {
	if !v.Gate.Known || !v.Gate.Frozen {
		return ""
	}
	var text []string
	for _, c := range v.Cards {
		if c.used >= 0.5 {
			text = append(text, c.Name+" uses "+c.Budget+" of its budget")
		}
	}
	if len(text) == 0 {
		return ""
	}
	return listed(text) + ": "
}

func listed(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
