package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/control"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/flags"
)

// controlPages are the control room.
func controlPages() []Route {
	return []Route{
		get("/control", Staff, (*Server).controlPage),
		post("/control/launch", Staff, (*Server).dateLaunch),
		post("/control/look", Staff, (*Server).lookNow),
		post("/control/items", Staff, (*Server).tickItem),
		post("/control/rollout", Staff, (*Server).startRollout),
		post("/control/rollout/next", Staff, rolloutMove((*control.Desk).Next, "next")),
		post("/control/rollout/hold", Staff, rolloutMove((*control.Desk).Hold, "hold")),
		post("/control/rollout/resume", Staff, rolloutMove((*control.Desk).Resume, "resume")),
		post("/control/rollout/back", Staff, rolloutMove((*control.Desk).Back, "back")),
	}
}

// controlView is the control room.
type controlView struct {
	control.Room
	Lists     []listView
	Smoke     *control.Run // nil: none was taken
	Billing   *control.Run
	Looks     []control.Run // the last hourly ones
	History   []control.Moment
	Share     sharePlot
	Companies []freight.Company
	Drills    bool
	Drill     ops.Drill
	Watching  bool
}

// listView is a checklist.
type listView struct {
	control.Checklist
	now time.Time
}

// Good is how many of its items pass.
func (l listView) Good() int { return l.Count(control.Pass) }

// When says when the day begins or began, in words.
func (l listView) When() string {
	switch {
	case l.Due.IsZero():
		return "not dated yet"
	case l.Begun(l.now):
		return "since " + l.Due.Format("2 January, 15:04 UTC")
	}
	return "due on " + l.Due.Format("2 January, 15:04 UTC") + ", in " + lasting(l.Due.Sub(l.now))
}

// Class is how the list looks: one whose day is still to come is pale.
func (l listView) Class() string {
	if l.Begun(l.now) {
		return ""
	}
	return "ahead"
}

// Today says which day of the launch it is.
func (v controlView) Today() string {
	if !v.Start.Set() {
		return "The launch has no date yet."
	}
	n, ok := v.Start.Day(v.At)
	if !ok {
		return "Day 0 begins in " + lasting(v.Start.At.Sub(v.At)) + "."
	}
	return "Day " + count(int64(n)) + " of the launch."
}

// Due counts what does not pass yet of the days that have begun.
func (v controlView) Due() (n int) {
	for _, l := range v.Lists {
		if l.Begun(v.At) {
			n += len(l.Items) - l.Good()
		}
	}
	return n
}

// Word is what the guard says, in a word.
func (v controlView) Word() string {
	return map[tenon.Outcome]string{tenon.Pass: "go", tenon.Hold: "unknown", tenon.Fail: "frozen"}[v.Release.Outcome]
}

// Says is that for people.
func (v controlView) Says() string {
	return map[tenon.Outcome]string{tenon.Pass: "go on", tenon.Hold: "hold", tenon.Fail: "go back"}[v.Release.Outcome]
}

// Startable says whether a rollout can be started.
func (v controlView) Startable() bool {
	return !v.Rollout.Begun || v.Rollout.Stage == 0 && !v.Rollout.Running()
}

// Stopped says whether somebody must resume the rollout.
func (v controlView) Stopped() bool {
	return v.Rollout.RolledBack || v.Rollout.State == flags.RampPaused
}

// Further says whether there is a further stage.
func (v controlView) Further() bool {
	return v.Rollout.Begun && v.Rollout.Stage < len(v.Rollout.Stages)
}

// Stages are the rollout's, as a flag's page shows them.
func (v controlView) Stages() []stageLine {
	return v.ramp().Lines()
}

// ramp is the rollout as a flag's page shows it.
func (v controlView) ramp() rampView {
	r := v.Rollout
	return rampView{
		Schedule: flags.Schedule{Stages: r.Stages, Reached: r.Stage, State: r.State, Note: r.Note, Since: r.Since}, Holding: r.Holding,
	}
}

// RolloutSays sums the rollout up.
func (v controlView) RolloutSays() string { return v.ramp().Says() }

// Canaries are those whom the form suggests: the demo's own company.
func (v controlView) Canaries() string {
	if slices.ContainsFunc(v.Companies, func(c freight.Company) bool { return c.ID == demoCompany }) {
		return demoCompany
	}
	return ""
}

// demoCompany is the company that tries everything first.
const demoCompany = "transbotai-demo"

var controlDone = map[string]string{
	"launch": "The launch is dated.", "look": "It was looked at just now.", "items": "It is written down.",
	"rollout": "The rollout was started. Its first stage begins when its time has come and the objectives are kept.",
	"next":    "The next stage has begun.", "hold": "The rollout is held.", "resume": "The rollout goes on.", "back": "The rollout went back a stage.",
}

func (s *Server) controlPage(w http.ResponseWriter, r *http.Request, v visitor) {
	s.showControl(w, r, v, http.StatusOK, "")
}

func (s *Server) showControl(w http.ResponseWriter, r *http.Request, v visitor, status int, alert string) {
	page, err := s.controlView(r.Context())
	for attempt := 1; freight.LostRace(err) && attempt < maxAttempts; attempt++ {
		page, err = s.controlView(r.Context())
	}
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	if page.Watching = r.URL.Query().Has("watch"); page.Watching {
		w.Header().Set("Refresh", watchEvery)
	}
	s.render(w, r, status, "control", view{
		Title: "Control room", Visitor: v, Done: controlDone[r.URL.Query().Get("done")], Alert: alert, Page: page,
	})
}

// maxAttempts bounds how often a page looks again that lost a race for locks against the report on isolation.
const maxAttempts = 5

// maxLooks bounds the hourly looks on the page.
const maxLooks = 24

func (s *Server) controlView(ctx context.Context) (v controlView, err error) {
	if v.Room, err = s.Control.Room(ctx); err != nil {
		return v, err
	}
	for _, l := range v.Room.Lists {
		v.Lists = append(v.Lists, listView{l, v.At})
	}
	for job, into := range map[string]**control.Run{control.Smoke: &v.Smoke, control.Billing: &v.Billing} {
		runs, err := s.Control.Runs(ctx, job, 1)
		if err != nil {
			return v, err
		}
		if len(runs) > 0 {
			*into = &runs[0]
		}
	}
	if v.Looks, err = s.Control.Runs(ctx, control.Objectives, maxLooks); err != nil {
		return v, err
	}
	if v.History, err = s.Control.History(ctx); err != nil {
		return v, err
	}
	share, err := s.Control.Share(ctx, v.History)
	if err != nil {
		return v, err
	}
	v.Share = newSharePlot(share, v.History)
	if v.Companies, err = s.companies.Companies(ctx, maxCompanies); err != nil {
		return v, err
	}
	v.Drills = s.Drills
	v.Drill, err = s.Ops.LastDrill(ctx)
	return v, err
}

// stateClasses are how states are coloured.
var stateClasses = map[control.State]string{control.Pass: "ok", control.Amber: "soft", control.Fail: "full"}

func stateClass(s control.State) string {
	if c, ok := stateClasses[s]; ok {
		return c
	}
	return "none"
}

// rampRunner is who moves ramps when no person does.
const rampRunner = "flags.Run"

// spoken is who did something, in words.
func spoken(by string) string {
	if job, ok := strings.CutPrefix(by, "job:"); ok {
		return "the program's " + job
	}
	if by == "" || by == rampRunner {
		return "the program"
	}
	return by
}

// lately writes how long ago something was.
func lately(d time.Duration) string {
	if d < time.Second {
		return "just now"
	}
	if d < time.Minute {
		return count(int64(max(d, 0)/time.Second)) + " s ago"
	}
	return lasting(d) + " ago"
}
