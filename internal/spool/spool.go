// Package spool keeps on disk what a store that is away cannot take, for every core that promises not to lose it.
package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/transbotai/tenon"
)

// aside ends the names of files with lines that could not be read or stored, for a person to look at.
const aside = ".refused"

// Spool keeps entries in the files of a folder until they are stored. A line is a checksum and an entry in JSON; it is
// synced before Write returns. The writer holds a lock on its file, so that no other process removes it meanwhile. After
// a crash an entry may be replayed twice: it must have something by which it is stored once. Its methods may be called
// concurrently, and several processes may share the folder.
type Spool[T any] struct {
	dir, ending string
	mu          sync.Mutex
	file        *os.File
	waiting     map[string]int64 // entries that this process wrote, by file
}

// New returns a spool in a folder, which the first entry makes; its files' names have this ending. An empty folder means
// none: see [Spool.Given].
func New[T any](dir, ending string) *Spool[T] {
	return &Spool[T]{dir: dir, ending: ending, waiting: map[string]int64{}}
}

// Given says whether there is a folder. Without one Write fails, and there is nothing to replay.
func (s *Spool[T]) Given() bool { return s.dir != "" }

// Dir returns the folder.
func (s *Spool[T]) Dir() string { return s.dir }

var errNoFolder = errors.New("there is no spool")

// Write keeps entries, all of them or an error.
func (s *Spool[T]) Write(entries ...T) error {
	if !s.Given() {
		return errNoFolder
	}
	var lines []byte
	for i := range entries {
		var err error
		if lines, err = appendLine(lines, &entries[i]); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		return err
	}
	_, err := s.file.Write(lines)
	if err = errors.Join(err, s.file.Sync()); err != nil {
		return errors.Join(err, s.close()) // half a line must not swallow the next one
	}
	s.waiting[s.file.Name()] += int64(len(entries))
	return nil
}

func appendLine[T any](b []byte, entry *T) ([]byte, error) {
	body, err := json.Marshal(entry)
	return fmt.Appendf(b, "%08x %s\n", crc32.ChecksumIEEE(body), body), err
}

func (s *Spool[T]) open() error {
	if s.file != nil {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	for {
		name := filepath.Join(s.dir, tenon.NewID(time.Now())+s.ending)
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		ours, err := own(f)
		if ours {
			s.file = f
			return nil
		}
		// Somebody who replays the folder took the new file for one left behind, and removes it.
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
}

// own locks f, and says whether it could and f is still in its folder.
func own(f *os.File) (bool, error) {
	locked, err := lockFile(f)
	if err != nil || !locked {
		return false, err
	}
	mine, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Stat(f.Name())
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(mine, there), err
}

// close lets go of the file that is being written, so that it can be replayed and removed.
func (s *Spool[T]) close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// Left returns how many entries of this process wait. Other processes may have stored some of its files.
func (s *Spool[T]) Left() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, entries := range s.waiting {
		if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
			delete(s.waiting, name)
			continue
		}
		n += entries
	}
	return n
}

// SetAside keeps an entry that will never be stored, and why, in a file of its own.
func (s *Spool[T]) SetAside(name string, entry T, why error) error {
	line, err := appendLine(nil, &entry)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.dir, name+s.ending+aside), fmt.Appendf(line, "# %v\n", why), 0o600)
}
