package web

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/flags"
)

// flagPages are the staff's pages about flags.
func flagPages() []Route {
	return []Route{
		get("/flags", Staff, (*Server).flagsPage),
		get("/flags/{flag}", Staff, (*Server).flagPage),
		post("/flags/{flag}/switch", Staff, (*Server).switchFlag),
		post("/flags/{flag}/change", Staff, (*Server).changeFlag),
		post("/flags/{flag}/revert", Staff, (*Server).revertFlag),
		post("/flags/{flag}/ramp", Staff, (*Server).startRamp),
		post("/flags/{flag}/advance", Staff, moveRamp((*flags.Set).Advance)),
		post("/flags/{flag}/pause", Staff, moveRamp((*flags.Set).Pause)),
		post("/flags/{flag}/resume", Staff, moveRamp((*flags.Set).Resume)),
		post("/flags/{flag}/rollback", Staff, moveRamp((*flags.Set).Rollback)),
	}
}

// flagLine is a flag in the list.
type flagLine struct {
	flags.Definition
	State   string // on, off, some, switched off: in words and as a colour
	Have    int
	Of      int
	Ramp    string // where its ramp is; empty: it has none
	Fault   string
	Changed time.Time
}

// flagsView is the list of flags.
type flagsView struct {
	Flags  []flagLine
	Stale  []flags.StaleFlag
	Status flags.Status
}

func (s *Server) flagsPage(w http.ResponseWriter, r *http.Request, v visitor) {
	companies, err := s.companies.Companies(r.Context(), maxCompanies)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	stale, err := s.Flags.Stale(r.Context())
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	page, faults := flagsView{Stale: stale, Status: s.Flags.Status()}, s.Flags.Stats().Faults
	for _, d := range s.Flags.Flags() {
		line := s.flagLine(d, companies)
		line.Fault = faults["flag/"+d.Key]
		page.Flags = append(page.Flags, line)
	}
	s.render(w, r, http.StatusOK, "flags", view{Title: "Flags", Visitor: v, Page: page})
}

func (s *Server) flagLine(d flags.Definition, companies []freight.Company) flagLine {
	line := flagLine{Definition: d, Of: len(companies), Have: len(s.having(d.Key, companies))}
	switch {
	case d.Disabled:
		line.State = "switched off"
	case line.Have == 0:
		line.State = "off"
	case line.Have == line.Of:
		line.State = "on"
	default:
		line.State = "some"
	}
	if d.Rollout != nil && d.Rollout.Ramp != nil {
		line.Ramp = rampView{Schedule: *d.Rollout.Ramp}.Says()
	}
	return line
}

// having returns the companies that have a flag. It explains rather than evaluates, since looking is no use of the flag.
func (s *Server) having(key string, companies []freight.Company) []freight.Company {
	return slices.DeleteFunc(slices.Clone(companies), func(c freight.Company) bool {
		x, err := s.Flags.Explain(key, &flags.Who{Tenant: c.ID})
		return err != nil || x.Detail.Value != true
	})
}

// flagView is a flag's page.
type flagView struct {
	flagLine
	JSON      string
	Form      flagForm
	Flips     []flags.Flip // of a change that is only looked at
	Looked    bool         // it was looked at
	Companies []freight.Company
	Asked     string // the company that the explanation is for
	Explained string
	Ramping   *rampView
	Versions  []versionLine
}

var flagDone = map[string]string{
	"switch": "The switch was turned.", "change": "The flag was changed.", "revert": "The earlier version is in force again.",
	"ramp": "The ramp was started.", "advance": "The next stage has begun.", "pause": "The ramp waits.",
	"resume": "The ramp goes on.", "rollback": "The ramp went back a stage.",
}

func (s *Server) flagPage(w http.ResponseWriter, r *http.Request, v visitor) {
	s.showFlag(w, r, v, showing{status: http.StatusOK})
}

// showing is what a flag's page shows besides the flag: what came of a form.
type showing struct {
	status int
	alert  string
	form   *flagForm // what was filled in; nil: what is stored
	flips  []flags.Flip
	looked bool
}

func (s *Server) showFlag(w http.ResponseWriter, r *http.Request, v visitor, sh showing) {
	page, err := s.flagView(r.Context(), r.PathValue("flag"), r.URL.Query().Get("company"))
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	if sh.form != nil {
		page.Form = *sh.form
	}
	page.Flips, page.Looked = sh.flips, sh.looked
	s.render(w, r, sh.status, "flag", view{
		Title: "Flag " + page.Key, Visitor: v, Done: flagDone[r.URL.Query().Get("done")], Alert: sh.alert, Page: page,
	})
}

// maxVersions bounds the history on a flag's page.
const maxVersions = 20

func (s *Server) flagView(ctx context.Context, key, asked string) (flagView, error) {
	d, err := s.Flags.Flag(key)
	if err != nil {
		return flagView{}, err
	}
	companies, err := s.companies.Companies(ctx, maxCompanies)
	if err != nil {
		return flagView{}, err
	}
	records, err := s.Flags.Versions(ctx, key, 0, maxVersions+1)
	if err != nil {
		return flagView{}, err
	}
	page := flagView{
		flagLine: s.flagLine(d, companies), JSON: indented(d), Form: formOf(d), Companies: companies, Asked: asked,
		Versions: versionLines(records, d.Version), Ramping: s.rampOf(d),
	}
	page.Fault = s.Flags.Stats().Faults["flag/"+key]
	if asked != "" {
		x, err := s.Flags.Explain(key, &flags.Who{Tenant: asked})
		if err != nil {
			return flagView{}, err
		}
		page.Explained = x.Text()
	}
	return page, nil
}
