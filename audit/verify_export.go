package audit

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/transbotai/tenon"
)

// VerifyExport checks an export by itself and a public key: that the checkpoint was signed by the key, that every record
// is in the tree that it vouches for, in order and unchanged, and that nothing was taken out or cut off since it was
// written. Whether the log showed the same tree to others is told by comparing the checkpoint with an anchor's. What is
// wrong is [ErrTampered], which names the record or the line; an error of r is told as it is. It reads r once, in
// constant memory.
func VerifyExport(r io.Reader, key *Verifier) (Summary, error) {
	x := &examiner{key: key}
	err := x.read(r)
	if err == nil && !x.closed {
		err = fmt.Errorf("%w: the end is missing", ErrTampered)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: the end is cut off", ErrTampered)
	}
	return x.Summary, err
}

// ReadExport reads the beginning of an export that was broken off, and returns where to go on, and how many bytes of it
// are whole: the file is to be truncated there before the rest is appended. The proofs are not checked again. An export
// without a whole manifest, or with an end, is a [tenon.ErrInvalid].
func ReadExport(r io.Reader) (*Resume, int64, error) {
	x := &examiner{}
	err := x.read(r)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, 0, err
	}
	if x.closed || x.Version == 0 {
		return nil, 0, tenon.Invalid("export", "not one that was broken off")
	}
	return &x.Resume, x.whole, nil
}

// examiner reads an export.
type examiner struct {
	Resume
	key        *Verifier // nil: nothing is proven
	checkpoint Checkpoint
	closed     bool
	whole      int64
}

func (x *examiner) read(r io.Reader) error {
	s := &source{r: r, left: maxPart}
	b := bufio.NewReaderSize(s, 64<<10)
	first, err := b.Peek(1)
	if err != nil && !errors.Is(err, io.EOF) {
		return s.unreadable(0, err)
	}
	var d decoder = &lineDecoder{r: b}
	x.Format = JSONL
	if len(first) > 0 && first[0] != '{' {
		d, x.Format = newSheetDecoder(b), CSV
	}
	for n := 1; ; n++ {
		p, err := d.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return s.unreadable(n, err)
		}
		if err := x.part(p); err != nil {
			return fmt.Errorf("part %d: %w", n, err)
		}
		x.whole, s.left = d.offset(), maxPart
	}
}

// maxPart is the longest part of an export: a payload of the largest size, escaped, with as many digests.
const maxPart = 64 << 20

// source is what an export is read from. It bounds what is read of one part, and knows what went wrong while reading
// from what was read.
type source struct {
	r    io.Reader
	left int64 // of a part, in bytes
	err  error // of r
}

// Read implements [io.Reader].
func (s *source) Read(b []byte) (int, error) {
	if s.left <= 0 {
		return 0, bufio.ErrTooLong
	}
	n, err := s.r.Read(b)
	s.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		s.err = err
	}
	return n, err
}

// unreadable tells of a part that is none.
func (s *source) unreadable(n int, err error) error {
	switch {
	case s.err != nil:
		return fmt.Errorf("audit: read the export: %w", s.err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	return fmt.Errorf("%w: part %d cannot be read: %w", ErrTampered, n, err)
}

func (x *examiner) part(p parsed) error {
	switch {
	case x.closed:
		return fmt.Errorf("%w: something stands after the end", ErrTampered)
	case p.manifest != nil:
		return x.begin(p.manifest)
	case x.Version == 0:
		return fmt.Errorf("%w: it does not begin with a manifest", ErrTampered)
	case p.closing != nil:
		return x.close(p.closing)
	}
	return x.one(p.line)
}

func (x *examiner) begin(text json.RawMessage) error {
	if x.Version != 0 {
		return fmt.Errorf("%w: a second manifest", ErrTampered)
	}
	if err := json.Unmarshal(text, &x.Manifest); err != nil || x.Version != 1 {
		x.Version = 0
		return tenon.Invalid("export", "not one of version 1")
	}
	x.Chain = sha256.Sum256(text)
	if x.key == nil {
		return nil
	}
	var err error
	x.checkpoint, err = ParseCheckpoint([]byte(x.Checkpoint), x.key)
	return tampered(err)
}

// tampered returns an error about a signed note as one of its export.
func tampered(err error) error {
	if err == nil || errors.Is(err, ErrTampered) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrTampered, err)
}

func (x *examiner) one(l *line) error {
	leaf, err := l.leaf()
	if err != nil {
		return err
	}
	if l.Index < x.Next {
		return fmt.Errorf("%w: record %d is out of order", ErrTampered, l.Index)
	}
	if x.key != nil {
		proof := Inclusion{Index: l.Index, Size: x.checkpoint.Size, Path: l.Path}
		if err := proof.Check(leaf, x.checkpoint.Root); err != nil {
			return fmt.Errorf("record %s: %w", l.id(), err)
		}
		if l.Record != nil && !x.Query.Matches(l.Record) && len(l.Record.Redacted) == 0 {
			return fmt.Errorf("%w: record %s is not what was asked for", ErrTampered, l.id())
		}
	}
	x.Records++
	if l.Absent != nil {
		x.Absent++
	} else if len(l.Record.Redacted) > 0 {
		x.Redacted++
	}
	x.Chain, x.Next = chained(x.Chain, l, leaf), l.Index+1
	return nil
}

func (l *line) id() string {
	if l.Record != nil {
		return l.Record.ID
	}
	return l.Absent.ID
}

func (l *line) leaf() (Hash, error) {
	switch {
	case l.Record != nil && l.Absent == nil && l.Leaf == nil:
		leaf, err := l.Record.Leaf()
		if err == nil {
			err = l.Record.beside()
		}
		return leaf, err
	case l.Record == nil && l.Absent != nil && l.Leaf != nil:
		return *l.Leaf, nil
	}
	return Hash{}, fmt.Errorf("%w: neither a record nor the place of one", ErrTampered)
}

func (x *examiner) close(c *closing) error {
	if c.Records != x.Records || c.Chain != x.Chain {
		return fmt.Errorf("%w: the end tells of %d records with another chain than the %d before it", ErrTampered, c.Records, x.Records)
	}
	x.closed = true
	if x.key == nil {
		return nil
	}
	text, err := x.key.open([]byte(c.Note))
	if err == nil && text != closingText(&x.Summary) {
		err = fmt.Errorf("%w: the end was signed for another export", ErrTampered)
	}
	return tampered(err)
}
