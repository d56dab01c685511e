package web

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/gdpr"
)

// privacyView is the page of the desk.
type privacyView struct {
	Now       time.Time
	Open      int // requests, of those that are shown
	Overdue   int
	Failing   int
	Requests  []requestView
	Companies []freight.Company
	Company   string     // that is looked at
	Plan      *gdpr.Plan // of its erasure; nil: nobody asked
	PlanWrong string     // why there is none
	Holds     []gdpr.Hold
	Skips     bool // the demo's clock can be moved on
}

var privacyDone = map[string]string{
	"marked": "The company was deleted. It can be restored until its grace ends.", "restored": "The company was restored.",
	"verified": "The identity was verified.", "extended": "The request was extended. Tell its subject why.",
	"refused": "The request was refused.", "replanned": "A new plan was made.", "held": "The hold was placed.",
	"released": "The hold was released.", "skipped": "The clock was moved on, and what was due then was done.",
}

func (s *Server) privacyPage(w http.ResponseWriter, r *http.Request, v visitor) {
	s.showPrivacy(w, r, v, http.StatusOK, "")
}

func (s *Server) showPrivacy(w http.ResponseWriter, r *http.Request, v visitor, status int, alert string) {
	page, err := s.privacyView(r.Context(), r.URL.Query().Get("company"))
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.render(w, r, status, "privacy", view{
		Title: "Privacy", Visitor: v, Done: privacyDone[r.URL.Query().Get("done")], Alert: alert, Page: page,
	})
}

// maxRequests bounds the requests on the page.
const maxRequests = 100

func (s *Server) privacyView(ctx context.Context, company string) (p privacyView, err error) {
	p.Skips, p.Company = s.Drills, company
	if p.Now, err = s.Privacy.Now(ctx); err != nil {
		return p, err
	}
	requests, err := s.Privacy.Requests(ctx, gdpr.Query{Limit: maxRequests})
	if err != nil {
		return p, err
	}
	for _, q := range requests {
		held, err := s.heldBy(ctx, q)
		if err != nil {
			return p, err
		}
		p.add(requestView{Request: q, now: p.Now, Held: held})
	}
	if p.Companies, err = s.companies.Companies(ctx, maxRequests); err != nil || company == "" {
		return p, err
	}
	if p.Holds, err = s.Privacy.Holds(ctx, company); err != nil {
		return p, err
	}
	plan, err := s.Privacy.Plan(ctx, tenon.Subject{Tenant: company})
	if err != nil {
		_, p.PlanWrong = describe(err)
		return p, nil
	}
	p.Plan = &plan
	return p, nil
}

func (p *privacyView) add(v requestView) {
	p.Requests = append(p.Requests, v)
	if !v.State.Closed() {
		p.Open++
	}
	if v.Late() {
		p.Overdue++
	}
	if len(v.Failing()) > 0 {
		p.Failing++
	}
}

func (s *Server) finishPrivacy(w http.ResponseWriter, r *http.Request, v visitor, what string, err error) {
	if err != nil {
		s.note(r, err)
		status, text := describePrivacy(err)
		s.showPrivacy(w, r, v, status, text)
		return
	}
	http.Redirect(w, r, "/privacy?done="+what, http.StatusSeeOther)
}

// decideRequest does what the staff chose for a request.
func (s *Server) decideRequest(w http.ResponseWriter, r *http.Request, v visitor) {
	k := gdpr.Key{Tenant: r.PostFormValue("tenant"), ID: r.PostFormValue("request")}
	text, what := strings.TrimSpace(r.PostFormValue("text")), r.PostFormValue("what")
	var err error
	switch what {
	case "verified":
		_, err = s.Privacy.Verify(r.Context(), k, text)
	case "extended":
		_, err = s.Privacy.Extend(r.Context(), k, text)
	case "refused":
		_, err = s.Privacy.Refuse(r.Context(), k, text)
	case "restored":
		_, err = s.Privacy.Withdraw(r.Context(), k, text)
	case "replanned":
		_, err = s.Privacy.Replan(r.Context(), k)
	default:
		err = tenon.Invalid("what", "is not a choice")
	}
	s.finishPrivacy(w, r, v, what, err)
}

func (s *Server) placeHold(w http.ResponseWriter, r *http.Request, v visitor) {
	reason, err := reasonOf(r)
	if err == nil {
		_, err = s.Privacy.Hold(r.Context(), tenon.Subject{Tenant: r.PostFormValue("company")}, reason)
	}
	s.finishPrivacy(w, r, v, "held", err)
}

func (s *Server) releaseHold(w http.ResponseWriter, r *http.Request, v visitor) {
	err := s.Privacy.Release(r.Context(), gdpr.Key{Tenant: r.PostFormValue("company"), ID: r.PostFormValue("hold")})
	s.finishPrivacy(w, r, v, "released", err)
}

// maxSkip bounds how far the clock goes at once, in days.
const maxSkip = 100

// skipTime moves the demo's clock on.
func (s *Server) skipTime(w http.ResponseWriter, r *http.Request, v visitor) {
	if !s.Drills {
		s.failPage(w, r, tenon.ErrNotFound)
		return
	}
	days, err := number(r, "days", true)
	if err == nil && (days < 1 || days > maxSkip) {
		err = tenon.Invalid("days", "is not within 1 and %d", maxSkip)
	}
	if err == nil {
		err = s.Privacy.Skip(r.Context(), time.Duration(days)*24*time.Hour)
	}
	s.finishPrivacy(w, r, v, "skipped", err)
}

// certificate hands out the proof of an erasure.
func (s *Server) certificate(w http.ResponseWriter, r *http.Request, _ visitor) {
	q, err := s.Privacy.Request(r.Context(), gdpr.Key{Tenant: r.URL.Query().Get("tenant"), ID: r.URL.Query().Get("request")})
	if err == nil && len(q.Certificate) == 0 {
		err = tenon.ErrNotFound
	}
	var body bytes.Buffer
	if err == nil {
		err = json.Indent(&body, q.Certificate, "", "  ")
	}
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", attachment("certificate-"+q.ID+".json"))
	_, _ = body.WriteTo(w)
}
