package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// lineEncoder writes JSON lines.
type lineEncoder struct{ w *bufio.Writer }

func newLineEncoder(w io.Writer) *lineEncoder { return &lineEncoder{bufio.NewWriterSize(w, 64<<10)} }

func (e *lineEncoder) put(v any) error {
	text, err := JSON(v)
	if err != nil {
		return err
	}
	_, err = e.w.Write(append(text, '\n'))
	return err
}

func (e *lineEncoder) manifest(text json.RawMessage) error { return e.put(text) }
func (e *lineEncoder) line(l *line) error                  { return e.put(l) }
func (e *lineEncoder) flush() error                        { return e.w.Flush() }

func (e *lineEncoder) closing(c *closing) error {
	return e.put(endOf(c))
}

// parsed is a part of an export: one of the three is set.
type parsed struct {
	manifest json.RawMessage
	line     *line
	closing  *closing
}

// decoder reads the parts of an export. next returns io.EOF at the end, and io.ErrUnexpectedEOF for a part that was cut.
type decoder interface {
	next() (parsed, error)
	offset() int64 // of the end of the last whole part
}

// lineDecoder reads JSON lines.
type lineDecoder struct {
	r     *bufio.Reader
	at    int64
	begun bool
}

func (d *lineDecoder) offset() int64 { return d.at }

func (d *lineDecoder) next() (parsed, error) {
	text, err := readLine(d.r)
	if err != nil {
		return parsed{}, err
	}
	n := int64(len(text))
	text = text[:n-1]
	if !d.begun {
		d.begun = true
		d.at += n
		return parsed{manifest: text}, nil
	}
	var v struct {
		line
		End *closing `json:"end"`
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return parsed{}, err
	}
	p, written := parsed{line: &v.line}, any(&v.line)
	if v.End != nil {
		p, written = parsed{closing: v.End}, endOf(v.End)
	}
	if err := asWritten(text, written); err != nil {
		return parsed{}, err
	}
	d.at += n
	return p, nil
}

func endOf(c *closing) any {
	return struct {
		End *closing `json:"end"`
	}{c}
}

var errNotAsWritten = errors.New("it is not as exports are written, so that readers may differ about what it says")

// asWritten refuses a text that is not the one that v is written as: with a member that is there twice, or that others
// would read and we do not.
func asWritten(text []byte, v any) error {
	again, err := JSON(v)
	if err == nil && !bytes.Equal(again, text) {
		err = errNotAsWritten
	}
	return err
}

// readLine returns a line with its newline.
func readLine(r *bufio.Reader) ([]byte, error) {
	var text []byte
	for {
		piece, err := r.ReadSlice('\n')
		text = append(text, piece...)
		switch {
		case err == nil:
			return text, nil
		case errors.Is(err, io.EOF) && len(text) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}
