package audit

import (
	"bytes"
	"errors"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/transbotai/tenon"
)

// string reads a string and returns what it means.
func (f *flattener) string() ([]byte, error) {
	begin := f.at + 1
	for i := begin; i < len(f.text); i++ {
		switch c := f.text[i]; {
		case c == '"':
			f.at = i + 1
			return f.text[begin:i], nil
		case c == '\\':
			return f.escaped(begin)
		case c < ' ':
			f.at = i
			return nil, f.bad()
		}
	}
	return nil, f.bad()
}

// escaped reads a string that has escapes.
func (f *flattener) escaped(begin int) ([]byte, error) {
	var s []byte
	for i := begin; i < len(f.text); {
		switch c := f.text[i]; {
		case c == '"':
			f.at = i + 1
			return s, nil
		case c < ' ':
			f.at = i
			return nil, f.bad()
		case c != '\\':
			s = append(s, c)
			i++
		default:
			var n int
			var err error
			if s, n, err = appendEscape(s, f.text[i:]); err != nil {
				return nil, tenon.Invalid(string(f.path), "%v", err)
			}
			i += n
		}
	}
	return nil, f.bad()
}

var (
	errEscape    = errors.New("not valid JSON: an escape that is none")
	errNull      = errors.New("the character U+0000")
	errSurrogate = errors.New("half of a surrogate pair")
)

// short are the escapes of one letter.
var short = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// appendEscape appends what the escape at the beginning of text means, and returns how long the escape is.
func appendEscape(s, text []byte) ([]byte, int, error) {
	if len(text) < 2 {
		return nil, 0, errEscape
	}
	if text[1] != 'u' {
		c, ok := short[text[1]]
		if !ok {
			return nil, 0, errEscape
		}
		return append(s, c), 2, nil
	}
	unit, ok := hexUnit(text)
	switch {
	case !ok:
		return nil, 0, errEscape
	case unit == 0:
		return nil, 0, errNull
	case !utf16.IsSurrogate(unit):
		return utf8.AppendRune(s, unit), 6, nil
	}
	low, ok := hexUnit(text[6:])
	both := utf16.DecodeRune(unit, low)
	if !ok || both == utf8.RuneError {
		return nil, 0, errSurrogate
	}
	return utf8.AppendRune(s, both), 12, nil
}

// hexUnit reads an escape of the form \uXXXX.
func hexUnit(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	var unit rune
	for _, c := range text[2:6] {
		switch {
		case c >= '0' && c <= '9':
			unit = unit<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			unit = unit<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			unit = unit<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return unit, true
}

// A numeric of Postgres keeps so many digits before the decimal point, and so many after it, zeros at the end among them.
const (
	maxWhole    = 131072
	maxFraction = 16383
)

// numeral is a number as it is written.
type numeral struct {
	negative        bool
	whole, fraction []byte
	exponent        []byte // with its sign
}

// readNumber reads a number and emits its canonical form: an optional minus sign, digits without zeros at either end,
// and the power of ten that they are multiplied by, if it is not 0. Zero is "0".
func (f *flattener) readNumber() error {
	n, ok := f.numeral()
	if !ok {
		return f.bad()
	}
	if f.number, ok = n.canonical(f.number[:0]); !ok {
		return tenon.Invalid(string(f.path), "a number out of range")
	}
	f.emit(kindNumber, f.number)
	return nil
}

func (f *flattener) numeral() (n numeral, ok bool) {
	if f.at < len(f.text) && f.text[f.at] == '-' {
		n.negative = true
		f.at++
	}
	if n.whole = f.digits(); len(n.whole) == 0 || n.whole[0] == '0' && len(n.whole) > 1 {
		return n, false
	}
	if f.at < len(f.text) && f.text[f.at] == '.' {
		f.at++
		if n.fraction = f.digits(); len(n.fraction) == 0 {
			return n, false
		}
	}
	if f.at < len(f.text) && (f.text[f.at] == 'e' || f.text[f.at] == 'E') {
		f.at++
		begin := f.at
		if f.at < len(f.text) && (f.text[f.at] == '+' || f.text[f.at] == '-') {
			f.at++
		}
		if len(f.digits()) == 0 {
			return n, false
		}
		n.exponent = f.text[begin:f.at]
	}
	return n, true
}

func (f *flattener) digits() []byte {
	begin := f.at
	for f.at < len(f.text) && f.text[f.at] >= '0' && f.text[f.at] <= '9' {
		f.at++
	}
	return f.text[begin:f.at]
}

// canonical appends the canonical form to b.
func (n *numeral) canonical(b []byte) ([]byte, bool) {
	exponent := int64(0)
	if n.exponent != nil {
		var err error
		if exponent, err = strconv.ParseInt(string(n.exponent), 10, 32); err != nil {
			return b, false
		}
	}
	if n.negative {
		b = append(b, '-')
	}
	sign := len(b)
	b = append(append(b, n.whole...), n.fraction...)
	if exponent -= int64(len(n.fraction)); exponent < -maxFraction {
		return b, false
	}
	digits := b[sign:]
	trimmed := bytes.TrimRight(digits, "0")
	exponent += int64(len(digits) - len(trimmed))
	trimmed = bytes.TrimLeft(trimmed, "0")
	if len(trimmed) == 0 {
		return append(b[:0], '0'), true
	}
	if exponent+int64(len(trimmed)) > maxWhole {
		return b, false
	}
	b = append(b[:sign], trimmed...) // to the left, or where it is
	if exponent != 0 {
		b = strconv.AppendInt(append(b, 'e'), exponent, 10)
	}
	return b, true
}
