package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/examples/transbot/internal/evidence"
)

// evidencePages are the pages of the audit log and of the report on isolation.
func evidencePages() []Route {
	return []Route{
		get("/audit", Staff, (*Server).auditPage),
		get("/audit/export", Staff, (*Server).exportAudit),
		post("/audit/verify", Staff, (*Server).verifyAudit),
		post("/audit/tamper", Staff, (*Server).tamper),
		get("/companies/{company}/audit", SignedIn, (*Server).auditPage),
		get("/companies/{company}/audit/export", SignedIn, (*Server).exportAudit),
		get("/isolation", Staff, (*Server).isolationPage),
		post("/isolation", Staff, (*Server).checkIsolation),
	}
}

// auditShown is how many records a page shows.
const auditShown = 50

// auditView is the page of the audit log.
type auditView struct {
	Path      string // of this page
	Company   string // whose records; empty: everybody's
	Filter    auditFilter
	Records   []auditLine
	More      string // where the next page is
	Signed    bool
	Anchored  bool
	Drills    bool // the log may be tampered with on purpose
	Tampering *evidence.Tampering
	Drifts    []auditpg.Drift
	Report    *audit.Report
	Faults    []string
	Hidden    int // faults that are not shown
}

// auditFilter is what the page was asked for.
type auditFilter struct{ Tenant, Actor, Action, Target, Text, After string }

// auditLine is a record as the page shows it.
type auditLine struct {
	audit.Record
	On      string
	Details string
	Suspect bool
}

func filterOf(r *http.Request) auditFilter {
	v := r.URL.Query()
	return auditFilter{
		Tenant: v.Get("tenant"), Actor: v.Get("actor"), Action: v.Get("action"), Target: v.Get("target"), Text: v.Get("text"),
		After: v.Get("after"),
	}
}

// query returns what a visitor asks for and may see. A company's people see their own records, whatever they ask for.
func (f auditFilter) query(r *http.Request) audit.Query {
	q := audit.Query{Actor: f.Actor, Action: f.Action, Text: f.Text, After: f.After, Limit: auditShown}
	q.Target.Type, q.Target.ID, _ = strings.Cut(f.Target, "/")
	q.Tenant = f.Tenant
	if company := r.PathValue("company"); company != "" {
		q.Tenant = company
	}
	q.AllTenants = q.Tenant == ""
	return q
}

// next returns the address of the page after a record.
func (f auditFilter) next(path, after string) string {
	v := url.Values{}
	for name, value := range map[string]string{
		"tenant": f.Tenant, "actor": f.Actor, "action": f.Action, "target": f.Target, "text": f.Text, "after": after,
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return path + "?" + v.Encode()
}

// Query is the filter for a link to an export.
func (f auditFilter) Query() string {
	f.After = ""
	return strings.TrimPrefix(f.next("", ""), "?")
}

func (s *Server) auditPage(w http.ResponseWriter, r *http.Request, v visitor) {
	s.showAudit(w, r, v, http.StatusOK, "", nil)
}

var auditDone = map[string]string{
	"tampered": "A record was changed behind the log's back. Verify the log to see whether that shows.",
	"restored": "What was changed was put back.",
}

func (s *Server) showAudit(w http.ResponseWriter, r *http.Request, v visitor, status int, alert string, report *audit.Report) {
	page, err := s.auditView(r, v, report)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.render(w, r, status, "audit", view{
		Title: "Audit log", Visitor: v, Done: auditDone[r.URL.Query().Get("done")], Alert: alert, Page: page,
	})
}

func (s *Server) auditView(r *http.Request, v visitor, report *audit.Report) (page auditView, err error) {
	page = auditView{
		Path: "/audit", Company: r.PathValue("company"), Filter: filterOf(r), Report: report,
		Signed: s.Evidence.Verifier != nil, Anchored: s.Evidence.Anchored(), Drills: s.Drills,
	}
	if page.Company != "" {
		page.Path = "/companies/" + url.PathEscape(page.Company) + "/audit"
	}
	q := page.Filter.query(r)
	entries, err := s.Evidence.Log.List(r.Context(), q)
	if err != nil {
		return page, err
	}
	suspects := page.addFaults()
	for _, e := range entries {
		line := lineOf(e.Record)
		line.Suspect = suspects[e.ID]
		page.Records = append(page.Records, line)
	}
	if len(entries) == auditShown {
		page.More = page.Filter.next(page.Path, entries[len(entries)-1].ID)
	}
	if !v.Staff() || page.Company != "" {
		return page, nil
	}
	if page.Tampering, err = s.Evidence.Tampering(r.Context()); err != nil {
		return page, err
	}
	page.Drifts, err = s.Evidence.Drifts(r.Context())
	return page, err
}

// faultsShown bounds the faults on the page.
const faultsShown = 20

// addFaults puts the report's faults into words, and returns the records that they name.
func (p *auditView) addFaults() map[string]bool {
	suspects := map[string]bool{}
	if p.Report == nil {
		return suspects
	}
	for i, f := range p.Report.Faults {
		suspects[f.ID] = f.ID != ""
		if i < faultsShown {
			p.Faults = append(p.Faults, f.String())
		}
	}
	p.Hidden = len(p.Report.Faults) - len(p.Faults)
	return suspects
}

func lineOf(r audit.Record) auditLine {
	line := auditLine{Record: r}
	for i, t := range r.Targets {
		if i > 0 {
			line.On += ", "
		}
		line.On += strings.TrimSuffix(t.Type+" "+t.ID, " ")
	}
	var b bytes.Buffer
	if r.Payload != nil && json.Indent(&b, r.Payload, "", "  ") == nil {
		line.Details = b.String()
	}
	return line
}

// verifyAudit shows what verifying the whole log finds.
func (s *Server) verifyAudit(w http.ResponseWriter, r *http.Request, v visitor) {
	report, err := s.Evidence.Verify(r.Context())
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.showAudit(w, r, v, http.StatusOK, "", &report)
}

// tamper changes a record on purpose, or puts it back; in the demo alone.
func (s *Server) tamper(w http.ResponseWriter, r *http.Request, v visitor) {
	done, err := "", tenon.ErrNotFound
	switch what := r.PostFormValue("what"); {
	case !s.Drills:
	case what == "tampered":
		done, err = what, s.Evidence.Tamper(r.Context())
	case what == "restored":
		done, err = what, s.Evidence.Restore(r.Context())
	}
	if err != nil {
		s.note(r, err)
		status, text := describe(err)
		s.showAudit(w, r, v, status, text, nil)
		return
	}
	http.Redirect(w, r, "/audit?done="+done, http.StatusSeeOther)
}

// exportKinds are the media types of exports.
var exportKinds = map[string]string{"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}

// exportAudit sends what the filter finds as a file that proves itself. One that breaks off lacks its signed end.
func (s *Server) exportAudit(w http.ResponseWriter, r *http.Request, _ visitor) {
	format := r.URL.Query().Get("format")
	kind, ok := exportKinds[format]
	if !ok {
		s.failPage(w, r, tenon.Invalid("format", "is neither jsonl nor csv"))
		return
	}
	f := filterOf(r)
	f.After = ""
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="audit-`+time.Now().UTC().Format("2006-01-02")+"."+format+`"`)
	out := &firstByte{ResponseWriter: w}
	_, err := s.Evidence.Log.Export(r.Context(), out, audit.ExportOptions{Query: f.query(r), Format: audit.Format(format)})
	switch {
	case err == nil:
	case out.begun:
		s.note(r, err)
		panic(http.ErrAbortHandler)
	default:
		h.Del("Content-Disposition")
		s.failPage(w, r, err)
	}
}

// firstByte notes whether an answer has begun.
type firstByte struct {
	http.ResponseWriter
	begun bool
}

func (f *firstByte) Write(b []byte) (int, error) {
	f.begun = true
	return f.ResponseWriter.Write(b)
}
