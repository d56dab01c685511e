package httpjson

import (
	"log/slog"
	"net/http"
	"time"
)

// Failure answers errors.
type Failure struct {
	RetryAfter time.Duration // what a 503 asks for; 0 means 5 seconds
	Challenge  string        // the WWW-Authenticate of a 401; empty means Bearer
	Logger     *slog.Logger  // is told why an answer is 500 or 503; nil: nobody is
}

// Fail answers err as [Of] says. What the client is not told, the log is.
func (f Failure) Fail(w http.ResponseWriter, r *http.Request, err error) {
	p := Of(err)
	if p.Status >= http.StatusInternalServerError && f.Logger != nil {
		f.Logger.WarnContext(r.Context(), "not answered", "status", p.Status, "err", err)
	}
	f.Refuse(w, r, p)
}

// Refuse answers with p, and with the fields that its status asks for.
func (f Failure) Refuse(w http.ResponseWriter, r *http.Request, p Problem) {
	switch p.Status {
	case http.StatusServiceUnavailable:
		after := f.RetryAfter
		if after <= 0 {
			after = 5 * time.Second
		}
		SetRetryAfter(w.Header(), after)
	case http.StatusUnauthorized:
		challenge := f.Challenge
		if challenge == "" {
			challenge = "Bearer"
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	Refuse(w, r, p)
}

// Handle returns a handler of a function that returns what went wrong instead of answering it.
func (f Failure) Handle(serve func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := serve(w, r); err != nil {
			f.Fail(w, r, err)
		}
	}
}
