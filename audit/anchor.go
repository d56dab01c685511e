package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Anchor is a place outside the log's database that keeps checkpoints: whoever can rewrite the database must not be able
// to rewrite it too. Anchor returns when c is safe. It may be called again with the same c.
type Anchor interface {
	Anchor(ctx context.Context, c Checkpoint) error
}

// AnchorFunc is a function that is an [Anchor].
type AnchorFunc func(ctx context.Context, c Checkpoint) error

// Anchor implements [Anchor].
func (f AnchorFunc) Anchor(ctx context.Context, c Checkpoint) error { return f(ctx, c) }

// anchor hands a checkpoint to all anchors, and notes it when they all have it.
func (l *Log) anchor(ctx context.Context, n Notary, c Kept) error {
	if c.Anchored || len(l.options.Anchors) == 0 {
		return nil
	}
	var failed error
	for name, a := range l.options.Anchors {
		if err := a.Anchor(ctx, c.Checkpoint); err != nil {
			failed = errors.Join(failed, fmt.Errorf("audit: anchor %s: %w", name, err))
		}
	}
	if failed != nil {
		return failed
	}
	return n.Anchored(ctx, c.Size)
}

// FileAnchor is an [Anchor] that appends notes to a file, on a disk that the database's owner cannot write to. Its
// methods may be called concurrently, by one process.
type FileAnchor struct {
	path string
	mu   sync.Mutex
}

// NewFileAnchor returns an anchor in a file, which is made when the first checkpoint comes.
func NewFileAnchor(path string) *FileAnchor { return &FileAnchor{path: path} }

// noteEnd stands between two notes: no note holds an empty line twice.
const noteEnd = "\n\n"

// Anchor implements [Anchor]: it returns when the disk has the checkpoint.
func (a *FileAnchor) Anchor(_ context.Context, c Checkpoint) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(a.path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(a.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := mend(f); err != nil {
		return err
	}
	_, err = f.Write(append(bytes.Clone(c.Note), noteEnd...))
	return errors.Join(err, f.Sync())
}

// mend ends a note that a crash cut, so that the next one stands by itself.
func mend(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	tail := make([]byte, min(info.Size(), 3))
	if _, err := f.ReadAt(tail, info.Size()-int64(len(tail))); err != nil {
		return err
	}
	if bytes.HasSuffix(tail, []byte("\n\n\n")) {
		return nil
	}
	_, err = f.WriteString("\n\n\n")
	return err
}

// Checkpoints returns those that the file holds and v's signer has signed, oldest first. What a crash cut is passed
// over; a note with a wrong signature is [ErrTampered]. A file that is not there holds none.
func (a *FileAnchor) Checkpoints(v *Verifier) ([]Checkpoint, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, err := os.ReadFile(a.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []Checkpoint
	for note := range bytes.SplitSeq(b, []byte("\n"+noteEnd)) {
		if !bytes.Contains(note, []byte("\n\n— ")) {
			continue
		}
		c, err := ParseCheckpoint(append(bytes.TrimLeft(note, "\n"), '\n'), v)
		if errors.Is(err, ErrTampered) {
			return nil, err
		}
		if err == nil {
			found = append(found, c)
		}
	}
	return found, nil
}
