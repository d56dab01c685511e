package web

import (
	"net/http"
	"time"

	"github.com/transbotai/tenon/examples/transbot/internal/restore"
)

// restorePages are the page of restore drills.
func restorePages() []Route {
	return []Route{
		get("/control/restore", Staff, (*Server).restorePage),
		post("/control/restore", Staff, (*Server).startRestore),
	}
}

// restoreView is the page of restore drills.
type restoreView struct {
	At      time.Time
	Last    *drillView // nil: there was none yet
	Earlier []drillView
}

// drillView is a drill in words.
type drillView struct{ restore.Drill }

// Word is what came of it, as it is coloured.
func (d drillView) Word() string {
	switch {
	case d.Running():
		return "unknown"
	case d.Passed:
		return "go"
	}
	return "frozen"
}

// Says is that in words.
func (d drillView) Says() string {
	return map[string]string{"unknown": "under way", "go": "passed", "frozen": "failed"}[d.Word()]
}

// Class is how a badge of it is coloured.
func (d drillView) Class() string {
	return map[string]string{"unknown": "soft", "go": "ok", "frozen": "full"}[d.Word()]
}

// Dump is the size of the dump in words.
func (d drillView) Dump() string {
	if d.DumpBytes == 0 {
		return "–"
	}
	return restore.Bytes(d.DumpBytes)
}

// Took writes a duration to tenths of a second; none as a dash.
func (d drillView) Took(t time.Duration) string {
	if t <= 0 {
		return "–"
	}
	return tenths(t)
}

func tenths(d time.Duration) string {
	if d < time.Second {
		return brief(d)
	}
	return brief(d.Round(100 * time.Millisecond))
}

// shownDrills bounds the drills on the page.
const shownDrills = 20

func (s *Server) restorePage(w http.ResponseWriter, r *http.Request, v visitor) {
	s.showRestore(w, r, v, http.StatusOK, "")
}

func (s *Server) showRestore(w http.ResponseWriter, r *http.Request, v visitor, status int, alert string) {
	list, err := s.Restore.List(r.Context(), shownDrills)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	page := restoreView{At: time.Now()}
	for _, d := range list {
		page.Earlier = append(page.Earlier, drillView{d})
	}
	if len(list) > 0 {
		page.Last, page.Earlier = &page.Earlier[0], page.Earlier[1:]
		if page.Last.Running() {
			w.Header().Set("Refresh", "2")
		}
	}
	s.render(w, r, status, "restore", view{Title: "Restore drill", Visitor: v, Alert: alert, Page: page})
}

// startRestore starts a drill, which goes on behind the pages.
func (s *Server) startRestore(w http.ResponseWriter, r *http.Request, v visitor) {
	if _, err := s.Restore.Start(r.Context()); err != nil {
		s.note(r, err)
		status, text := describe(err)
		if status == http.StatusConflict {
			text = "A drill is under way already. There is one at a time."
		}
		s.showRestore(w, r, v, status, text)
		return
	}
	http.Redirect(w, r, "/control/restore", http.StatusSeeOther)
}
