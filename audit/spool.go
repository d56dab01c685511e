package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/transbotai/tenon"
)

const (
	spoolOpen  = ".audit"   // waits to be stored
	spoolAside = ".refused" // lines that could not be read, and records that the store does not take, for a person to look at
)

// spool keeps entries on disk until they are stored. A line is a checksum and an entry in JSON; it is synced before
// write returns. The writer holds a lock on its file, so that no other process removes it meanwhile. An entry that is
// stored twice is stored once, because it has its id.
type spool struct {
	dir     string
	mu      sync.Mutex
	file    *os.File
	waiting map[string]int // entries that this process wrote, by file
}

func newSpool(dir string) *spool { return &spool{dir: dir, waiting: map[string]int{}} }

func appendLine(b []byte, e *Entry) ([]byte, error) {
	body, err := json.Marshal(e)
	return fmt.Appendf(b, "%08x %s\n", crc32.ChecksumIEEE(body), body), err
}

// write keeps entries, all of them or an error.
func (s *spool) write(entries []Entry) error {
	var b []byte
	for i := range entries {
		var err error
		if b, err = appendLine(b, &entries[i]); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		return err
	}
	_, err := s.file.Write(b)
	if err = errors.Join(err, s.file.Sync()); err != nil {
		return errors.Join(err, s.close()) // half a line must not swallow the next one
	}
	s.waiting[s.file.Name()] += len(entries)
	return nil
}

func (s *spool) open() error {
	if s.file != nil {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	for {
		name := filepath.Join(s.dir, tenon.NewID(time.Now())+spoolOpen)
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
func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

func (s *spool) rotate() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.close()
}

// left returns how many entries of this process wait. Other processes may have stored some of its files.
func (s *spool) left() (n int) {
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

// setAside keeps an entry for a person to look at.
func (s *spool) setAside(e Entry, why error) error {
	line, err := appendLine(nil, &e)
	if err != nil {
		return err
	}
	return s.keepAside(e.ID, fmt.Appendf(line, "# %v\n", why))
}

func (s *spool) keepAside(name string, b []byte) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.dir, name+spoolAside), b, 0o600)
}

// replay stores all that lies in the folder, also what processes that died left there.
func (l *Log) replay(ctx context.Context) error {
	if l.spool.dir == "" {
		return nil
	}
	if err := l.spool.rotate(); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(l.spool.dir, "*"+spoolOpen))
	if err != nil {
		return err
	}
	for _, name := range files {
		if one := l.replayFile(ctx, name); one != nil {
			err = errors.Join(err, fmt.Errorf("spool %s: %w", filepath.Base(name), one))
		}
	}
	return err
}

// replayFile stores a file and removes it. One that another process is writing is that process's to store.
func (l *Log) replayFile(ctx context.Context, name string) error {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil // another process was faster
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if ours, err := own(f); err != nil || !ours {
		return err
	}
	aside, err := l.replayLines(ctx, f)
	if err != nil {
		return err
	}
	if len(aside) > 0 {
		l.stats.setAside.Add(int64(bytes.Count(aside, []byte("\n"))))
		l.options.Logger.Error("the spool holds lines that cannot be read", "file", filepath.Base(name))
		if err := l.spool.keepAside(filepath.Base(name), aside); err != nil {
			return err
		}
	}
	return os.Remove(name)
}

// replayLines stores the lines that are whole, and returns those that are not.
func (l *Log) replayLines(ctx context.Context, f io.Reader) (aside []byte, err error) {
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 4*MaxPayload)
	var batch []Entry
	for scan.Scan() {
		e, ok := parseLine(scan.Bytes())
		if !ok {
			aside = append(append(aside, scan.Bytes()...), '\n')
			continue
		}
		if batch = append(batch, e); len(batch) == l.options.Batch {
			if err := l.appendBatch(ctx, batch); err != nil {
				return nil, err
			}
			batch = batch[:0]
		}
	}
	if err := scan.Err(); err != nil || len(batch) == 0 {
		return aside, err
	}
	return aside, l.appendBatch(ctx, batch)
}

func parseLine(line []byte) (e Entry, ok bool) {
	sum, body, found := bytes.Cut(line, []byte(" "))
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if !found || err != nil || uint32(want) != crc32.ChecksumIEEE(body) {
		return e, false
	}
	return e, json.Unmarshal(body, &e) == nil
}
