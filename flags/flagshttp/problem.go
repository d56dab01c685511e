package flagshttp

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// document is a problem document of RFC 9457. What it says comes from the host's flags and from this package; of the
// request it repeats nothing but the path of the fault in a definition that an authorised person sent.
type document struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail"`
	Field   string `json:"field,omitempty"`   // of a 400: which input is at fault
	Flag    string `json:"flag,omitempty"`    // of a refusal: which flag is off
	Version int64  `json:"version,omitempty"` // of a 409 or 412: what is stored now
}

// newDocument returns the problem called name: "not-switched-on".
func newDocument(name string, status int, detail string) document {
	return document{Type: "urn:tenon:problem:" + name, Title: http.StatusText(status), Status: status, Detail: detail}
}

// setRetryAfter asks for whole seconds, at least one, so that nobody comes back too early.
func setRetryAfter(h http.Header, d time.Duration) {
	seconds := int64((d + time.Second - 1) / time.Second)
	h.Set("Retry-After", strconv.FormatInt(max(seconds, 1), 10))
}

// write sends p. Headers that describe another body are taken off, as http.Error does.
func write(w http.ResponseWriter, r *http.Request, p document) {
	body, _ := json.Marshal(p) // strings and numbers
	h := w.Header()
	for _, name := range []string{"Content-Encoding", "Content-Disposition", "Etag", "Last-Modified", "Trailer"} {
		h.Del(name)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}
