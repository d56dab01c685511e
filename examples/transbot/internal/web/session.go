package web

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

const (
	cookieName = "transbot_session"
	sessionFor = 12 * time.Hour
)

// visitor is who is signed in to the pages.
type visitor struct {
	token string // the session's secret, which the cookie holds
	freight.Session
}

// In says whether somebody is signed in.
func (v visitor) In() bool { return v.token != "" }

// Staff says whether v may see and change every company.
func (v visitor) Staff() bool { return v.In() && v.Company == "" }

// sees says whether a company's pages are v's to see, where the company is there.
func (v visitor) sees(company string) bool { return v.Staff() || v.Company == company }

// CSRF returns the token that a form of this session carries. Another site can make a browser send the cookie, and
// cannot read it.
func (v visitor) CSRF() string {
	mac := hmac.New(sha256.New, []byte(v.token))
	mac.Write([]byte("csrf"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// sent says whether the form that r carries is one of this session's.
func (v visitor) sent(r *http.Request) bool {
	return hmac.Equal([]byte(r.PostFormValue("csrf")), []byte(v.CSRF()))
}

// visitor returns who sent r; [tenon.ErrDenied] when nobody is signed in.
func (s *Server) visitor(r *http.Request) (visitor, error) {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return visitor{}, tenon.ErrDenied
	}
	who, err := s.companies.FindSession(r.Context(), cookie.Value)
	if err != nil {
		return visitor{}, err
	}
	return visitor{token: cookie.Value, Session: who}, nil
}

// visitorKey is where a request's context keeps who sent it.
type visitorKey struct{}

// by returns r as sent by v.
func by(r *http.Request, v visitor) *http.Request {
	r = as(r, v.Company, v.Actor)
	return r.WithContext(context.WithValue(r.Context(), visitorKey{}, v))
}

// visitorFrom returns who sent r as far as that was found out, for pages that tell of an error.
func visitorFrom(r *http.Request) visitor {
	v, _ := r.Context().Value(visitorKey{}).(visitor)
	return v
}

// open starts a session and hands its cookie out. What was open in the browser before ends.
func (s *Server) open(w http.ResponseWriter, r *http.Request, who freight.Session) error {
	if err := s.close(w, r); err != nil {
		return err
	}
	token, err := s.companies.OpenSession(r.Context(), who, sessionFor)
	if err != nil {
		return err
	}
	http.SetCookie(w, s.cookie(token, int(sessionFor.Seconds())))
	return nil
}

// close ends the session that r's cookie names, if any.
func (s *Server) close(w http.ResponseWriter, r *http.Request) error {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	http.SetCookie(w, s.cookie("", -1))
	return s.companies.EndSession(r.Context(), cookie.Value)
}

func (s *Server) cookie(token string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: token, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: s.HTTPS, SameSite: http.SameSiteStrictMode,
	}
}
