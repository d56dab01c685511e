package web

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/support"
)

//go:embed templates/*.html assets/*
var files embed.FS

var templates = parse(
	"home", "signin", "companies", "company", "rates", "job", "explain", "billing", "return", "flags", "flag", "slo", "error",
	"audit", "isolation",
	"data", "privacy",
	"kpi",
	"dashboard", "restore", "control",
	"support", "ticket", "desk", "findings",
	"partners", "partner", "invitation", "listings", "listing", "directory",
	"calculator", "signup", "welcome", "trials",
)

// parse returns each page with what all pages share. The files are part of the program, so a fault in them shows at
// its first start.
func parse(pages ...string) map[string]*template.Template {
	shared := template.Must(template.New("").Funcs(funcs).ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/plots.html"))
	all := make(map[string]*template.Template, len(pages))
	for _, name := range pages {
		all[name] = template.Must(template.Must(shared.Clone()).ParseFS(files, "templates/"+name+".html"))
	}
	return all
}

var funcs = template.FuncMap{
	"count":    count,
	"kilos":    func(n int) string { return count(int64(n)) + " kg" },
	"short":    shortDay,
	"day":      func(t time.Time) string { return t.UTC().Format("2 January 2006") },
	"clock":    clock,
	"second":   func(t time.Time) string { return t.UTC().Format("2 Jan, 15:04:05 UTC") },
	"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"happened": happened, "lanefield": laneField,
	"display": display,
	"brief":   brief, "percent": percent, "exactly": exactly,
	"long":    func(n int) int64 { return int64(n) },
	"more":    func(all, shown int) string { return count(int64(all-shown)) + " more" },
	"inc":     func(n int) int { return n + 1 },
	"hundred": func(f float64) float64 { return f * 100 },
	"money":   money, "term": term, "humane": humane, "span": span, "date": func(d fmt.Stringer) string { return plainDate(d.String()) },
	"stateclass": stateClass, "spoken": spoken, "ago": func(at, now time.Time) string { return lately(now.Sub(at)) },
	"dateonly": func(t time.Time) string { return t.Format(time.DateOnly) },
	"minute":   func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04") },
}

// count writes a number with its thousands apart, and Unlimited in words.
func count(n int64) string {
	if n == entitlements.Unlimited {
		return "unlimited"
	}
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// view is what every page shows.
type view struct {
	Title   string
	Visitor visitor
	Nav     navigation // made by render
	Done    string     // what was just done
	Alert   string     // what went wrong
	Page    any
	Script  string           // of the page's own, below /assets; empty: none
	Tour    *support.Showing // what the visitor is to be shown; nil: nothing
}

// render sends a page whole or not at all.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	var b bytes.Buffer
	v.Nav = s.navigate(v.Visitor, r)
	if status == http.StatusNotFound {
		v.Nav.Tabs = nil // of a company that is not there, neither are its pages
	}
	if err := templates[name].ExecuteTemplate(&b, "layout", v); err != nil {
		s.note(r, err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

// errorPage tells a person what went wrong.
func (s *Server) errorPage(w http.ResponseWriter, r *http.Request, status int, text string) {
	c, _ := tenon.CallerFrom(r.Context())
	s.render(w, r, status, "error", view{Title: http.StatusText(status), Visitor: visitorFrom(r), Alert: text, Page: c.RequestID})
}

// failPage tells a person of an error by its class, and logs what is nobody's fault but ours.
func (s *Server) failPage(w http.ResponseWriter, r *http.Request, err error) {
	s.note(r, err)
	status, text := describe(err)
	s.errorPage(w, r, status, text)
}

func describe(err error) (status int, text string) {
	var field *tenon.FieldError
	switch {
	case errors.As(err, &field):
		return http.StatusBadRequest, laneField(field.Field) + " " + field.Reason + "."
	case errors.Is(err, tenon.ErrInvalid):
		return http.StatusBadRequest, "That cannot be right."
	case errors.Is(err, tenon.ErrNotFound):
		return http.StatusNotFound, "There is no such page or thing."
	case errors.Is(err, tenon.ErrConflict):
		return http.StatusConflict, "That contradicts what is stored. Reload the page and look again."
	case errors.Is(err, tenon.ErrDenied):
		return http.StatusForbidden, "Please sign in again."
	case errors.Is(err, tenon.ErrUnavailable):
		return http.StatusServiceUnavailable, "This cannot be answered just now. Try again in a moment."
	}
	return http.StatusInternalServerError, "Something went wrong on our side."
}

// assets serves the style and the icon. They change with the program alone.
func (*Server) assets() http.Handler {
	sub, err := fs.Sub(files, "assets")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	server := http.StripPrefix("/assets/", http.FileServerFS(sub))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=300")
		server.ServeHTTP(w, r)
	})
}
