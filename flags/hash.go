package flags

import (
	"math/bits"
	"strconv"
)

// Hash returns the 32 bits that decide in which cohort a key is: MurmurHash3_x86_32 with seed 0 (Appleby, SMHasher) of
// the salt, a slash and the key, or of the key alone when there is no salt.
func Hash(salt, key string) uint32 {
	s := newSalted(salt)
	return s.hash(key)
}

// Bucket scales a hash to 0 … width-1: (h × width) >> 32. Buckets of equal hashes nest whatever the width is.
func Bucket(hash, width uint32) uint32 { return uint32(uint64(hash) * uint64(width) >> 32) }

// million is the width of percentages: steps of 0.0001 %.
const million = 1_000_000

// salted is the state of the hash after the salt: what each key goes on from.
type salted struct {
	h      uint32
	length uint32
	carry  uint64 // bytes of the salt that are no whole block
	shift  uint8  // how many bits of carry are taken
}

const (
	c1 = 0xcc9e2d51
	c2 = 0x1b873593
)

func block(h, k uint32) uint32 {
	k *= c1
	k = bits.RotateLeft32(k, 15)
	k *= c2
	h ^= k
	h = bits.RotateLeft32(h, 13)
	return h*5 + 0xe6546b64
}

func newSalted(salt string) salted {
	var s salted
	if salt == "" {
		return s
	}
	salt += "/"
	s.length = uint32(len(salt))
	for len(salt) >= 4 {
		s.h = block(s.h, word(salt))
		salt = salt[4:]
	}
	for i := range len(salt) {
		s.carry |= uint64(salt[i]) << (8 * i)
	}
	s.shift = uint8(8 * len(salt))
	return s
}

func word(s string) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// hash goes on from the salt. What is left of the salt moves through acc, so that a salt of any length does.
func (s *salted) hash(key string) uint32 {
	h, acc, shift := s.h, s.carry, s.shift&31
	length := s.length + uint32(len(key))
	for len(key) >= 4 {
		acc |= uint64(word(key)) << shift
		h = block(h, uint32(acc))
		acc >>= 32
		key = key[4:]
	}
	for i := range len(key) {
		acc |= uint64(key[i]) << shift
		shift += 8
	}
	if shift >= 32 {
		h = block(h, uint32(acc))
		acc >>= 32
	}
	k := uint32(acc) * c1
	h ^= bits.RotateLeft32(k, 15) * c2
	return final(h ^ length)
}

func final(h uint32) uint32 {
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
