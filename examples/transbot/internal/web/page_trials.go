package web

import (
	"net/http"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/growth"
	"github.com/transbotai/tenon/notify"
)

// maxLeads bounds the list.
const maxLeads = 200

// trialsView is the staff's page of trials.
type trialsView struct {
	Steps []funnelStep
	Leads []leadLine
	Most  int
	Mail  notify.Stats
	Where string // where mails can be read; empty: nowhere
}

// funnelStep is how many leads came so far.
type funnelStep struct {
	Name  string
	Count int64
	Share float64 // of the first step, from 0 to 100
}

// leadLine is a lead with its mails that can be read.
type leadLine struct {
	growth.Lead
	Files []string
}

// Badge is the lead's state, or what became of its company.
func (l leadLine) Badge() string {
	if l.Standing != "" {
		return l.Standing
	}
	return string(l.State)
}

// Class is how the badge looks.
func (l leadLine) Class() string {
	return map[string]string{"on trial": "trial", "paid": "active", "not paid": "canceled"}[l.Badge()]
}

var trialsDone = map[string]string{
	"resend": "Another mail is on its way.", "delete": "The lead and its mails were deleted.",
}

func (s *Server) trialsPage(w http.ResponseWriter, r *http.Request, v visitor) {
	page, err := s.trialsView(r)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	done := trialsDone[r.URL.Query().Get("done")]
	s.render(w, r, http.StatusOK, "trials", view{Title: "Trials", Visitor: v, Done: done, Page: page})
}

func (s *Server) trialsView(r *http.Request) (v trialsView, err error) {
	v.Most, v.Mail = maxLeads, s.Growth.Stats()
	f, err := s.Growth.Funnel(r.Context())
	if err != nil {
		return v, err
	}
	v.Steps = []funnelStep{
		{Name: "asked", Count: f.Asked},
		{Name: "confirmed", Count: f.Confirmed},
		{Name: "still on trial, or paid", Count: f.Stayed},
		{Name: "paid", Count: f.Paid},
	}
	for i, step := range v.Steps {
		v.Steps[i].Share = 100 * float64(step.Count) / float64(max(f.Asked, 1))
	}
	leads, err := s.Growth.Leads(r.Context(), maxLeads)
	if err != nil {
		return v, err
	}
	names, err := s.mailNames()
	if err != nil {
		return v, err
	}
	for _, l := range leads {
		v.Leads = append(v.Leads, leadLine{Lead: l, Files: names[l.ID]})
	}
	if box := s.Growth.Box(); box != nil {
		v.Where = box.Where()
	}
	return v, nil
}

// moveTrial does what a form of the list asks for.
func (s *Server) moveTrial(w http.ResponseWriter, r *http.Request, _ visitor) {
	move, err := r.PathValue("move"), error(nil)
	switch move {
	case "resend":
		err = s.Growth.Resend(r.Context(), r.PathValue("lead"))
	case "delete":
		err = s.Growth.Delete(r.Context(), r.PathValue("lead"))
	default:
		err = tenon.ErrNotFound
	}
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	http.Redirect(w, r, "/trials?done="+move, http.StatusSeeOther)
}

// trialMail shows a mail as it was sent. Who reads it could confirm, so it is for the staff.
func (s *Server) trialMail(w http.ResponseWriter, r *http.Request, _ visitor) {
	box, err := s.Growth.Box(), tenon.ErrNotFound
	var mail []byte
	if box != nil {
		mail, err = box.Read(r.PathValue("name"))
	}
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	plain(w, http.StatusOK, string(mail))
}
