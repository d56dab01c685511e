package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

func (s *Server) signInPage(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, "signin", view{Title: "Sign in"})
}

// signIn opens a session for the holder of a company's API key, or of the staff's key.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	s.recorded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.filled(s.tryKey)(w, r, visitor{})
	})).ServeHTTP(w, r)
}

func (s *Server) tryKey(w http.ResponseWriter, r *http.Request, _ visitor) {
	if !s.maySignIn(w, r) {
		return
	}
	who, err := s.identify(r, strings.TrimSpace(r.PostFormValue("key")))
	if errors.Is(err, tenon.ErrDenied) {
		s.render(w, r, http.StatusUnauthorized, "signin", view{Title: "Sign in", Alert: "That key is not known, or is no longer good."})
		return
	}
	if err == nil {
		err = s.open(w, r, who)
	}
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// identify returns who holds the key.
func (s *Server) identify(r *http.Request, key string) (freight.Session, error) {
	sum := sha256.Sum256([]byte(key))
	if s.AdminKey != "" && subtle.ConstantTimeCompare(sum[:], s.adminHash[:]) == 1 {
		return freight.Session{Actor: "staff"}, nil
	}
	holder, err := s.companies.FindKey(r.Context(), key, time.Now())
	return freight.Session{Company: holder.CompanyID, Actor: "key:" + holder.KeyID}, err
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request, _ visitor) {
	if err := s.close(w, r); err != nil {
		s.failPage(w, r, err)
		return
	}
	http.Redirect(w, r, "/signin", http.StatusSeeOther)
}
