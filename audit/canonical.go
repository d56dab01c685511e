package audit

import (
	"bytes"
	"strconv"
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

// scalar is a value without parts, and where it stands: "payload.after.rate", "payload.lanes[2]". Path and value are for
// whom they are handed to until it returns.
type scalar struct {
	path  []byte
	kind  byte
	value []byte // of a string its bytes, of a number its canonical form
}

// maxDepth bounds how deep a payload nests.
const maxDepth = 64

// flatten calls yield for each scalar of a JSON text, with its path below root. Two texts that mean the same (as
// Postgres keeps jsonb: members in any order, numbers and escapes written in any way) give the same scalars.
//
// It refuses what Postgres would refuse or change: members that occur twice, the character U+0000, text that is not
// UTF-8, halves of surrogate pairs. What it yielded before it came to such a thing is void.
func flatten(text []byte, root string, yield func(scalar)) error {
	f := flattener{yield: yield}
	return f.flatten(text, root)
}

// flattener walks over a JSON text. It can be used again.
type flattener struct {
	text   []byte
	at     int
	path   []byte
	names  [][]byte // of the members of the objects around, outermost first
	number []byte   // the last number
	yield  func(scalar)
}

func (f *flattener) flatten(text []byte, root string) error {
	if !utf8.Valid(text) {
		return tenon.Invalid(root, "not valid UTF-8")
	}
	f.text, f.at, f.path, f.names = text, 0, append(f.path[:0], root...), f.names[:0]
	if err := f.value(0); err != nil {
		return err
	}
	f.space()
	if f.at != len(f.text) {
		return f.bad()
	}
	return nil
}

// bad says that the text is no JSON.
func (f *flattener) bad() error {
	return tenon.Invalid(string(f.path), "not valid JSON, at byte %d", f.at)
}

// peek returns the next byte after white space; 0, which stands nowhere in JSON, at the end.
func (f *flattener) peek() byte {
	f.space()
	if f.at == len(f.text) {
		return 0
	}
	return f.text[f.at]
}

func (f *flattener) space() {
	for f.at < len(f.text) {
		switch f.text[f.at] {
		case ' ', '\t', '\r', '\n':
			f.at++
		default:
			return
		}
	}
}

func (f *flattener) emit(kind byte, value []byte) { f.yield(scalar{f.path, kind, value}) }

func (f *flattener) value(depth int) error {
	if depth > maxDepth {
		return tenon.Invalid(string(f.path), "nested deeper than %d", maxDepth)
	}
	switch f.peek() {
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
		return nil
	case 't':
		return f.word("true", kindTrue)
	case 'f':
		return f.word("false", kindFalse)
	case 'n':
		return f.word("null", kindNull)
	}
	return f.readNumber()
}

func (f *flattener) word(word string, kind byte) error {
	if !bytes.HasPrefix(f.text[f.at:], []byte(word)) {
		return f.bad()
	}
	f.at += len(word)
	f.emit(kind, nil)
	return nil
}

func (f *flattener) object(depth int) error {
	f.at++
	if f.peek() == '}' {
		f.at++
		f.emit(kindEmptyObject, nil)
		return nil
	}
	before, first := len(f.path), len(f.names)
	for {
		if f.peek() != '"' {
			return f.bad()
		}
		name, err := f.string()
		if err != nil {
			return err
		}
		f.path = appendMember(f.path[:before], name)
		if f.twice(name, first) {
			return tenon.Invalid(string(f.path), "occurs twice")
		}
		if f.peek() != ':' {
			return f.bad()
		}
		f.at++
		if err := f.value(depth + 1); err != nil {
			return err
		}
		f.path = f.path[:before]
		switch f.peek() {
		case '}':
			f.at++
			f.names = f.names[:first]
			return nil
		case ',':
			f.at++
		default:
			return f.bad()
		}
	}
}

// twice remembers a member's name and says whether the object, whose names begin at first, had it. Objects of many
// members are rare: looking through the names of all costs less than a map for each.
func (f *flattener) twice(name []byte, first int) bool {
	for _, other := range f.names[first:] {
		if bytes.Equal(name, other) {
			return true
		}
	}
	f.names = append(f.names, name)
	return false
}

func (f *flattener) array(depth int) error {
	f.at++
	if f.peek() == ']' {
		f.at++
		f.emit(kindEmptyArray, nil)
		return nil
	}
	before := len(f.path)
	for i := int64(0); ; i++ {
		f.path = append(strconv.AppendInt(append(f.path, '['), i, 10), ']')
		if err := f.value(depth + 1); err != nil {
			return err
		}
		f.path = f.path[:before]
		switch f.peek() {
		case ']':
			f.at++
			return nil
		case ',':
			f.at++
		default:
			return f.bad()
		}
	}
}

// appendMember appends the name of a member to a path: ".name", or quoted when it is not a plain word.
func appendMember(path, name []byte) []byte {
	for i, c := range name {
		plain := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9'
		if !plain {
			return append(strconv.AppendQuote(append(path, '['), string(name)), ']')
		}
	}
	if len(name) == 0 {
		return append(path, `[""]`...)
	}
	return append(append(path, '.'), name...)
}
