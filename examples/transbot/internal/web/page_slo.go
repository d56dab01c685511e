package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/slo"
)

// sloPages are the staff's pages of the objectives.
func sloPages() []Route {
	return []Route{
		get("/slo", Staff, (*Server).sloPage),
		post("/slo/drill", Staff, (*Server).drill),
		post("/slo/override", Staff, (*Server).overrideFreeze),
		post("/slo/override/revoke", Staff, (*Server).revokeOverride),
	}
}

// sloView is the page of the objectives.
type sloView struct {
	At         time.Time
	Release    slo.Release
	Objectives []objectiveView
	Episodes   []slo.Episode
	Told       []notify.Entry
	Exclusions []slo.Exclusion
	Drills     bool // the demo may be broken
	Drill      ops.Drill
	Watching   bool // the page loads itself again
}

// Word is whether one may release, in a word.
func (v sloView) Word() string {
	switch {
	case v.Release.Outcome == tenon.Pass:
		return "go"
	case v.Release.Frozen:
		return "frozen"
	}
	return "unknown"
}

// Forgiven says whether the last drill is out of the count already.
func (v sloView) Forgiven() bool {
	return slices.ContainsFunc(v.Exclusions, func(x slo.Exclusion) bool {
		return !v.Drill.Began.Before(x.From) && v.Drill.Began.Before(x.To)
	})
}

// objectiveView is an objective with its plot.
type objectiveView struct {
	slo.Status
	Plot plot
}

var sloDone = map[string]string{
	"broken": "The service is broken now. Watch the budgets burn.", "mended": "The service is whole again.",
	"forgiven":   "The drill was taken out of the count.",
	"overridden": "Releases may pass until the override expires.", "revoked": "The override was ended.",
}

// watchEvery is how often a page that watches loads itself again, in seconds.
const watchEvery = "5"

func (s *Server) sloPage(w http.ResponseWriter, r *http.Request, v visitor) {
	s.showSLO(w, r, v, http.StatusOK, "")
}

func (s *Server) showSLO(w http.ResponseWriter, r *http.Request, v visitor, status int, alert string) {
	page, err := s.sloView(r.Context())
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	if page.Watching = r.URL.Query().Has("watch"); page.Watching {
		w.Header().Set("Refresh", watchEvery)
	}
	s.render(w, r, status, "slo", view{
		Title: "Service objectives", Visitor: v, Done: sloDone[r.URL.Query().Get("done")], Alert: alert, Page: page,
	})
}

// maxTold bounds the notifications on the page.
const maxTold = 12

func (s *Server) sloView(ctx context.Context) (v sloView, err error) {
	if v.Release, err = s.Ops.Policy.Check(ctx); err != nil {
		return v, err
	}
	report, err := s.Ops.Board.Current(ctx)
	if err != nil {
		return v, err
	}
	v.At, v.Drills = report.At, s.Drills
	slices.SortFunc(report.Statuses, func(a, b slo.Status) int { return cmp.Compare(place(a), place(b)) })
	for _, status := range report.Statuses {
		o := objectiveView{Status: status}
		if o.Plot, err = s.plot(ctx, status); err != nil {
			return v, err
		}
		v.Objectives = append(v.Objectives, o)
	}
	if v.Episodes, err = s.Ops.Board.History(ctx, report.At.Add(-24*time.Hour)); err != nil {
		return v, err
	}
	if v.Exclusions, err = s.Ops.Board.Exclusions(ctx); err != nil {
		return v, err
	}
	if v.Told, err = s.Ops.Told(ctx, maxTold); err != nil {
		return v, err
	}
	v.Drill, err = s.Ops.LastDrill(ctx)
	return v, err
}

// plot draws an objective over its window: by the quarter of an hour, or by the minute when it is short.
func (s *Server) plot(ctx context.Context, status slo.Status) (plot, error) {
	step := time.Minute
	if status.Objective.Window.Period() > 4*time.Hour {
		step = 15 * time.Minute
	}
	points, err := s.Ops.Board.Series(ctx, status.Objective.Key, status.From.Truncate(step), status.At, step)
	if err != nil {
		return plot{}, err
	}
	return newPlot(status, points), nil
}

// finishSLO answers a form of the page.
func (s *Server) finishSLO(w http.ResponseWriter, r *http.Request, v visitor, what string, err error) {
	if err != nil {
		s.note(r, err)
		status, text := describe(err)
		s.showSLO(w, r, v, status, text)
		return
	}
	http.Redirect(w, r, "/slo?watch&done="+what, http.StatusSeeOther)
}

// drill breaks the service, mends it, or takes what the drill cost out of the count.
func (s *Server) drill(w http.ResponseWriter, r *http.Request, v visitor) {
	if !s.Drills {
		s.failPage(w, r, tenon.ErrNotFound)
		return
	}
	switch what := r.PostFormValue("what"); what {
	case "broken":
		s.finishSLO(w, r, v, what, s.Ops.Break(r.Context()))
	case "mended":
		s.finishSLO(w, r, v, what, s.Ops.Mend(r.Context()))
	case "forgiven":
		s.finishSLO(w, r, v, what, s.Ops.Forgive(r.Context(), "It was a drill."))
	default:
		s.finishSLO(w, r, v, "", tenon.Invalid("what", "is not a choice"))
	}
}

// overrideFreeze lets releases pass for some hours.
func (s *Server) overrideFreeze(w http.ResponseWriter, r *http.Request, v visitor) {
	reason, err := reasonOf(r)
	if err != nil {
		s.finishSLO(w, r, v, "", err)
		return
	}
	hours, err := number(r, "hours", true)
	if err == nil {
		_, err = s.Ops.Policy.Override(r.Context(), time.Now().Add(time.Duration(hours)*time.Hour), reason)
	}
	s.finishSLO(w, r, v, "overridden", err)
}

func (s *Server) revokeOverride(w http.ResponseWriter, r *http.Request, v visitor) {
	err := s.Ops.Policy.Revoke(r.Context(), r.PostFormValue("id"), "ended on the page")
	s.finishSLO(w, r, v, "revoked", err)
}

// healthNames say where an objective stands.
var healthNames = map[slo.Health]string{
	slo.NoData: "no data", slo.LowTraffic: "little traffic", slo.Healthy: "healthy", slo.AtRisk: "at risk",
	slo.Exhausted: "budget used up", slo.Breached: "missed",
}

// healthClasses are how that is coloured.
var healthClasses = map[slo.Health]string{
	slo.NoData: "none", slo.LowTraffic: "none", slo.Healthy: "ok", slo.AtRisk: "soft", slo.Exhausted: "full", slo.Breached: "full",
}

// Says is the health in words.
func (o objectiveView) Says() string { return healthNames[o.Health] }

// Class is how the health is coloured.
func (o objectiveView) Class() string { return healthClasses[o.Health] }

// Display is the name as people read it.
func (o objectiveView) Display() string {
	name := strings.ReplaceAll(strings.TrimSuffix(o.Objective.Name, "_ms"), "_", " ")
	return strings.ToUpper(name[:1]) + name[1:]
}

// Timed says whether there are durations worth showing: those of a queue's wait are samples of one number.
func (o objectiveView) Timed() bool { return o.Latency.P95 > 0 && o.Objective.Kind == slo.Latency }

// RunsOut says when the budget will be used up, if it goes on like this; empty when it is, or will not be.
func (o objectiveView) RunsOut() string {
	if o.Remaining <= 0 || o.Forecast.Exhausts.IsZero() {
		return ""
	}
	return "used up in " + span(o.Forecast.Exhausts.Sub(o.At))
}

// order is that in which objectives stand on the page.
var order = []string{ops.Uptime, ops.QuoteLatency, ops.AgentSuccess, ops.QueueWait}

// place is where an objective stands; one that is not known comes first.
func place(s slo.Status) int { return slices.Index(order, s.Objective.Name) }

// Spent is the share of the budget that is used, in percent: at most 100, for the bar.
func (o objectiveView) Spent() float64 { return min(max(o.Consumed*100, 0), 100) }
