package audithttp

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/internal/httpjson"
)

// queryOf reads what a request asks for.
func queryOf(r *http.Request) (audit.Query, error) {
	v := r.URL.Query()
	q := audit.Query{
		Actor: v.Get("actor"), Action: v.Get("action"), Text: v.Get("text"), After: strings.ToLower(v.Get("after")),
		Target: audit.Target{Type: v.Get("target_type"), ID: v.Get("target_id")},
	}
	limit, err := httpjson.Number(r, "limit", 100, 1, audit.MaxLimit)
	if err != nil {
		return q, err
	}
	q.Limit = int(limit)
	if q.From, err = instantOf(r, "from"); err != nil {
		return q, err
	}
	if q.To, err = instantOf(r, "to"); err != nil {
		return q, err
	}
	switch order := v.Get("order"); order {
	case "", "newest":
	case "oldest":
		q.OldestFirst = true
	default:
		return q, tenon.Invalid("order", "neither newest nor oldest")
	}
	return q, nil
}

func instantOf(r *http.Request, name string) (time.Time, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, tenon.Invalid(name, "not a time as in RFC 3339")
	}
	return tenon.Instant(t), nil
}

// formats are the media types of exports.
var formats = map[audit.Format]string{audit.JSONL: "application/jsonl", audit.CSV: "text/csv; charset=utf-8"}

// export sends a file. What goes wrong before the first byte is answered as a problem; after it the connection is cut, so
// that nobody takes a part for the whole.
func (h *handler) export(w http.ResponseWriter, r *http.Request, reader *audit.Reader) error {
	q, err := queryOf(r)
	if err != nil {
		return err
	}
	format := audit.Format(r.URL.Query().Get("format"))
	if format == "" {
		format = audit.JSONL
	}
	kind, ok := formats[format]
	if !ok {
		return tenon.Invalid("format", "neither jsonl nor csv")
	}
	out := &late{w: w, header: func(header http.Header) {
		header.Set("Content-Type", kind)
		header.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="audit.%s"`, format))
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
	}}
	_, err = reader.Export(r.Context(), out, audit.ExportOptions{Query: q, Format: format})
	if err != nil && out.begun {
		h.options.Logger.ErrorContext(r.Context(), "audit export broken off", "err", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

// late writes the header with the first byte.
type late struct {
	w      http.ResponseWriter
	header func(http.Header)
	begun  bool
}

// Write implements [io.Writer].
func (l *late) Write(b []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.header(l.w.Header())
	}
	return l.w.Write(b)
}

// verdict is what POST /verify answers.
type verdict struct {
	OK       bool       `json:"ok"`
	Detail   string     `json:"detail,omitempty"` // what is wrong
	Origin   string     `json:"origin,omitempty"`
	At       *time.Time `json:"at,omitempty"`
	Records  int64      `json:"records"`
	Redacted int64      `json:"redacted"`
	Absent   int64      `json:"absent"`
}

// verify checks an export that somebody has, without looking into the store.
func (h *handler) verify(w http.ResponseWriter, r *http.Request, _ *audit.Reader) error {
	body := http.MaxBytesReader(w, r.Body, h.options.MaxExport)
	summary, err := audit.VerifyExport(body, h.options.Verifier)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return httpjson.New(http.StatusRequestEntityTooLarge, "too-large", "The export is too large to be checked here.")
	}
	v := verdict{OK: err == nil, Records: summary.Records, Redacted: summary.Redacted, Absent: summary.Absent}
	if err != nil {
		v.Detail = err.Error()
	} else {
		v.Origin, v.At = summary.Origin, &summary.At
	}
	httpjson.Answer(w, r, http.StatusOK, v)
	return nil
}
