package spool

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

	"github.com/transbotai/tenon"
)

// maxLine bounds a line, in bytes.
const maxLine = 64 << 20

// Replayer stores what a spool kept.
type Replayer[T any] struct {
	// Batch bounds how many entries Store is handed at once.
	Batch int
	// Store stores entries, and returns lines about those that will never be stored. Its error leaves the file, which is
	// replayed again as a whole.
	Store func(ctx context.Context, entries []T) (refused []byte, err error)
	// Aside is told of each file beside which lines were kept.
	Aside func(file string, lines int)
}

// Refusal returns the line about an entry that will never be stored.
func Refusal(entry any, why error) []byte {
	b, _ := json.Marshal(entry) // it was read from JSON
	return fmt.Appendf(nil, "%s %q\n", b, why)
}

// Replay stores all that lies in the folder, also what processes that died left there. It goes on with the next file
// after one that cannot be read, and stops where the store is away.
func (s *Spool[T]) Replay(ctx context.Context, r Replayer[T]) error {
	if !s.Given() {
		return nil
	}
	if err := s.rotate(); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "*"+s.ending))
	if err != nil {
		return err
	}
	for _, name := range files {
		one := s.replayFile(ctx, r, name)
		if one != nil {
			err = errors.Join(err, fmt.Errorf("spool %s: %w", filepath.Base(name), one))
		}
		if errors.Is(one, tenon.ErrUnavailable) || ctx.Err() != nil {
			break
		}
	}
	return err
}

func (s *Spool[T]) rotate() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.close()
}

// replayFile stores a file and removes it. One that another process is writing is that process's to store.
func (s *Spool[T]) replayFile(ctx context.Context, r Replayer[T], name string) error {
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
	refused, err := r.lines(ctx, f)
	if err != nil {
		return err
	}
	if len(refused) > 0 {
		r.Aside(name+aside, bytes.Count(refused, []byte("\n")))
		if err := os.WriteFile(name+aside, refused, 0o600); err != nil {
			return err
		}
	}
	return os.Remove(name)
}

// lines stores the lines that are whole, and returns the others.
func (r Replayer[T]) lines(ctx context.Context, f *os.File) (refused []byte, err error) {
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, maxLine)
	var batch []T
	store := func() error {
		more, err := r.Store(ctx, batch)
		refused, batch = append(refused, more...), nil
		return err
	}
	for scan.Scan() {
		var entry T
		if !parse(scan.Bytes(), &entry) {
			refused = append(append(refused, scan.Bytes()...), '\n')
			continue
		}
		if batch = append(batch, entry); len(batch) == r.Batch {
			if err := store(); err != nil {
				return nil, err
			}
		}
	}
	if err := scan.Err(); err != nil || len(batch) == 0 {
		return refused, err
	}
	err = store()
	return refused, err
}

// parse reads a line, and says whether it is whole.
func parse(line []byte, entry any) bool {
	sum, body, found := bytes.Cut(line, []byte(" "))
	want, err := strconv.ParseUint(string(sum), 16, 32)
	return found && err == nil && uint32(want) == crc32.ChecksumIEEE(body) && json.Unmarshal(body, entry) == nil
}
