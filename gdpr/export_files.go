package gdpr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/transbotai/tenon"
)

// DirFiles keeps exports in a folder. Instances on several machines need one that they share, or gdprpg.NewFiles.
type DirFiles struct{ dir string }

var _ Files = (*DirFiles)(nil)

// NewDirFiles returns files in a folder that exists. Nobody but the program's own account should be able to read it.
func NewDirFiles(dir string) *DirFiles { return &DirFiles{dir} }

// path returns where an export is kept: under the request's id, which tenon has made.
func (d *DirFiles) path(k Key) (string, error) {
	name := k.ID + ".zip"
	if k.ID == "" || strings.HasPrefix(name, ".") || !filepath.IsLocal(name) || strings.ContainsAny(name, `/\`) {
		return "", tenon.Invalid("id", "is not the name of a file")
	}
	return filepath.Join(d.dir, name), nil
}

// Put implements [Files]: it writes beside it, and then renames.
func (d *DirFiles) Put(ctx context.Context, k Key, r io.Reader) error {
	path, err := d.path(k)
	if err != nil {
		return err
	}
	part, err := os.CreateTemp(d.dir, ".part-*")
	if err != nil {
		return away(err)
	}
	_, err = io.Copy(part, reading{ctx, r})
	if err == nil {
		err = part.Sync()
	}
	err = errors.Join(err, part.Close())
	if err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		return away(errors.Join(err, os.Remove(part.Name())))
	}
	return nil
}

// reading stops when its context is done.
type reading struct {
	ctx context.Context
	io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// Open implements [Files].
func (d *DirFiles) Open(_ context.Context, k Key) (io.ReadSeekCloser, error) {
	path, err := d.path(k)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, away(err)
	}
	return f, nil
}

// Remove implements [Files].
func (d *DirFiles) Remove(_ context.Context, k Key) error {
	path, err := d.path(k)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return away(err)
	}
	return nil
}

// away gives an error of the file system its class.
func away(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrUnknownFile
	}
	return fmt.Errorf("%w: %w", tenon.ErrUnavailable, err)
}
