package audithttp

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// writer notes the status of an answer.
type writer struct {
	http.ResponseWriter
	status int // 0: nothing was sent
}

// answered returns the status that the client gets.
func (w *writer) answered(panicked bool) int {
	switch {
	case w.status != 0:
		return w.status
	case panicked:
		return http.StatusInternalServerError
	}
	return http.StatusOK // what net/http sends for a handler that sends nothing
}

// Unwrap is for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader notes the first status that is not informational.
func (w *writer) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *writer) Write(b []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(b)
}

func (w *writer) begin() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
}

// ReadFrom lets the connection take a file by itself, where it can. When nothing could be read, nothing was sent.
func (w *writer) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(w.ResponseWriter, src)
	if n > 0 {
		w.begin()
	}
	return n, err
}

// Flush implements [http.Flusher]; where nothing can be flushed it does nothing.
func (w *writer) Flush() {
	w.begin()
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack implements [http.Hijacker]; where there is no connection to be had it fails.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil && w.status == 0 {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, buffered, err
}
