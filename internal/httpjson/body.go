package httpjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/transbotai/tenon"
)

var (
	errTrailing = errors.New("something follows the object")
	errEncoding = errors.New("the text is not UTF-8")
)

// Read reads one JSON object of known fields, of at most limit bytes, and nothing after it, into v. The error is a
// [Problem] with 415 or 413, or an invalid "body".
func Read(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return mediaType
	}
	var large *http.MaxBytesError
	switch err := decode(http.MaxBytesReader(w, r.Body, limit), v); {
	case err == nil:
		return nil
	case errors.As(err, &large):
		return TooLarge
	}
	return tenon.Invalid("body", "is not one JSON object of the known fields")
}

func decode(body io.Reader, v any) error {
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if !utf8.Valid(text) { // which encoding/json would take, with other characters in the place of what is not
		return errEncoding
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.Join(errTrailing, err)
	}
	return nil
}

// Number reads a query parameter that is a whole number within bounds; other where it is missing.
func Number(r *http.Request, name string, other, lowest, highest int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return other, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < lowest || n > highest {
		return 0, tenon.Invalid(name, "is not a whole number within %d and %d", lowest, highest)
	}
	return n, nil
}

// Answer sends v with the status. It is not to be stored by any cache, unless the header says so already.
func Answer(w http.ResponseWriter, r *http.Request, status int, v any) {
	send(w, r, status, "application/json", v)
}

// send sends v. Headers that describe another body are taken off, as [http.Error] does.
func send(w http.ResponseWriter, r *http.Request, status int, kind string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, kind = Internal.Status, "application/problem+json"
		body, _ = json.Marshal(Internal)
	}
	h := w.Header()
	if kind != "application/json" {
		for _, name := range []string{"Content-Encoding", "Content-Disposition", "Etag", "Last-Modified", "Trailer", "Cache-Control"} {
			h.Del(name)
		}
	}
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client went away
	}
}
