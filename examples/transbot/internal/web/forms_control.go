package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/control"
)

// finishControl answers a form of the control room.
func (s *Server) finishControl(w http.ResponseWriter, r *http.Request, v visitor, what string, err error) {
	var held *control.HeldError
	switch {
	case err == nil:
		http.Redirect(w, r, "/control?done="+what, http.StatusSeeOther)
	case errors.As(err, &held):
		s.showControl(w, r, v, http.StatusConflict, "The objectives hold the next stage: "+strings.Join(held.Verdict.Reasons, "; ")+".")
	default:
		s.note(r, err)
		status, text := describe(err)
		s.showControl(w, r, v, status, text)
	}
}

// dateLaunch says when day 0 begins.
func (s *Server) dateLaunch(w http.ResponseWriter, r *http.Request, v visitor) {
	reason, err := reasonOf(r)
	var at time.Time
	if err == nil {
		at, err = minuteOf(r, "at")
	}
	if err == nil {
		err = s.Control.Begin(r.Context(), at, reason)
	}
	s.finishControl(w, r, v, "launch", err)
}

// minuteOf reads a minute in UTC as browsers send it: 2006-01-02T15:04, perhaps with seconds.
func minuteOf(r *http.Request, name string) (time.Time, error) {
	text := r.PostFormValue(name)
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, tenon.Invalid(name, "is not a day and a time")
}

// lookNow takes a look.
func (s *Server) lookNow(w http.ResponseWriter, r *http.Request, v visitor) {
	err := s.Control.Look(r.Context(), r.PostFormValue("look"))
	if errors.Is(err, tenon.ErrConflict) {
		s.showControl(w, r, v, http.StatusConflict, "It is being looked at just now. Reload the page in a moment.")
		return
	}
	s.finishControl(w, r, v, "look", err)
}

// tickItem ticks or unticks what people tick.
func (s *Server) tickItem(w http.ResponseWriter, r *http.Request, v visitor) {
	h := control.Hand{Item: r.PostFormValue("item"), Done: r.PostFormValue("done") == "yes", Note: strings.TrimSpace(r.PostFormValue("note"))}
	var err error
	if text := r.PostFormValue("on"); text != "" {
		if h.On, err = time.Parse(time.DateOnly, text); err != nil {
			err = tenon.Invalid("on", "is not a day")
		}
	}
	if err == nil {
		err = s.Control.Tick(r.Context(), h)
	}
	s.finishControl(w, r, v, "items", err)
}

// startRollout starts the rollout, with the canaries that are named.
func (s *Server) startRollout(w http.ResponseWriter, r *http.Request, v visitor) {
	reason, err := reasonOf(r)
	if err == nil {
		err = s.Control.StartRollout(r.Context(), control.Ask{Canaries: strings.Fields(r.PostFormValue("canaries")), Reason: reason})
	}
	s.finishControl(w, r, v, "rollout", err)
}

// rolloutMove is the form that does a step of the rollout.
func rolloutMove(step func(d *control.Desk, ctx context.Context, reason string) error, what string) method {
	return func(s *Server, w http.ResponseWriter, r *http.Request, v visitor) {
		reason, err := reasonOf(r)
		if err == nil {
			err = step(s.Control, r.Context(), reason)
		}
		s.finishControl(w, r, v, what, err)
	}
}
