package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/transbotai/tenon"
)

// Format is how an export is written.
type Format string

// The formats. Both hold all that [VerifyExport] needs.
const (
	JSONL Format = "jsonl" // a JSON object a line
	CSV   Format = "csv"   // for spreadsheets: a cell that could be taken for a formula begins with an apostrophe
)

// ExportOptions say what is exported. The zero value of each field has the documented meaning.
type ExportOptions struct {
	// Query says which records. Its order, After and Limit are not looked at: an export is in the order of the log.
	Query Query
	// Format is how; empty means [JSONL].
	Format Format
	// Resume goes on with an export that was broken off, from [ReadExport]; Query and Format are then those of its
	// beginning. Nil begins a new one.
	Resume *Resume
}

// Manifest is how an export begins.
type Manifest struct {
	Version    int       `json:"tenon_audit_export"` // 1
	Origin     string    `json:"origin"`             // the name of the log
	At         time.Time `json:"at"`
	By         string    `json:"by,omitempty"` // the actor
	RecordID   string    `json:"record"`       // the record that tells of the export
	Query      Query     `json:"query"`
	Checkpoint string    `json:"checkpoint"` // the signed note that every proof leads to
}

// Summary says what an export holds.
type Summary struct {
	Manifest
	Records  int64
	Redacted int64 // of those, with erased parts
	Absent   int64 // leaves whose records retention let go of
	Chain    Hash  // over the manifest and every leaf, signed at the end
}

// Resume is where an export was broken off.
type Resume struct {
	Summary
	Format Format
	Next   int64 // the index that comes next
}

// line is a record, its place, and the proof of it.
type line struct {
	Index  int64  `json:"index"`
	Record *Entry `json:"record,omitempty"`
	Path   []Hash `json:"path"`
	Absent *Ref   `json:"absent,omitempty"` // in place of the record
	Leaf   *Hash  `json:"leaf,omitempty"`   // of an absent one
}

// closing ends an export: without it there is no telling whether the end was cut off.
type closing struct {
	Records int64  `json:"records"`
	Chain   Hash   `json:"chain"`
	Note    string `json:"note"` // the signed note that says so
}

// exportPage is how many leaves are read at once.
const exportPage = 500

// Export writes the records that o.Query asks for up to a checkpoint that is made now, with what proves them: a manifest
// with the checkpoint, each record with its inclusion proof, and a signed end. The export is recorded before anything is
// written. It holds a page at a time and no lock. When it breaks off, what was written can be gone on with: see
// [ReadExport]. A record that is not what was sealed is [ErrTampered].
func (l *Log) Export(ctx context.Context, w io.Writer, o ExportOptions) (Summary, error) {
	s, _, err := l.notary()
	if err != nil {
		return Summary{}, err
	}
	x := &exporter{log: l, store: s}
	if err := x.begin(ctx, w, o); err != nil {
		return x.Summary, err
	}
	if err := x.pages(ctx); err != nil {
		return x.Summary, fmt.Errorf("audit: export: %w", err)
	}
	if err := x.end(); err != nil {
		return x.Summary, fmt.Errorf("audit: export: %w", err)
	}
	return x.Summary, nil
}

// exporter writes one export.
type exporter struct {
	Resume
	log        *Log
	store      Sealer
	out        encoder
	checkpoint Checkpoint
}

func (x *exporter) begin(ctx context.Context, w io.Writer, o ExportOptions) error {
	if o.Resume != nil {
		return x.resume(ctx, w, *o.Resume)
	}
	o.Query.Limit, o.Query.After, o.Query.OldestFirst = 0, "", true
	if err := o.Query.Check(); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if x.Format = o.Format; x.Format == "" {
		x.Format = JSONL
	}
	var err error
	if x.out, err = newEncoder(x.Format, w); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if x.RecordID, err = x.tell(ctx, o.Query); err != nil {
		return err
	}
	if x.checkpoint, err = x.log.Checkpoint(ctx); err != nil {
		return err
	}
	caller, _ := tenon.CallerFrom(ctx)
	x.Manifest = Manifest{
		Version: 1, Origin: x.checkpoint.Origin, At: tenon.Instant(time.Now()), By: caller.Actor, RecordID: x.RecordID, Query: o.Query,
		Checkpoint: string(x.checkpoint.Note),
	}
	text, err := JSON(x.Manifest)
	if err != nil {
		return err
	}
	x.Chain = sha256.Sum256(text)
	return x.out.manifest(text)
}

func (x *exporter) resume(ctx context.Context, w io.Writer, r Resume) error {
	var err error
	x.Resume = r
	if x.checkpoint, err = ParseCheckpoint([]byte(r.Checkpoint), x.log.options.Signer.Verifier()); err != nil {
		return err
	}
	if x.out, err = newEncoder(r.Format, w); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	_, err = x.tell(ctx, r.Query)
	return err
}

// tell records the export.
func (x *exporter) tell(ctx context.Context, q Query) (string, error) {
	payload, err := JSON(map[string]any{"query": q, "format": x.Format, "from": x.Next})
	if err != nil {
		return "", err
	}
	return x.log.Record(ctx, Record{Tenant: q.Tenant, Action: ActionExported, Payload: payload})
}

func (x *exporter) pages(ctx context.Context) error {
	for {
		page, err := x.store.Sealed(ctx, x.Query, Span{From: x.Next, To: x.checkpoint.Size}, exportPage)
		if err != nil {
			return err
		}
		tree := NewTree(x.checkpoint.Size, x.store.Hashes)
		for i := range page {
			if err := x.one(ctx, tree, &page[i]); err != nil {
				return err
			}
		}
		if err := x.out.flush(); err != nil || len(page) < exportPage {
			return err
		}
	}
}

func (x *exporter) one(ctx context.Context, tree *Tree, s *Sealed) error {
	l := line{Index: s.Index, Record: s.Entry}
	leaf := s.Leaf
	if s.Entry == nil {
		l.Absent, l.Leaf = &s.Ref, &leaf
		x.Absent++
	} else {
		var err error
		if leaf, err = s.Entry.Leaf(); err != nil {
			return err
		}
		if leaf != s.Leaf {
			return fmt.Errorf("%w: record %s is not what was sealed", ErrTampered, s.ID)
		}
		if len(s.Entry.Redacted) > 0 {
			x.Redacted++
		}
	}
	proof, err := tree.Include(ctx, s.Index)
	if err != nil {
		return err
	}
	l.Path = proof.Path
	if err := x.out.line(&l); err != nil {
		return err
	}
	x.Records++
	x.Chain, x.Next = chained(x.Chain, &l, leaf), s.Index+1
	return nil
}

// chained adds a line to a chain.
func chained(chain Hash, l *line, leaf Hash) Hash {
	var b [2*sha256.Size + 8]byte
	copy(b[:], chain[:])
	binary.BigEndian.PutUint64(b[sha256.Size:], uint64(l.Index))
	shown := l.shown(leaf)
	copy(b[sha256.Size+8:], shown[:])
	return sha256.Sum256(b[:])
}

// The prefixes of what is not a leaf in a chain.
const (
	absentPrefix   = 2
	redactedPrefix = 3
)

// shown returns what a chain has of a line: the leaf, and of a record that is absent or was redacted also that, since a
// leaf stays as it was when whoever hands the export on takes something out of its record.
func (l *line) shown(leaf Hash) Hash {
	var b []byte
	switch {
	case l.Absent != nil:
		b = appendText(appendText([]byte{absentPrefix}, l.Absent.Tenant), l.Absent.ID)
	case len(l.Record.Redacted) > 0 || l.Record.RedactedBy != "":
		digest := redactionDigest(l.Record)
		b = append(appendText([]byte{redactedPrefix}, l.Record.RedactedBy), digest[:]...)
	default:
		return leaf
	}
	return sha256.Sum256(append(b, leaf[:]...))
}

// closingText is what the note at the end says.
func closingText(s *Summary) string {
	return fmt.Sprintf("tenon audit export 1\n%s\n%d\n%s\n", s.Origin, s.Records, s.Chain)
}

func (x *exporter) end() error {
	err := x.out.closing(&closing{
		Records: x.Records, Chain: x.Chain, Note: string(x.log.options.Signer.sign(closingText(&x.Summary))),
	})
	if err != nil {
		return err
	}
	return x.out.flush()
}

// encoder writes the parts of an export.
type encoder interface {
	manifest(text json.RawMessage) error
	line(l *line) error
	closing(c *closing) error
	flush() error
}

func newEncoder(f Format, w io.Writer) (encoder, error) {
	switch f {
	case JSONL:
		return newLineEncoder(w), nil
	case CSV:
		return newSheetEncoder(w), nil
	}
	return nil, tenon.Invalid("format", "%q is none", f)
}
