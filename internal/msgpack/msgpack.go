// Package msgpack writes and reads whole numbers of at least 0 as one MessagePack array, which Redis' Lua reads and writes in
// one call. See the specification at https://github.com/msgpack/msgpack/blob/master/spec.md.
package msgpack

import (
	"encoding/binary"
	"errors"
)

// appendNumber appends v in its shortest form.
func appendNumber(b []byte, v int64) []byte {
	switch {
	case v < 1<<7:
		return append(b, byte(v))
	case v < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(v))
	case v < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(v))
	default:
		return binary.BigEndian.AppendUint64(append(b, 0xcf), uint64(v))
	}
}

// Pack returns an array of the numbers.
func Pack(numbers []int64) []byte {
	b := make([]byte, 0, 5+4*len(numbers))
	b = binary.BigEndian.AppendUint32(append(b, 0xdd), uint32(len(numbers)))
	for _, v := range numbers {
		b = appendNumber(b, v)
	}
	return b
}

// ErrNotNumbers refuses what is no array of such numbers.
var ErrNotNumbers = errors.New("not an array of whole numbers of at least 0")

// Unpack returns the numbers of an array, in whatever form they are; the error is [ErrNotNumbers].
func Unpack(s string) ([]int64, error) {
	n, s, err := readLength(s)
	if err != nil || n > len(s) { // a number takes a byte or more
		return nil, ErrNotNumbers
	}
	numbers := make([]int64, n)
	for i := range numbers {
		if numbers[i], s, err = readNumber(s); err != nil {
			return nil, err
		}
	}
	if s != "" {
		return nil, ErrNotNumbers
	}
	return numbers, nil
}

func readLength(s string) (n int, rest string, err error) {
	if s == "" {
		return 0, "", ErrNotNumbers
	}
	switch first := s[0]; {
	case first>>4 == 0x9:
		return int(first & 0xf), s[1:], nil
	case first == 0xdc:
		v, rest, err := readUint(s[1:], 2)
		return int(v), rest, err
	case first == 0xdd:
		v, rest, err := readUint(s[1:], 4)
		return int(v), rest, err
	}
	return 0, "", ErrNotNumbers
}

func readNumber(s string) (v int64, rest string, err error) {
	if s == "" {
		return 0, "", ErrNotNumbers
	}
	switch first := s[0]; {
	case first < 0x80:
		return int64(first), s[1:], nil
	case first >= 0xcc && first <= 0xcf: // unsigned, of 1, 2, 4 and 8 bytes
		return readUint(s[1:], 1<<(first-0xcc))
	case first >= 0xd0 && first <= 0xd3: // signed, which a number of at least 0 may be too
		if len(s) > 1 && s[1] >= 0x80 {
			return 0, "", ErrNotNumbers
		}
		return readUint(s[1:], 1<<(first-0xd0))
	}
	return 0, "", ErrNotNumbers
}

func readUint(s string, size int) (v int64, rest string, err error) {
	if len(s) < size {
		return 0, "", ErrNotNumbers
	}
	for i := range size {
		v = v<<8 | int64(s[i])
	}
	if v < 0 {
		return 0, "", ErrNotNumbers
	}
	return v, s[size:], nil
}
