package audit

import (
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sheetColumns are the columns of a CSV export. The row after them has "manifest" in the first cell and the manifest in
// the second, the last row "end"; a row of an absent record holds its index, id, tenant, path and leaf alone.
var sheetColumns = []string{
	"index", "id", "tenant", "ts", "actor", "on_behalf_of", "action", "outcome", "targets", "payload", "ip_address",
	"user_agent", "request_id", "trace_id", "key", "seed", "salts", "redacted", "redacted_by", "path", "leaf",
}

// sheetEncoder writes CSV.
type sheetEncoder struct {
	w   *csv.Writer
	row []string
}

func newSheetEncoder(w io.Writer) *sheetEncoder {
	return &sheetEncoder{w: csv.NewWriter(w), row: make([]string, len(sheetColumns))}
}

// put writes a row, filled up to all columns. Readers of CSV take one carriage return before a line feed away, hence one
// more.
func (e *sheetEncoder) put(cells ...string) error {
	clear(e.row)
	for i, c := range cells {
		e.row[i] = strings.ReplaceAll(escapeCell(c), "\r\n", "\r\r\n")
	}
	return e.w.Write(e.row)
}

// escapeCell puts an apostrophe before what a spreadsheet would compute, and before an apostrophe, so that it can be
// taken away again.
func escapeCell(s string) string {
	if s != "" && strings.IndexByte("=+-@\t\r\n'", s[0]) >= 0 {
		return "'" + s
	}
	return s
}

func unescapeCell(s string) string { return strings.TrimPrefix(s, "'") }

func (e *sheetEncoder) manifest(text json.RawMessage) error {
	if err := e.put(sheetColumns...); err != nil {
		return err
	}
	return e.put("manifest", string(text))
}

func (e *sheetEncoder) closing(c *closing) error {
	text, err := JSON(c)
	if err != nil {
		return err
	}
	return e.put("end", string(text))
}

func (e *sheetEncoder) flush() error {
	e.w.Flush()
	return e.w.Error()
}

func (e *sheetEncoder) line(l *line) error {
	cells, err := sheetCells(l)
	if err != nil {
		return err
	}
	return e.put(cells...)
}

// sheetCells returns a line as cells that are not escaped yet.
func sheetCells(l *line) ([]string, error) {
	index := strconv.FormatInt(l.Index, 10)
	if l.Absent != nil {
		cells := make([]string, len(sheetColumns))
		cells[0], cells[1], cells[2], cells[19], cells[20] = index, l.Absent.ID, l.Absent.Tenant, joinHashes(l.Path), l.Leaf.String()
		return cells, nil
	}
	r := l.Record
	cells := []string{
		index, r.ID, r.Tenant, r.At.Format(time.RFC3339Nano), r.Actor, r.OnBehalfOf, r.Action, string(r.Outcome), "",
		sheetPayload(r.Payload), r.IP, r.UserAgent, r.RequestID, r.TraceID, r.Key, base64.StdEncoding.EncodeToString(r.Seed),
		"", "", r.RedactedBy, joinHashes(l.Path), "",
	}
	for i, v := range map[int]any{8: r.Targets, 16: r.Salts, 17: r.Redacted} {
		text, err := JSON(v)
		if err != nil {
			return nil, err
		}
		if string(text) != "null" {
			cells[i] = string(text)
		}
	}
	return cells, nil
}

// sheetPayload keeps line breaks out of cells, since readers of CSV change them.
func sheetPayload(payload json.RawMessage) string {
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(string(payload))
}

func joinHashes(hashes []Hash) string {
	texts := make([]string, len(hashes))
	for i, h := range hashes {
		texts[i] = h.String()
	}
	return strings.Join(texts, " ")
}

func splitHashes(text string) ([]Hash, error) {
	var hashes []Hash
	for word := range strings.FieldsSeq(text) {
		var h Hash
		if err := h.UnmarshalText([]byte(word)); err != nil {
			return nil, err
		}
		hashes = append(hashes, h)
	}
	return hashes, nil
}

// sheetDecoder reads CSV.
type sheetDecoder struct {
	r     *csv.Reader
	at    int64
	begun bool
}

func newSheetDecoder(r io.Reader) *sheetDecoder {
	d := &sheetDecoder{r: csv.NewReader(r)}
	d.r.FieldsPerRecord, d.r.ReuseRecord = len(sheetColumns), true
	return d
}

func (d *sheetDecoder) offset() int64 { return d.at }

func (d *sheetDecoder) next() (parsed, error) {
	if !d.begun {
		d.begun = true
		if names, err := d.r.Read(); err != nil {
			return parsed{}, err
		} else if !slices.Equal(names, sheetColumns) {
			return parsed{}, errNotAsWritten
		}
	}
	cells, err := d.r.Read()
	if errors.Is(err, csv.ErrFieldCount) || errors.Is(err, csv.ErrQuote) {
		err = fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err) // a row that was cut
	}
	if err != nil {
		return parsed{}, err
	}
	for i, raw := range cells {
		cells[i] = unescapeCell(raw)
		if escapeCell(cells[i]) != raw {
			return parsed{}, errNotAsWritten
		}
	}
	p, err := parseRow(cells)
	if err == nil {
		err = p.rowAsWritten(cells)
	}
	if err == nil {
		d.at = d.r.InputOffset()
	}
	return p, err
}

// rowAsWritten is [asWritten] for cells.
func (p *parsed) rowAsWritten(cells []string) error {
	if p.line == nil {
		if strings.Join(cells[2:], "") != "" {
			return errNotAsWritten
		}
		if p.closing != nil {
			return asWritten([]byte(cells[1]), p.closing)
		}
		return nil
	}
	again, err := sheetCells(p.line)
	if err == nil && !slices.Equal(again, cells) {
		err = errNotAsWritten
	}
	return err
}

func parseRow(cells []string) (parsed, error) {
	switch cells[0] {
	case "manifest":
		return parsed{manifest: json.RawMessage(cells[1])}, nil
	case "end":
		c := &closing{}
		return parsed{closing: c}, json.Unmarshal([]byte(cells[1]), c)
	}
	l := &line{}
	var err error
	if l.Index, err = strconv.ParseInt(cells[0], 10, 64); err != nil {
		return parsed{}, err
	}
	if l.Path, err = splitHashes(cells[19]); err != nil {
		return parsed{}, err
	}
	if cells[20] != "" {
		l.Absent, l.Leaf = &Ref{Tenant: cells[2], ID: cells[1]}, &Hash{}
		return parsed{line: l}, l.Leaf.UnmarshalText([]byte(cells[20]))
	}
	l.Record, err = parseSheetEntry(cells)
	return parsed{line: l}, err
}

func parseSheetEntry(cells []string) (*Entry, error) {
	e := &Entry{Record: Record{
		ID: cells[1], Tenant: cells[2], Actor: cells[4], OnBehalfOf: cells[5], Action: cells[6], Outcome: Outcome(cells[7]),
		IP: cells[10], UserAgent: cells[11], RequestID: cells[12], TraceID: cells[13], Key: cells[14],
	}, RedactedBy: cells[18]}
	var err error
	if e.At, err = time.Parse(time.RFC3339Nano, cells[3]); err != nil {
		return nil, err
	}
	if cells[9] != "" {
		e.Payload = json.RawMessage(cells[9])
	}
	if cells[15] != "" {
		if e.Seed, err = base64.StdEncoding.DecodeString(cells[15]); err != nil {
			return nil, err
		}
	}
	for i, v := range map[int]any{8: &e.Targets, 16: &e.Salts, 17: &e.Redacted} {
		if cells[i] == "" {
			continue
		}
		if err := json.Unmarshal([]byte(cells[i]), v); err != nil {
			return nil, err
		}
	}
	return e, nil
}
