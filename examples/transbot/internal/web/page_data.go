package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/gdpr"
)

// privacyPages are the pages of companies' data and of the desk.
func privacyPages() []Route {
	return []Route{
		get("/companies/{company}/data", SignedIn, (*Server).dataPage),
		get("/companies/{company}/data/document", SignedIn, (*Server).document),
		get("/companies/{company}/data/exports/{request}", SignedIn, (*Server).archive),
		post("/companies/{company}/data/export", SignedIn, (*Server).askExport),
		post("/companies/{company}/data/link", SignedIn, (*Server).makeLink),
		post("/companies/{company}/data/delete", SignedIn, (*Server).deleteCompany),
		get("/exports/{token}", Everybody, (*Server).follow),
		get("/privacy", Staff, (*Server).privacyPage),
		get("/privacy/certificate", Staff, (*Server).certificate),
		post("/privacy/requests", Staff, (*Server).decideRequest),
		post("/privacy/holds", Staff, (*Server).placeHold),
		post("/privacy/holds/release", Staff, (*Server).releaseHold),
		post("/privacy/skip", Staff, (*Server).skipTime),
	}
}

// dataView is the page of a company's data.
type dataView struct {
	Company  freight.Company
	Requests []requestView // the newest first
	Grace    string        // how long a deleted company can be restored
	Link     string        // that was just made
	Open     bool          // an export is being made
}

// grace is how long a deleted company can be restored: the desk's own default.
const grace = 14 * 24 * time.Hour

// linkFor is how long a link to an export leads there.
const linkFor = 24 * time.Hour

var dataDone = map[string]string{"export": "The export is being prepared. Reload this page in a moment."}

func (s *Server) dataPage(w http.ResponseWriter, r *http.Request, v visitor) {
	s.showData(w, r, v, http.StatusOK, "", "")
}

func (s *Server) showData(w http.ResponseWriter, r *http.Request, v visitor, status int, alert, link string) {
	company, err := s.companies.Company(r.Context(), r.PathValue("company"))
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	requests, err := s.Privacy.Requests(r.Context(), gdpr.Query{Tenant: company.ID, Limit: 20})
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	now, err := s.Privacy.Now(r.Context())
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	page := dataView{Company: company, Grace: span(grace), Link: link}
	for _, q := range requests {
		page.Requests = append(page.Requests, requestView{Request: q, now: now})
		page.Open = page.Open || q.Kind == gdpr.KindExport && !q.State.Closed()
	}
	if page.Open {
		w.Header().Set("Refresh", watchEvery)
	}
	s.render(w, r, status, "data", view{
		Title: company.Name + ", data", Visitor: v, Done: dataDone[r.URL.Query().Get("done")], Alert: alert, Page: page,
	})
}

// failData shows the page with what went wrong.
func (s *Server) failData(w http.ResponseWriter, r *http.Request, v visitor, err error) {
	s.note(r, err)
	status, text := describePrivacy(err)
	s.showData(w, r, v, status, text, "")
}

func describePrivacy(err error) (status int, text string) {
	for told, text := range map[error]string{
		gdpr.ErrHeld:        "The law forbids to delete this company's data now. The request was received and goes on as soon as it may.",
		gdpr.ErrTooLate:     "It is too late to extend this request, or it was extended before.",
		gdpr.ErrState:       "The request is past that. Reload the page.",
		gdpr.ErrUnknownFile: "The export is not ready yet, or has expired.",
	} {
		if errors.Is(err, told) {
			return http.StatusConflict, text
		}
	}
	return describe(err)
}

func (s *Server) askExport(w http.ResponseWriter, r *http.Request, v visitor) {
	company := r.PathValue("company")
	_, err := s.Privacy.Confirmed(r.Context(), gdpr.Order{Kind: gdpr.KindExport, Subject: tenon.Subject{Tenant: company}})
	if err != nil {
		s.failData(w, r, v, err)
		return
	}
	http.Redirect(w, r, dataPath(company)+"?done=export", http.StatusSeeOther)
}

func dataPath(company string) string { return "/companies/" + url.PathEscape(company) + "/data" }

// deleteCompany marks the company as deleted, when its name was typed. Its people are signed out by that.
func (s *Server) deleteCompany(w http.ResponseWriter, r *http.Request, v visitor) {
	company, err := s.companies.Company(r.Context(), r.PathValue("company"))
	if err == nil && strings.TrimSpace(r.PostFormValue("name")) != company.Name {
		err = tenon.Invalid("name", "is not %q, which is to be typed to confirm", company.Name)
	}
	if err != nil {
		s.failData(w, r, v, err)
		return
	}
	q, err := s.Privacy.Confirmed(r.Context(), gdpr.Order{
		Kind: gdpr.KindErasure, Subject: tenon.Subject{Tenant: company.ID}, Reason: strings.TrimSpace(r.PostFormValue("reason")),
	})
	switch {
	case err != nil:
		s.failData(w, r, v, err)
	case v.Staff():
		http.Redirect(w, r, "/privacy?done=marked", http.StatusSeeOther)
	default:
		s.render(w, r, http.StatusOK, "signin", view{Title: "Deleted", Done: fmt.Sprintf(
			"%s was deleted. Until %s our staff can restore it; then everything is erased.", company.Name, q.EraseAt.Format("2 January 2006"))})
	}
}

// document hands over everything as one JSON document, as it is read.
func (s *Server) document(w http.ResponseWriter, r *http.Request, _ visitor) {
	company := r.PathValue("company")
	out := &late{ResponseWriter: w, name: company + ".json"}
	if err := s.Privacy.Document(r.Context(), tenon.Subject{Tenant: company}, out); err != nil {
		if out.begun {
			panic(http.ErrAbortHandler) // the client sees that it is not whole
		}
		s.failPage(w, r, err)
	}
}

// late sets the headers of a file when its first bytes come: until then it can still be an error.
type late struct {
	http.ResponseWriter
	name  string
	begun bool
}

// Write implements [io.Writer].
func (l *late) Write(p []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.Header().Set("Content-Type", "application/json")
		l.Header().Set("Content-Disposition", attachment(l.name))
	}
	return l.ResponseWriter.Write(p)
}

func attachment(name string) string { return fmt.Sprintf("attachment; filename=%q", name) }

func (s *Server) archive(w http.ResponseWriter, r *http.Request, _ visitor) {
	company := r.PathValue("company")
	d, err := s.Privacy.Open(r.Context(), gdpr.Key{Tenant: company, ID: r.PathValue("request")})
	s.serveArchive(w, r, d, err)
}

// makeLink makes a link for somebody who has no account, such as the company's lawyer.
func (s *Server) makeLink(w http.ResponseWriter, r *http.Request, v visitor) {
	company := r.PathValue("company")
	token, err := s.Privacy.Link(r.Context(), gdpr.Key{Tenant: company, ID: r.PostFormValue("request")}, linkFor)
	if err != nil {
		s.failData(w, r, v, err)
		return
	}
	s.showData(w, r, v, http.StatusOK, "", s.origin(r)+"/exports/"+token)
}

// follow serves whoever has a link.
func (s *Server) follow(w http.ResponseWriter, r *http.Request, _ visitor) {
	d, err := s.Privacy.Follow(r.Context(), r.PathValue("token"))
	if errors.Is(err, gdpr.ErrLink) || errors.Is(err, tenon.ErrNotFound) {
		s.errorPage(w, r, http.StatusNotFound, "This link is not valid, or no longer.")
		return
	}
	s.serveArchive(w, r, d, err)
}

// serveArchive sends an archive, or the part of it that a browser still lacks.
func (s *Server) serveArchive(w http.ResponseWriter, r *http.Request, d *gdpr.Download, err error) {
	if err != nil {
		s.note(r, err)
		status, text := describePrivacy(err)
		s.errorPage(w, r, status, text)
		return
	}
	defer func() { _ = d.Close() }()
	w.Header().Set("Content-Disposition", attachment(d.Name))
	w.Header().Set("ETag", `"`+d.SHA256+`"`)
	w.Header().Set("Cache-Control", "private, no-store")
	http.ServeContent(w, r, d.Name, d.At, d)
}

// requestView is a request as people read it.
type requestView struct {
	gdpr.Request
	now  time.Time
	Held []gdpr.Hold
}

var stateNames = map[gdpr.State]string{
	gdpr.StateReceived: "received", gdpr.StateVerified: "verified", gdpr.StateMarked: "deleted, restorable",
	gdpr.StateRestoring: "being restored", gdpr.StateErasing: "being erased", gdpr.StateCompleted: "done",
	gdpr.StateRefused: "refused", gdpr.StateWithdrawn: "withdrawn",
}

// Says is the state in words.
func (v requestView) Says() string {
	switch {
	case v.Kind == gdpr.KindExport && v.State == gdpr.StateVerified:
		return "being prepared"
	case v.State == gdpr.StateCompleted && v.Kind == gdpr.KindErasure:
		return "erased"
	}
	return stateNames[v.State]
}

// Class is how the state is coloured.
func (v requestView) Class() string {
	switch {
	case v.Late() || len(v.Failing()) > 0:
		return "full"
	case v.State.Closed():
		return "none"
	case len(v.Held) > 0:
		return "soft"
	}
	return "ok"
}

// Late says whether the request is overdue.
func (v requestView) Late() bool { return v.Overdue(v.now) }

// Ready says whether there is an export to fetch.
func (v requestView) Ready() bool {
	return v.File != nil && !v.File.Gone && v.now.Before(v.File.Expires)
}

// Left is how long there is until it is due.
func (v requestView) Left() string { return until(v.DueAt, v.now) }

// Size is that of the export.
func (v requestView) Size() string { return fmt.Sprintf("%.1f kB", float64(v.File.Size)/1000) }

// Failing are the steps whose last attempt failed.
func (v requestView) Failing() []gdpr.Step {
	return slices.DeleteFunc(slices.Clone(v.Steps), func(s gdpr.Step) bool { return s.Error == "" })
}

// Rows is how many rows the steps of an erasure have removed or emptied, tables and satellites together.
func (v requestView) Rows() (n int64) {
	for _, s := range v.Steps {
		if s.Name == "tables" || strings.HasPrefix(s.Name, "satellite/") {
			for _, rows := range s.Rows {
				n += rows
			}
		}
	}
	return n
}

// heldBy adds the holds that stop a request.
func (s *Server) heldBy(ctx context.Context, q gdpr.Request) ([]gdpr.Hold, error) {
	if q.State.Closed() {
		return nil, nil
	}
	return s.Privacy.Blocked(ctx, q.Key)
}
