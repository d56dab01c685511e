package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit/isolation"
)

// isolationView is the page of the report that companies are apart.
type isolationView struct {
	Report  *isolation.Result // nil: none was made yet
	Verdict tenon.Verdict
	Except  []string // tables that were left out
}

// Word is the verdict in a word.
func (v isolationView) Word() string {
	if v.Report == nil {
		return "unknown"
	}
	return map[tenon.Outcome]string{tenon.Pass: "go", tenon.Fail: "frozen"}[v.Verdict.Outcome]
}

func (s *Server) isolationPage(w http.ResponseWriter, r *http.Request, v visitor) {
	page := isolationView{Report: s.Evidence.LastIsolation()}
	if page.Report != nil {
		page.Verdict = page.Report.Verdict()
		page.Except = slices.Sorted(maps.Keys(page.Report.Except))
	}
	s.render(w, r, http.StatusOK, "isolation", view{Title: "Isolation", Visitor: v, Page: page})
}

// checkIsolation makes a report, which takes a second or so.
func (s *Server) checkIsolation(w http.ResponseWriter, r *http.Request, _ visitor) {
	if _, err := s.Evidence.Isolation(r.Context(), true); err != nil {
		s.failPage(w, r, err)
		return
	}
	http.Redirect(w, r, "/isolation", http.StatusSeeOther)
}

// isolationAPI answers the staff's programs with the report, and with 409 when something is wrong, so that a pipeline need
// not read it.
func (s *Server) isolationAPI(w http.ResponseWriter, r *http.Request) {
	key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	sum := sha256.Sum256([]byte(key))
	if s.AdminKey == "" || subtle.ConstantTimeCompare(sum[:], s.adminHash[:]) != 1 {
		unauthenticated(w)
		return
	}
	report, err := s.Evidence.Isolation(r.Context(), false)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	status := http.StatusOK
	if !report.OK() {
		status = http.StatusConflict
	}
	send(w, status, struct {
		Verdict tenon.Verdict     `json:"verdict"`
		Report  *isolation.Result `json:"report"`
	}{report.Verdict(), report})
}
