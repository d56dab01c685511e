package flags

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// maxCopy bounds the copy on disk.
const maxCopy = 256 << 20

// copied is what the file holds, after a line with its checksum and length.
type copied struct {
	Revision int64    `json:"revision"`
	Records  []Record `json:"records"`
}

const copyHead = "tenon flags 1 %08x %012d\n"

// saveCopy writes the copy when something newer is live than it holds. A reader finds the old file or the new one.
func (s *Set) saveCopy() {
	if s.options.Bootstrap == "" {
		return
	}
	revision, records := s.toCopy()
	if records == nil {
		return
	}
	err := writeCopy(s.options.Bootstrap, copied{revision, records})
	noteError(&s.stats.copyError, err)
	if err != nil {
		s.options.Logger.Warn("flags not copied to disk", "err", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved = revision
}

// toCopy returns the last good versions, when they are newer than the copy.
func (s *Set) toCopy() (int64, []Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.onDisk || s.live.Load() == emptySnapshot || s.saved == s.state.revision {
		return 0, nil
	}
	records := []Record{}
	for _, e := range s.state.entries {
		if r, ok := e.lastGood(); ok {
			records = append(records, r)
		}
	}
	return s.state.revision, records
}

// lastGood returns the record, with the body of the last good version where its own cannot be read.
func (e *entry) lastGood() (Record, bool) {
	r := e.record
	if e.fault == nil {
		return r, r.Body != nil
	}
	var err error
	switch {
	case e.flag != nil:
		r.Version = e.flag.Version
		r.Body, err = json.Marshal(e.flag)
	case e.segment != nil:
		r.Version = e.segment.Version
		r.Body, err = json.Marshal(e.segment)
	default:
		return r, false
	}
	return r, err == nil
}

func writeCopy(path string, c copied) (err error) {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if len(b) > maxCopy {
		return fmt.Errorf("the copy would have %d bytes, more than %d", len(b), maxCopy)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the error that led here is the one to tell
		}
	}()
	_, err = fmt.Fprintf(f, copyHead, crc32.ChecksumIEEE(b), len(b))
	if err == nil {
		_, err = f.Write(b)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

var errNoCopy = errors.New("no copy on disk")

// loadCopy lets the copy go live, where nothing is live yet.
func (s *Set) loadCopy() error {
	if s.options.Bootstrap == "" {
		return errNoCopy
	}
	c, err := readCopy(s.options.Bootstrap)
	if err != nil {
		return fmt.Errorf("copy on disk: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live.Load() != emptySnapshot {
		return nil
	}
	s.state.onDisk = true
	s.goLive(Update(c), nil)
	return nil
}

func readCopy(path string) (copied, error) {
	var c copied
	f, err := os.Open(path)
	if err != nil {
		return c, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCopy+int64(len(copyHead))+32))
	if err != nil {
		return c, err
	}
	line, body, _ := bytes.Cut(b, []byte("\n"))
	if string(line)+"\n" != fmt.Sprintf(copyHead, crc32.ChecksumIEEE(body), len(body)) {
		return c, errors.New("it is damaged")
	}
	return c, json.Unmarshal(body, &c)
}
