package directoryhttp

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/httpjson"
)

func (o *own) papers(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	papers, err := o.book.Papers(r.Context(), ref)
	if err == nil {
		httpjson.Answer(w, r, http.StatusOK, map[string][]directory.Paper{"papers": append([]directory.Paper{}, papers...)})
	}
	return err
}

// document is what a tenant says of a paper. What the Book keeps of it beside is not the tenant's to say.
type document struct {
	Kind    string         `json:"kind"`
	Number  string         `json:"number"`
	Issuer  string         `json:"issuer"`
	Issued  directory.Date `json:"issued_at"`
	Expires directory.Date `json:"expires_at"`
	Zone    string         `json:"zone"`
	File    string         `json:"file"`
}

func (o *own) addDocument(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	var d document
	if err := httpjson.Read(w, r, o.options.MaxBody, &d); err != nil {
		return err
	}
	added, err := o.book.AddDocument(r.Context(), ref, directory.Document{
		Kind: d.Kind, Number: d.Number, Issuer: d.Issuer, Issued: d.Issued, Expires: d.Expires, Zone: d.Zone, File: d.File,
	})
	if err == nil {
		httpjson.Answer(w, r, http.StatusCreated, added)
	}
	return err
}

// invitation is what the host sends on.
type invitation struct {
	ID      string    `json:"id"`
	Token   string    `json:"token"`
	Expires time.Time `json:"expires_at"`
}

func invited(w http.ResponseWriter, r *http.Request) func(*directory.Invitation, error) error {
	return func(i *directory.Invitation, err error) error {
		if err == nil {
			httpjson.Answer(w, r, http.StatusCreated, invitation{i.ID, i.Token, i.Expires})
		}
		return err
	}
}

func (o *own) invite(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	var p directory.Profile
	if err := httpjson.Read(w, r, o.options.MaxBody, &p); err != nil {
		return err
	}
	return invited(w, r)(o.book.Invite(r.Context(), ref.Tenant, p))
}

func (o *own) inviteAgain(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	if err := httpjson.Read(w, r, o.options.MaxBody, &struct{}{}); err != nil {
		return err
	}
	return invited(w, r)(o.book.InviteAgain(r.Context(), ref))
}

const csvType = "text/csv"

func (o *own) exportCSV(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	h := w.Header()
	h.Set("Content-Type", csvType+"; charset=utf-8; header=present")
	h.Set("Content-Disposition", `attachment; filename="directory.csv"`)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	out := &lateWriter{ResponseWriter: w}
	err := o.book.ExportCSV(r.Context(), ref.Tenant, out)
	if err != nil && out.begun {
		panic(http.ErrAbortHandler) // half a file must not look like a whole one
	}
	return err
}

// lateWriter knows whether anything was written.
type lateWriter struct {
	http.ResponseWriter
	begun bool
}

func (w *lateWriter) Write(b []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(b)
}

// imported is what came of a file.
type imported struct {
	Created   int                 `json:"created"`
	Saved     int                 `json:"saved"`
	Unchanged int                 `json:"unchanged"`
	Refused   []directory.Refusal `json:"refused"`
}

func (o *own) importCSV(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != csvType {
		return httpjson.New(http.StatusUnsupportedMediaType, "media-type", "Send text/csv.")
	}
	if r.ContentLength > o.options.MaxFile {
		return httpjson.TooLarge
	}
	// It is read to its end first, so that nothing is kept of a file that is refused for its size.
	file, err := io.ReadAll(http.MaxBytesReader(w, r.Body, o.options.MaxFile))
	if errors.As(err, new(*http.MaxBytesError)) {
		return httpjson.TooLarge
	}
	if err != nil {
		return tenon.Invalid("file", "was not sent to its end")
	}
	report, err := o.book.ImportCSV(r.Context(), ref.Tenant, bytes.NewReader(file))
	if err != nil {
		return err
	}
	httpjson.Answer(w, r, http.StatusOK, imported{
		report.Created, report.Saved, report.Unchanged, append([]directory.Refusal{}, report.Refused...),
	})
	return nil
}
