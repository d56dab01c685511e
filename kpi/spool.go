package kpi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// errNoSpool says that the host gave no folder.
var errNoSpool = errors.New("there is no spool")

const (
	spoolOpen  = ".spool"   // waits to be stored
	spoolAside = ".refused" // lines that could not be read, for a person to look at
)

// spool keeps entries on disk until they are stored. A line is a checksum and an entry in JSON; lines are synced before
// write returns. The writer holds a lock on its file, so that no other process removes it meanwhile. Replaying twice
// stores once, because every entry has an id.
type spool struct {
	dir     string
	mu      sync.Mutex
	file    *os.File
	waiting map[string]int64 // lines that this process wrote, by file
}

func newSpool(dir string) *spool { return &spool{dir: dir, waiting: map[string]int64{}} }

// spooled is what a line holds.
type spooled struct {
	Kind       EntryKind       `json:"kind"`
	ID         string          `json:"id"`
	Tenant     string          `json:"tenant"`
	User       string          `json:"user,omitempty"`
	Name       string          `json:"name"`
	Key        string          `json:"key,omitempty"`
	At         time.Time       `json:"at"`
	ReceivedAt time.Time       `json:"received_at"`
	Properties json.RawMessage `json:"properties"`
	Reason     string          `json:"reason,omitempty"`
}

func spooledOf(e Entry) spooled {
	return spooled{
		Kind: e.Kind, ID: e.Event.ID, Tenant: e.Event.Tenant, User: e.Event.User, Name: e.Event.Name, Key: e.Event.Key,
		At: e.Event.At, ReceivedAt: e.Event.ReceivedAt, Properties: e.Event.JSON, Reason: e.Reason,
	}
}

func (s spooled) entry() (Entry, error) {
	e := Event{
		ID: s.ID, Tenant: s.Tenant, User: s.User, Name: s.Name, Key: s.Key, At: s.At.UTC(), ReceivedAt: s.ReceivedAt.UTC(),
	}
	err := e.Read(s.Properties)
	return Entry{Kind: s.Kind, Event: e, Reason: s.Reason}, err
}

func (s *spool) write(entries []Entry) error {
	if s.dir == "" {
		return errNoSpool
	}
	var lines []byte
	for _, e := range entries {
		b, err := json.Marshal(spooledOf(e))
		if err != nil {
			return err
		}
		lines = fmt.Appendf(lines, "%08x %s\n", crc32.ChecksumIEEE(b), b)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(entries[0].Event.ID); err != nil {
		return err
	}
	_, err := s.file.Write(lines)
	if err = errors.Join(err, s.file.Sync()); err != nil {
		return errors.Join(err, s.close()) // half a line must not swallow the next one
	}
	s.waiting[s.file.Name()] += int64(len(entries))
	return nil
}

func (s *spool) open(name string) error {
	if s.file != nil {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	for i := 0; ; i++ {
		path := filepath.Join(s.dir, fmt.Sprintf("%s-%d%s", name, i, spoolOpen))
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue
		}
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

func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// rotate closes the file that is being written, so that it can be replayed and removed.
func (s *spool) rotate() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.close()
}

// left returns how many lines of this process wait in the folder. Other processes may have stored some of its files.
func (s *spool) left() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, lines := range s.waiting {
		if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
			delete(s.waiting, name)
			continue
		}
		n += lines
	}
	return n
}

// readSpool returns the entries of a file that are whole, and the bytes of the lines that are not.
func readSpool(f *os.File) (entries []Entry, aside []byte, err error) {
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		if e, ok := parseSpooled(scan.Bytes()); ok {
			entries = append(entries, e)
		} else {
			aside = append(append(aside, scan.Bytes()...), '\n')
		}
	}
	return entries, aside, scan.Err()
}

func parseSpooled(line []byte) (e Entry, ok bool) {
	sum, body, found := bytes.Cut(line, []byte(" "))
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if !found || err != nil || uint32(want) != crc32.ChecksumIEEE(body) {
		return e, false
	}
	var s spooled
	if json.Unmarshal(body, &s) != nil {
		return e, false
	}
	s.Properties = bytes.Clone(s.Properties)
	e, err = s.entry()
	return e, err == nil
}
