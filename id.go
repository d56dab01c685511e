package tenon

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// NewID returns a UUID of version 7 (RFC 9562, section 5.7) in its text form, for the instant at: ids sort by time.
// The 12 bits after the milliseconds hold the fraction of the millisecond (section 6.2, method 3), the other 62 are
// random. An instant before 1970 or after the year 10889 does not fit the format and gives a wrong time, not a panic.
func NewID(at time.Time) string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand
	ms := at.UnixMilli()
	frac := uint64(at.UnixNano()-ms*1e6) * 4096 / 1e6
	binary.BigEndian.PutUint64(b[:8], uint64(ms)<<16|0x7000|frac&0x0fff)
	b[8] = b[8]&0x3f | 0x80
	var s [36]byte
	hex.Encode(s[0:8], b[0:4])
	hex.Encode(s[9:13], b[4:6])
	hex.Encode(s[14:18], b[6:8])
	hex.Encode(s[19:23], b[8:10])
	hex.Encode(s[24:36], b[10:16])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}
