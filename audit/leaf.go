package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Entry is a record as it is stored.
//
// Its leaf in the tree does not hold what the record says but, for each part of it, a digest of the part and of a salt
// that nobody can guess. Erasing part and salt, and keeping the digest, leaves the leaf as it was: nobody can tell any
// more what stood there, and everybody can tell that nothing else was put in its place.
type Entry struct {
	Record
	// Seed are 16 random bytes that all salts come from; nil once something was redacted.
	Seed []byte `json:"seed,omitempty"`
	// Salts are those of the parts that are left, by path, once something was redacted.
	Salts map[string][]byte `json:"salts,omitempty"`
	// Redacted are the digests of the parts that were redacted, by path: "actor", "payload.after.email".
	Redacted map[string]Hash `json:"redacted,omitempty"`
	// RedactedBy is the record that says by whom, when and why.
	RedactedBy string `json:"redacted_by,omitempty"`
}

// SeedSize is the length of a seed and of a salt, in bytes.
const SeedSize = 16

// part is a path and the digest that the leaf holds for it.
type part struct {
	path   string
	digest Hash
}

// Leaf returns the entry's leaf. It is the same for every text of the payload that means the same.
//
//	leaf   = SHA-256(0x00 ‖ "tenon/audit/1" ‖ L(id) ‖ L(tenant) ‖ µs ‖ L(action) ‖ L(outcome) ‖ n ‖ { L(path) ‖ digest } by path)
//	digest = SHA-256(salt ‖ L(path) ‖ kind ‖ value)
//	salt   = the first 16 bytes of SHA-256(seed ‖ path)
//
// L(x) is the length of x as 8 bytes, big-endian, and x. µs are the microseconds since 1970 and n the number of parts, each
// as 8 bytes, big-endian.
func (e *Entry) Leaf() (Hash, error) {
	parts, err := e.parts()
	if err != nil {
		return Hash{}, err
	}
	b := make([]byte, 0, 256+len(parts)*(sha256.Size+32))
	b = append(b, leafPrefix)
	b = append(b, "tenon/audit/1"...)
	b = appendText(b, e.ID)
	b = appendText(b, e.Tenant)
	b = binary.BigEndian.AppendUint64(b, uint64(e.At.UnixMicro()))
	b = appendText(b, e.Action)
	b = appendText(b, string(e.Outcome))
	b = binary.BigEndian.AppendUint64(b, uint64(len(parts)))
	for _, p := range parts {
		b = append(appendText(b, p.path), p.digest[:]...)
	}
	return sha256.Sum256(b), nil
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(text))), text...)
}

// parts returns the parts by path.
func (e *Entry) parts() ([]part, error) {
	parts := make([]part, 0, 16)
	for path, digest := range e.Redacted {
		parts = append(parts, part{path, digest})
	}
	var failed error
	err := e.scalars(func(s scalar) {
		if _, gone := e.Redacted[s.path]; gone {
			if s.kind != kindNull { // or a value would show that nothing vouches for
				failed = fmt.Errorf("%w: record %s has a value for %s, which was redacted", ErrTampered, e.ID, s.path)
			}
			return
		}
		salt, ok := e.salt(s.path)
		if !ok {
			failed = fmt.Errorf("%w: record %s has no salt for %s", ErrTampered, e.ID, s.path)
			return
		}
		parts = append(parts, part{s.path, s.digest(salt)})
	})
	if err != nil {
		return nil, fmt.Errorf("%w: record %s: %w", ErrTampered, e.ID, err)
	}
	sortParts(parts)
	return parts, failed
}

// scalars calls yield for each part that has a value. A redacted part of the payload stands there as null.
func (e *Entry) scalars(yield func(scalar)) error {
	text := func(path, value string) {
		if value != "" {
			yield(scalar{path, kindString, []byte(value)})
		}
	}
	text("actor", e.Actor)
	text("on_behalf_of", e.OnBehalfOf)
	for i, t := range e.Targets {
		text(fmt.Sprintf("targets[%d].type", i), t.Type)
		text(fmt.Sprintf("targets[%d].id", i), t.ID)
	}
	text("ip_address", e.IP)
	text("user_agent", e.UserAgent)
	text("request_id", e.RequestID)
	text("trace_id", e.TraceID)
	text("key", e.Key)
	if e.Payload == nil {
		return nil
	}
	return flatten(e.Payload, "payload", yield)
}

func (e *Entry) salt(path string) ([]byte, bool) {
	if e.Seed == nil {
		salt, ok := e.Salts[path]
		return salt, ok && len(salt) == SeedSize
	}
	return deriveSalt(e.Seed, path), len(e.Seed) == SeedSize
}

func deriveSalt(seed []byte, path string) []byte {
	var buffer [256]byte
	sum := sha256.Sum256(append(append(buffer[:0], seed...), path...))
	return sum[:SeedSize]
}

func (s scalar) digest(salt []byte) Hash {
	var buffer [512]byte
	b := appendText(append(buffer[:0], salt...), s.path)
	return sha256.Sum256(append(append(b, s.kind), s.value...))
}

func sortParts(parts []part) {
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.path, b.path) })
}
