package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/transbotai/tenon"
)

// Kinds of scalars, as they are hashed.
const (
	kindString      = 's'
	kindNumber      = 'n'
	kindTrue        = 't'
	kindFalse       = 'f'
	kindNull        = '0'
	kindEmptyObject = 'o'
	kindEmptyArray  = 'a'
)

// scalar is a value without parts, and where it stands: "payload.after.rate", "payload.lanes[2]".
type scalar struct {
	path  string
	kind  byte
	value []byte // of a string its bytes, of a number its canonical form
}

// maxDepth bounds how deep a payload nests.
const maxDepth = 64

// flatten calls yield for each scalar of a JSON text, with its path below root. Two texts that mean the same (as
// Postgres keeps jsonb: members in any order, numbers and escapes written in any way) give the same scalars.
//
// It refuses what Postgres would refuse or change: members that occur twice, the character U+0000, text that is not
// UTF-8, halves of surrogate pairs.
func flatten(text []byte, root string, yield func(scalar)) error {
	if !utf8.Valid(text) {
		return tenon.Invalid(root, "not valid UTF-8")
	}
	if !json.Valid(text) {
		return tenon.Invalid(root, "not valid JSON")
	}
	f := flattener{text: text, yield: yield}
	f.path = append(f.path, root...)
	return f.value(0)
}

// flattener walks over a text that is known to be valid JSON.
type flattener struct {
	text  []byte
	at    int
	path  []byte
	yield func(scalar)
}

func (f *flattener) space() {
	for f.at < len(f.text) && strings.IndexByte(" \t\r\n", f.text[f.at]) >= 0 {
		f.at++
	}
}

func (f *flattener) emit(kind byte, value []byte) {
	f.yield(scalar{path: string(f.path), kind: kind, value: value})
}

func (f *flattener) value(depth int) error {
	if depth > maxDepth {
		return tenon.Invalid(string(f.path), "nested deeper than %d", maxDepth)
	}
	f.space()
	switch c := f.text[f.at]; c {
	case '{':
		return f.object(depth)
	case '[':
		return f.array(depth)
	case '"':
		s, err := f.string()
		if err != nil {
			return err
		}
		f.emit(kindString, s)
	case 't', 'n':
		f.at += 4
		f.emit(map[byte]byte{'t': kindTrue, 'n': kindNull}[c], nil)
	case 'f':
		f.at += 5
		f.emit(kindFalse, nil)
	default:
		n, err := f.number()
		if err != nil {
			return err
		}
		f.emit(kindNumber, n)
	}
	return nil
}

func (f *flattener) object(depth int) error {
	f.at++
	f.space()
	if f.text[f.at] == '}' {
		f.at++
		f.emit(kindEmptyObject, nil)
		return nil
	}
	before := len(f.path)
	seen := map[string]bool{}
	for {
		f.space()
		name, err := f.string()
		if err != nil {
			return err
		}
		f.path = appendMember(f.path[:before], string(name))
		if seen[string(name)] {
			return tenon.Invalid(string(f.path), "occurs twice")
		}
		seen[string(name)] = true
		f.space()
		f.at++ // the colon
		if err := f.value(depth + 1); err != nil {
			return err
		}
		f.path = f.path[:before]
		f.space()
		f.at++
		if f.text[f.at-1] == '}' {
			return nil
		}
	}
}

func (f *flattener) array(depth int) error {
	f.at++
	f.space()
	if f.text[f.at] == ']' {
		f.at++
		f.emit(kindEmptyArray, nil)
		return nil
	}
	before := len(f.path)
	for i := int64(0); ; i++ {
		f.path = append(strconv.AppendInt(append(f.path[:before], '['), i, 10), ']')
		if err := f.value(depth + 1); err != nil {
			return err
		}
		f.path = f.path[:before]
		f.space()
		f.at++
		if f.text[f.at-1] == ']' {
			return nil
		}
	}
}

// string reads a string and returns what it means.
func (f *flattener) string() ([]byte, error) {
	begin := f.at
	f.at++
	escaped := false
	for f.text[f.at] != '"' {
		if f.text[f.at] == '\\' {
			escaped = true
			f.at++
		}
		f.at++
	}
	f.at++
	raw := f.text[begin+1 : f.at-1]
	if !escaped {
		return raw, nil
	}
	if err := checkEscapes(raw); err != nil {
		return nil, tenon.Invalid(string(f.path), "%v", err)
	}
	var s string
	if err := json.Unmarshal(f.text[begin:f.at], &s); err != nil {
		return nil, tenon.Invalid(string(f.path), "%v", err)
	}
	return []byte(s), nil
}

// checkEscapes refuses \u0000 and halves of surrogate pairs.
func checkEscapes(raw []byte) error {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' {
			continue
		}
		unit, _ := strconv.ParseUint(string(raw[i+1:i+5]), 16, 16)
		i += 4
		switch {
		case unit == 0:
			return fmt.Errorf("the character U+0000")
		case unit >= 0xdc00 && unit < 0xe000:
			return fmt.Errorf("half of a surrogate pair")
		case unit >= 0xd800 && unit < 0xdc00:
			if i+6 >= len(raw) || raw[i+1] != '\\' || raw[i+2] != 'u' {
				return fmt.Errorf("half of a surrogate pair")
			}
			low, _ := strconv.ParseUint(string(raw[i+3:i+7]), 16, 16)
			if low < 0xdc00 || low >= 0xe000 {
				return fmt.Errorf("half of a surrogate pair")
			}
			i += 6
		}
	}
	return nil
}

// maxExponent bounds numbers to what Postgres keeps in a numeric.
const maxExponent = 131072

// number reads a number and returns its canonical form: an optional minus sign, digits without zeros at either end, and
// the power of ten that they are multiplied by, if it is not 0. Zero is "0".
func (f *flattener) number() ([]byte, error) {
	begin := f.at
	for f.at < len(f.text) && strings.IndexByte("+-.0123456789eE", f.text[f.at]) >= 0 {
		f.at++
	}
	n, ok := canonicalNumber(f.text[begin:f.at])
	if !ok {
		return nil, tenon.Invalid(string(f.path), "a number out of range")
	}
	return n, nil
}

func canonicalNumber(text []byte) ([]byte, bool) {
	var sign []byte
	if text[0] == '-' {
		sign, text = text[:1], text[1:]
	}
	exponent := int64(0)
	if e := bytes.IndexAny(text, "eE"); e >= 0 {
		var err error
		if exponent, err = strconv.ParseInt(string(text[e+1:]), 10, 32); err != nil {
			return nil, false
		}
		text = text[:e]
	}
	whole, fraction, _ := bytes.Cut(text, []byte{'.'})
	digits := append(append([]byte(nil), whole...), fraction...)
	exponent -= int64(len(fraction))
	trimmed := bytes.TrimRight(digits, "0")
	exponent += int64(len(digits) - len(trimmed))
	if trimmed = bytes.TrimLeft(trimmed, "0"); len(trimmed) == 0 {
		return []byte{'0'}, true
	}
	if top := exponent + int64(len(trimmed)); top > maxExponent || exponent < -maxExponent/8 {
		return nil, false
	}
	out := append(append([]byte(nil), sign...), trimmed...)
	if exponent != 0 {
		out = strconv.AppendInt(append(out, 'e'), exponent, 10)
	}
	return out, true
}

// appendMember appends the name of a member to a path: ".name", or quoted when it is not a plain word.
func appendMember(path []byte, name string) []byte {
	for i := range len(name) {
		c := name[i]
		plain := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9'
		if !plain {
			return append(strconv.AppendQuote(append(path, '['), name), ']')
		}
	}
	if name == "" {
		return append(path, `[""]`...)
	}
	return append(append(path, '.'), name...)
}
