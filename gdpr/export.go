package gdpr

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"time"

	"github.com/transbotai/tenon"
)

// Files keeps exports until they expire, where every instance reaches them. Methods may be called concurrently.
type Files interface {
	// Put keeps all that r reads for a request, in place of what is there. Until it returns nil nobody sees any of it.
	Put(ctx context.Context, k Key, r io.Reader) error

	// Open opens what was put. When there is nothing it is a [tenon.ErrNotFound].
	Open(ctx context.Context, k Key) (io.ReadSeekCloser, error)

	// Remove removes what was put. When there is nothing it is no error.
	Remove(ctx context.Context, k Key) error
}

// Part says why a subject is handed what an archive holds.
type Part string

// The parts of an archive.
const (
	// PartProvided is what the subject gave: Art. 20, in a form in which it can be given to somebody else.
	PartProvided Part = "provided"
	// PartAbout is what else is kept about it: Art. 15.
	PartAbout Part = "about"
)

// Manifest is what an archive says of itself, in manifest.json. The archive is a zip: a file of lines for each table and
// part, each line a JSON object keyed by column, and schema.json, which says what the columns are. See [ReadArchive].
type Manifest struct {
	Version int       `json:"version"` // 1
	Tenant  string    `json:"tenant"`
	User    string    `json:"user,omitempty"`
	At      time.Time `json:"at"` // the instant whose data it is: all files show the same one
	Files   []Entry   `json:"files"`
	// Mentions are the rows of others that name the subject, by table. What else they say is not the subject's to have.
	Mentions map[string]int64 `json:"mentions,omitempty"`
}

// Entry is a file of an archive.
type Entry struct {
	Name   string `json:"name"` // "provided/public.users.jsonl"
	Table  string `json:"table,omitempty"`
	Part   Part   `json:"part,omitempty"`
	Rows   int64  `json:"rows"`
	Size   int64  `json:"size"` // in bytes
	SHA256 string `json:"sha256"`
}

// Rows returns how many rows there are of a table in a part.
func (m *Manifest) Rows(table string, p Part) int64 {
	for _, e := range m.Files {
		if e.Table == table && e.Part == p {
			return e.Rows
		}
	}
	return 0
}

// export makes the archive of a request. A snapshot cannot be resumed, so after a crash it begins anew.
func (j *job) export(ctx context.Context) error {
	c, err := j.load(ctx, j.request().Tenant)
	if err != nil || c.erasing(j.request().User) {
		return err
	}
	var file File
	return j.step(ctx, stepExport, func(ctx context.Context, r Request) (rows map[string]int64, err error) {
		file, rows, err = j.pack(ctx, r)
		return rows, err
	}, func(_ *Case, r *Request, now time.Time) Effects {
		file.Expires = now.Add(j.options.KeepFiles)
		r.File = &file
		r.close(StateCompleted, "", now)
		e := r.recorded("exported", now)
		n := r.told("gdpr.export_ready", tenon.SeverityInfo, now, "an export is ready until "+file.Expires.Format(time.RFC3339))
		n.Tenant = r.Tenant
		e.Notifications = append(e.Notifications, n)
		j.counts.completed.Add(1)
		return e
	})
}

// pack makes the archive on disk and hands it on, so that the snapshot, which keeps the server from cleaning up, lasts no
// longer than it must.
func (j *job) pack(ctx context.Context, r Request) (f File, rows map[string]int64, err error) {
	scratch, err := os.CreateTemp(j.options.Scratch, "tenon-export-*")
	if err != nil {
		return f, nil, err
	}
	defer func() { err = errors.Join(err, discard(scratch)) }()
	if err := os.Remove(scratch.Name()); err != nil && !errors.Is(err, os.ErrPermission) { // it goes with the process
		return f, nil, err
	}
	digest := sha256.New()
	m, err := j.options.Packer.Pack(ctx, r.Subject(), io.MultiWriter(scratch, digest))
	if err != nil {
		return f, nil, err
	}
	f = File{Name: r.ID + ".zip", SHA256: hex.EncodeToString(digest.Sum(nil)), At: m.At}
	if f.Size, err = scratch.Seek(0, io.SeekCurrent); err != nil {
		return f, nil, err
	}
	if _, err := scratch.Seek(0, io.SeekStart); err != nil {
		return f, nil, err
	}
	rows = map[string]int64{}
	for _, e := range m.Files {
		if e.Table != "" {
			rows[e.Table] = max(rows[e.Table], e.Rows)
		}
	}
	return f, rows, j.options.Files.Put(ctx, r.Key, scratch)
}

// discard closes a scratch file and removes it where it could not be removed while it was open.
func discard(f *os.File) error {
	err := f.Close()
	if rmErr := os.Remove(f.Name()); rmErr != nil && !errors.Is(rmErr, os.ErrNotExist) {
		err = errors.Join(err, rmErr)
	}
	return err
}

// expires returns when the request's file is to be removed, and false when there is none. A request that was dropped may
// have one that nobody can fetch.
func (r *Request) expires() (time.Time, bool) {
	s := r.Step(stepExpire)
	if r.File != nil {
		return later(r.File.Expires, s.NextAt), !r.File.Gone
	}
	return s.NextAt, r.step(stepExpire) >= 0 && s.DoneAt.IsZero()
}

// expire removes an export whose time is over.
func (j *job) expire(ctx context.Context) error {
	now, err := j.now(ctx)
	if at, ok := j.request().expires(); err != nil || !ok || now.Before(at) {
		return err
	}
	return j.step(ctx, stepExpire, func(ctx context.Context, r Request) (map[string]int64, error) {
		return nil, j.options.Files.Remove(ctx, r.Key)
	}, func(_ *Case, r *Request, now time.Time) Effects {
		if r.File != nil {
			r.File.Gone = true
		}
		return r.recorded("export_removed", now)
	})
}
