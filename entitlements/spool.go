package entitlements

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/transbotai/tenon"
)

// errNoSpool says that the host gave no folder.
var errNoSpool = errors.New("there is no spool")

const (
	spoolOpen  = ".spool"   // waits to be counted
	spoolAside = ".refused" // lines that could not be read or counted, for a person to look at
	spoolBatch = 500
)

// spool keeps accepted use on disk until it is counted. A line is a checksum and an operation in JSON; it is synced
// before write returns. The writer holds a lock on its file, so that no other process removes it meanwhile. Replaying
// twice counts once, because every use has a key.
type spool struct {
	dir     string
	mu      sync.Mutex
	file    *os.File
	waiting map[string]int64 // lines that this process wrote, by file
}

func newSpool(dir string) *spool { return &spool{dir: dir, waiting: map[string]int64{}} }

// spooled is what a line holds.
type spooled struct {
	Tenant   string          `json:"tenant"`
	Feature  string          `json:"feature"`
	Quantity int64           `json:"quantity"`
	Key      string          `json:"key"`
	Digest   int64           `json:"digest"`
	At       time.Time       `json:"at"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

func (s *spool) write(op Op) error {
	if s.dir == "" {
		return errNoSpool
	}
	b, err := json.Marshal(spooled{
		Tenant: op.Use.Tenant, Feature: op.Use.Feature, Quantity: op.Use.Quantity, Key: op.Use.Key,
		Digest: op.Digest, At: op.At, Metadata: op.Metadata,
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(op.ID); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.file, "%08x %s\n", crc32.ChecksumIEEE(b), b)
	if err = errors.Join(err, s.file.Sync()); err != nil {
		return errors.Join(err, s.close()) // half a line must not swallow the next one
	}
	s.waiting[s.file.Name()]++
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
		f, err := os.OpenFile(filepath.Join(s.dir, fmt.Sprintf("%s-%d%s", name, i, spoolOpen)), os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o600)
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

// replay counts all that lies in the folder, also what processes that died left there.
func (g *Gate) replay(ctx context.Context) error {
	if g.spool.dir == "" {
		return nil
	}
	if err := g.spool.rotate(); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(g.spool.dir, "*"+spoolOpen))
	if err != nil {
		return err
	}
	for _, name := range files {
		if one := g.replayFile(ctx, name); one != nil {
			err = errors.Join(err, fmt.Errorf("spool %s: %w", filepath.Base(name), one))
		}
	}
	return err
}

// left returns how many lines of this process wait in the folder. Other processes may have counted some of its files.
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

// replayFile counts a file and removes it. One that another process is writing is that process's to count.
func (g *Gate) replayFile(ctx context.Context, name string) error {
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
	lines, aside, err := readSpool(f)
	if err != nil {
		return err
	}
	for len(lines) > 0 {
		n := min(len(lines), spoolBatch)
		refused, err := g.replayLines(ctx, lines[:n])
		if err != nil {
			return err
		}
		lines, aside = lines[n:], append(aside, refused...)
	}
	return g.retire(name, aside)
}

// retire removes a replayed file, and keeps what could not be counted of it beside.
func (g *Gate) retire(name string, aside []byte) error {
	if len(aside) > 0 {
		g.stats.setAside.Add(int64(bytes.Count(aside, []byte("\n"))))
		g.options.Logger.Error("spool holds lines that cannot be counted", "kept", name+spoolAside)
		if err := os.WriteFile(name+spoolAside, aside, 0o600); err != nil {
			return err
		}
	}
	return os.Remove(name)
}

// replayLines counts lines and returns those that the store refuses, each with why.
func (g *Gate) replayLines(ctx context.Context, lines []spooled) (refused []byte, err error) {
	now, err := g.now(ctx)
	if err != nil {
		return nil, err
	}
	ops := make([]Op, len(lines))
	for i, l := range lines {
		ops[i] = l.op(now)
	}
	outcomes, err := g.store.Settle(ctx, ops)
	switch {
	case err == nil:
	case isAway(err) || ctx.Err() != nil:
		return nil, err
	case len(lines) > 1: // one of them spoils it for the others
		return g.replayEach(ctx, lines)
	default:
		outcomes = []Outcome{{Err: err}}
	}
	for i, o := range outcomes {
		if isAway(o.Err) {
			return nil, o.Err
		}
		if o.Err != nil {
			b, _ := json.Marshal(lines[i]) // it was read from JSON
			refused = fmt.Appendf(refused, "%s %q\n", b, o.Err)
		}
	}
	return refused, nil
}

func (g *Gate) replayEach(ctx context.Context, lines []spooled) (refused []byte, err error) {
	for i := range lines {
		aside, err := g.replayLines(ctx, lines[i:i+1])
		if err != nil {
			return nil, err
		}
		refused = append(refused, aside...)
	}
	return refused, nil
}

func (l spooled) op(now time.Time) Op {
	return Op{
		Kind: OpRecord, ID: tenon.NewID(now), Now: now, At: l.At, Metadata: l.Metadata, Digest: l.Digest,
		Use: Use{Tenant: l.Tenant, Feature: l.Feature, Quantity: l.Quantity, Key: l.Key, At: l.At},
	}
}

// readSpool returns the lines of a file that are whole, and the bytes of those that are not.
func readSpool(f *os.File) (lines []spooled, aside []byte, err error) {
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		if l, ok := parseSpooled(scan.Bytes()); ok {
			lines = append(lines, l)
		} else {
			aside = append(append(aside, scan.Bytes()...), '\n')
		}
	}
	return lines, aside, scan.Err()
}

func parseSpooled(line []byte) (l spooled, ok bool) {
	sum, body, found := bytes.Cut(line, []byte(" "))
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if !found || err != nil || uint32(want) != crc32.ChecksumIEEE(body) {
		return l, false
	}
	return l, json.Unmarshal(body, &l) == nil
}
