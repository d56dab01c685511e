package web

import (
	"errors"
	"net/http"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/growth"
)

// mailView says that a mail was sent, whoever the visitor is and whether there was one: only the staff sees which.
type mailView struct {
	Where string // the folder of the demo's mails; empty: they are sent
	Days  int
	Lead  *growth.Lead // for the staff alone
	Mails []string     // names of the lead's mails, likewise
}

func (s *Server) lookIntoMailPage(w http.ResponseWriter, r *http.Request, v visitor) {
	ticket := r.URL.Query().Get("trial")
	if ticket == "" {
		http.Redirect(w, r, "/calculator", http.StatusSeeOther)
		return
	}
	page := mailView{Days: growth.TrialDays}
	if box := s.Growth.Box(); box != nil && s.Drills {
		page.Where = box.Where()
	}
	if v.Staff() {
		if err := s.addLead(r, &page, ticket); err != nil {
			s.failPage(w, r, err)
			return
		}
	}
	s.render(w, r, http.StatusOK, "signup", view{Title: "Look into your mail", Visitor: v, Page: page})
}

// addLead shows the staff whose page it is.
func (s *Server) addLead(r *http.Request, page *mailView, ticket string) error {
	lead, err := s.Growth.LeadOf(r.Context(), ticket)
	if errors.Is(err, tenon.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	page.Lead = &lead
	names, err := s.mailNames()
	page.Mails = names[lead.ID]
	return err
}

// mailNames returns the names of the mails that can be read, the newest first, by lead.
func (s *Server) mailNames() (map[string][]string, error) {
	if box := s.Growth.Box(); box != nil {
		return box.Names()
	}
	return nil, nil
}

// welcomeView is the page of a mail's link.
type welcomeView struct {
	Email  string
	Known  bool // a customer who wants to get in again
	Days   int
	Kinds  []string
	Places []string
	Asked  growth.Founding // as it was typed
	Entry  *growth.Entry   // of who came in; nil: nobody yet
	Used   bool            // the link was
	At     string          // the path of the form
}

// signUpPage asks who confirms an address for their company, and who has one whether they want to be let in. Looking at
// it changes nothing.
func (s *Server) signUpPage(w http.ResponseWriter, r *http.Request, v visitor) {
	s.showSignUp(w, r, v, http.StatusOK, "", growth.Founding{})
}

func linkOf(r *http.Request) growth.Link {
	return growth.Link{Lead: r.PathValue("lead"), Token: r.PathValue("token")}
}

func (s *Server) showSignUp(
	w http.ResponseWriter, r *http.Request, v visitor, status int, alert string, asked growth.Founding,
) {
	link := linkOf(r)
	email, state, err := s.Growth.Look(r.Context(), link)
	if err != nil {
		s.failSignUp(w, r, v, err)
		return
	}
	page := welcomeView{
		Email: email, Known: state == growth.Confirmed, Days: growth.TrialDays,
		Kinds: growth.Kinds, Places: freight.Places(), Asked: asked, At: "/signup/" + link.Lead + "/" + link.Token,
	}
	title := "Start your trial"
	if page.Known {
		title = "Welcome back"
	}
	s.render(w, r, status, "welcome", view{Title: title, Visitor: v, Alert: alert, Page: page})
}

// signUp makes a company of who confirms, or lets in who has one, and signs them in. The key is shown this once.
func (s *Server) signUp(w http.ResponseWriter, r *http.Request, v visitor) {
	link, founding := linkOf(r), growth.Founding{
		Company: r.PostFormValue("company"), Person: r.PostFormValue("person"),
		Kind: r.PostFormValue("kind"), City: r.PostFormValue("city"),
	}
	var entry growth.Entry
	var err error
	known := r.PostFormValue("what") == "enter"
	if known {
		entry, err = s.Growth.Enter(r.Context(), link)
	} else {
		entry, err = s.Growth.Confirm(r.Context(), link, founding)
	}
	if errors.Is(err, tenon.ErrInvalid) {
		status, text := describe(err)
		s.showSignUp(w, r, v, status, text, founding)
		return
	}
	if err == nil {
		err = s.open(w, r, freight.Session{Company: entry.Company, Actor: "key:" + entry.KeyID})
	}
	if err != nil {
		s.failSignUp(w, r, v, err)
		return
	}
	title := "Your trial has begun"
	if known {
		title = "You are in"
	}
	page := welcomeView{Entry: &entry, Known: known, Days: growth.TrialDays}
	s.render(w, r, http.StatusOK, "welcome", view{Title: title, Page: page})
}

// failSignUp tells what is wrong with a link, and of whom it was to nobody.
func (s *Server) failSignUp(w http.ResponseWriter, r *http.Request, v visitor, err error) {
	switch {
	case errors.Is(err, growth.ErrUsed):
		page := welcomeView{Used: true}
		s.render(w, r, http.StatusConflict, "welcome", view{Title: "This link was used", Visitor: v, Page: page})
	case errors.Is(err, growth.ErrLink):
		page := welcomeView{}
		s.render(w, r, http.StatusForbidden, "welcome", view{Title: "This link does not work", Visitor: v, Page: page})
	default:
		s.failPage(w, r, err)
	}
}
