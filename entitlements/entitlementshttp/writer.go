package entitlementshttp

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"net/http"

	"github.com/transbotai/tenon/internal/httpjson"
)

// writer holds a handler's answer back until the use that it stands for is counted.
type writer struct {
	http.ResponseWriter
	request  *http.Request
	reserved *Reserved
	before   http.Header // as it was when the handler began
	begun    bool
	withheld error // why the handler's answer was replaced; nil: it was not
}

func newWriter(w http.ResponseWriter, r *http.Request, reserved *Reserved) *writer {
	return &writer{ResponseWriter: w, request: r, reserved: reserved, before: w.Header().Clone()}
}

// Unwrap is for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader settles the hold, then begins the answer. Informational statuses pass.
func (w *writer) WriteHeader(status int) {
	informational := status >= 100 && status < 200 && status != http.StatusSwitchingProtocols
	switch {
	case w.withheld != nil:
		return
	case w.begun || informational:
		w.ResponseWriter.WriteHeader(status) // a second one is net/http's to complain about
		return
	}
	w.begun = true
	if !succeeds(status) {
		w.reserved.release(w.request.Context())
	} else if err := w.count(); err != nil {
		w.withhold(err)
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func succeeds(status int) bool {
	return status >= 200 && status < 300 || status == http.StatusSwitchingProtocols
}

// count commits the hold. Nobody is there to get the answer when the request is over: then it is not counted, unless
// the handler did so itself.
func (w *writer) count() error {
	ctx := w.request.Context()
	if err := ctx.Err(); err != nil && !w.reserved.settled() {
		return err
	}
	return w.reserved.Commit(ctx)
}

// withhold answers 503 in place of the handler, whose headers are taken off.
func (w *writer) withhold(err error) {
	w.withheld = fmt.Errorf("entitlementshttp: answer withheld: %w", err)
	w.reserved.release(w.request.Context())
	h := w.Header()
	clear(h)
	maps.Copy(h, w.before)
	httpjson.SetRetryAfter(h, w.reserved.options.RetryAfter)
	write(w.ResponseWriter, w.request, unavailable())
}

// begin makes sure that an answer has begun, and says whether it may go on.
func (w *writer) begin() error {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	return w.withheld
}

// Write writes b once the hold is settled. Its error says that the answer was withheld.
func (w *writer) Write(b []byte) (int, error) {
	if err := w.begin(); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(b)
}

// Flush implements [http.Flusher].
func (w *writer) Flush() { _ = w.FlushError() }

// FlushError is what [http.ResponseController.Flush] calls.
func (w *writer) FlushError() error {
	if err := w.begin(); err != nil {
		return err
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack hands over the connection and commits. It asks for the connection first, since one that cannot be had is
// nothing to count; one that cannot be counted is closed before the handler gets it.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.withheld != nil {
		return nil, nil, w.withheld
	}
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil || w.begun {
		return conn, buffered, err
	}
	w.begun = true
	if err := w.count(); err != nil {
		w.withheld = fmt.Errorf("entitlementshttp: connection withheld: %w", err)
		_ = conn.Close()
		return nil, nil, w.withheld
	}
	return conn, buffered, nil
}

// finish answers for a handler that wrote nothing.
func (w *writer) finish() {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
}
