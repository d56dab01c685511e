package entitlements

import (
	"encoding/binary"
	"math/bits"
)

// index finds the number of a feature by its key. It is made once for a catalogue and takes half the time of a map,
// whose hash has to withstand keys that somebody chose against it: those of a catalogue are the host's own.
type index struct {
	entries []indexEntry // a power of two, at most half full
	shift   int
}

type indexEntry struct {
	key string
	at  int // from 1; 0 is nobody's
}

func newIndex(keys []string) index {
	x := index{shift: 64 - bits.Len(uint(2*len(keys)))}
	x.entries = make([]indexEntry, 1<<(64-x.shift))
	for i, key := range keys {
		at := x.home(key)
		for x.entries[at].at != 0 {
			at = (at + 1) % len(x.entries)
		}
		x.entries[at] = indexEntry{key, i + 1}
	}
	return x
}

// find returns the number of key, or -1.
func (x *index) find(key string) int {
	for i := x.home(key); ; i++ {
		e := &x.entries[i&(len(x.entries)-1)]
		if e.at == 0 || e.key == key {
			return e.at - 1
		}
	}
}

// home is where key is looked for first.
func (x *index) home(key string) int {
	const golden = 0x9E3779B97F4A7C15
	h := uint64(len(key))
	for ; len(key) >= 8; key = key[8:] {
		h = bits.RotateLeft64((h^word(key))*golden, 29)
	}
	for i := range len(key) {
		h = h<<8 ^ uint64(key[i]) ^ h>>56
	}
	return int(h * golden >> x.shift)
}

// word reads the first 8 bytes of s.
func word(s string) uint64 {
	var b [8]byte
	copy(b[:], s)
	return binary.LittleEndian.Uint64(b[:])
}
