package slohttp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/transbotai/tenon/slo"
)

// Observation is what became of a request.
type Observation struct {
	Request  *http.Request
	Route    string // the pattern of the ServeMux that took it: "GET /quotes/{id}"; empty when none did
	Status   int    // as it was sent; 500 of a panic before that, 503 where time ran out before, 101 of a hijack
	Started  time.Time
	Duration time.Duration // until the handler returned
	Panicked bool          // the handler panicked, on purpose (http.ErrAbortHandler) or not
	Gone     bool          // the client had gone before anything was sent, but for an error that nobody read
}

// Outcome returns whether the request counts as good, and false when it does not count: nobody was there to be answered.
// Good is a status below 500 without a panic.
func (o Observation) Outcome() (outcome slo.Outcome, counts bool) {
	switch {
	case o.Gone:
		return slo.Good, false
	case o.Panicked || o.Status >= http.StatusInternalServerError:
		return slo.Bad, true
	}
	return slo.Good, true
}

// To returns an observer that counts in rec what [Observation.Outcome] says.
func To(rec *slo.Recorder) func(Observation) {
	return func(o Observation) {
		if outcome, counts := o.Outcome(); counts {
			rec.Observe(outcome, o.Duration)
		}
	}
}

// Record returns a handler that tells observe of each request, when next has returned or panicked. A panic goes on
// after that. Observe is called in the goroutine of the request.
func Record(next http.Handler, observe func(Observation)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own := &writer{ResponseWriter: w, request: r}
		o := Observation{Request: r, Started: time.Now(), Panicked: true}
		defer func() {
			o.Duration, o.Route = time.Since(o.Started), r.Pattern
			o.Status = own.status
			late := errors.Is(r.Context().Err(), context.DeadlineExceeded) // the server's own doing
			o.Gone = own.gone || own.status == 0 && r.Context().Err() != nil && !late
			if o.Status == 0 && late {
				o.Status = http.StatusServiceUnavailable
			}
			if o.Status == 0 {
				o.Status = http.StatusOK // what net/http sends for a handler that sends nothing
				if o.Panicked {
					o.Status = http.StatusInternalServerError
				}
			}
			observe(o)
		}()
		next.ServeHTTP(own, r)
		o.Panicked = false
	})
}

// writer notes the status.
type writer struct {
	http.ResponseWriter
	request *http.Request
	status  int  // 0: nothing was sent
	gone    bool // the client had gone before an error was sent: its going may well be the error
}

// Unwrap is for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader notes the first status that is not informational.
func (w *writer) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
		w.gone = status >= http.StatusInternalServerError && errors.Is(w.request.Context().Err(), context.Canceled)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) begin() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
}

// Write implements [http.ResponseWriter].
func (w *writer) Write(b []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(b)
}

// ReadFrom lets the connection take a file by itself, where it can.
func (w *writer) ReadFrom(src io.Reader) (int64, error) {
	w.begin()
	return io.Copy(w.ResponseWriter, src)
}

// Flush implements [http.Flusher]; where nothing can be flushed it does nothing.
func (w *writer) Flush() { _ = w.FlushError() }

// FlushError is what [http.ResponseController.Flush] calls.
func (w *writer) FlushError() error {
	err := http.NewResponseController(w.ResponseWriter).Flush()
	if err == nil {
		w.begin()
	}
	return err
}

// Hijack implements [http.Hijacker]; where there is no connection to be had it fails.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil && w.status == 0 {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, buffered, err
}
