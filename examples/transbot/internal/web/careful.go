package web

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/transbotai/tenon"
)

// answerWithin bounds the work on one request.
const answerWithin = 10 * time.Second

// The pages load their own style and scripts and nothing else, and are shown in nobody's frame.
const contentPolicy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

var safeHeaders = map[string]string{
	"Content-Security-Policy":      contentPolicy,
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=()",
	"Referrer-Policy":              "same-origin",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
}

// careful does for every request what a careful service does: safe headers, a bound on time, a request id, and a
// Caller in the context, which authentication completes.
func (s *Server) careful(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		id := tenon.NewID(began)
		s.setHeaders(w.Header(), id)
		ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
		defer cancel()
		ctx = tenon.WithCaller(ctx, tenon.Caller{IP: remoteIP(r), UserAgent: r.UserAgent(), RequestID: id})
		noted := &notedWriter{ResponseWriter: w}
		next.ServeHTTP(noted, r.WithContext(ctx))
		if noted.status >= http.StatusInternalServerError {
			s.Logger.ErrorContext(ctx, "request", "method", r.Method, "path", logged(r), "status", noted.status, "took", time.Since(began), "request_id", id)
		}
	})
}

func (s *Server) setHeaders(h http.Header, requestID string) {
	for name, value := range safeHeaders {
		h.Set(name, value)
	}
	if s.HTTPS {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	h.Set("X-Request-Id", requestID)
}

// remoteIP is the peer's address. What a header says of another one is not believed.
func remoteIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// notedWriter notes the status that was sent.
type notedWriter struct {
	http.ResponseWriter
	status int
}

func (w *notedWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap serves http.ResponseController.
func (w *notedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
