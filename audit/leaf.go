package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"sync"
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

	fresh bool
}

// Fresh says that the id was made for the entry just now, so that a store need not look for it. It may be there all the
// same when the entry is appended again after an error.
func (e *Entry) Fresh() bool { return e.fresh }

// SeedSize is the length of a seed and of a salt, in bytes.
const SeedSize = 16

// part is a part of an entry. What is digested of it lies in the arena, from begin to end: salt, L(path), kind, value. Of a
// part that was redacted the value is its digest. Parts hold no pointers, so that sorting them is cheap.
type part struct {
	begin, value, end int
	gone              bool // redacted: there is a digest alone
}

// Leaf returns the entry's leaf. It is the same for every text of the payload that means the same.
//
//	leaf   = SHA-256(0x00 ‖ "tenon/audit/1" ‖ L(id) ‖ L(tenant) ‖ µs ‖ L(action) ‖ L(outcome) ‖ n ‖ { L(path) ‖ digest } by path)
//	digest = SHA-256(salt ‖ L(path) ‖ kind ‖ value)
//	salt   = the i-th 16 bytes, for the i-th part by path, of SHA-256(seed ‖ 0) ‖ SHA-256(seed ‖ 1) ‖ …
//
// L(x) is the length of x as 4 bytes, and x. µs are the microseconds since 1970 as 8 bytes, n is the number of parts as 4
// bytes, parts are counted from 0, and the numbers beside the seed are of 8 bytes; all are big-endian. Once something was
// redacted, salts and the digests of redacted parts are stored.
func (e *Entry) Leaf() (Hash, error) {
	c := compositions.Get().(*composition)
	defer compositions.Put(c)
	if err := c.read(e); err != nil {
		return Hash{}, err
	}
	return c.leaf(e), nil
}

// composition is what an entry is taken apart with. It keeps its buffers from one entry to the next.
type composition struct {
	flattener
	parts   []part
	digests []Hash // of the parts, in the same order
	arena   []byte
	buffer  []byte
	hash    hash.Hash // one that is used again costs less than a new one
	two     Hash      // the salts of two parts
	collect func(scalar)
}

var compositions = sync.Pool{New: func() any {
	c := &composition{hash: sha256.New()}
	c.collect = func(s scalar) { c.add(s.path, s.kind, s.value, false) }
	return c
}}

// sizeOfLength is the size of the length in L(x).
const sizeOfLength = 4

func (c *composition) add(path []byte, kind byte, value []byte, gone bool) {
	var noSalt [SeedSize]byte
	p := part{begin: len(c.arena), gone: gone}
	b := append(appendText(append(c.arena, noSalt[:]...), path), kind)
	p.value = len(b)
	c.arena = append(b, value...)
	p.end = len(c.arena)
	c.parts = append(c.parts, p)
}

func (c *composition) salt(p *part) []byte  { return c.arena[p.begin : p.begin+SeedSize] }
func (c *composition) name(p *part) []byte  { return c.arena[p.begin+SeedSize : p.value-1] } // L(path)
func (c *composition) where(p *part) []byte { return c.name(p)[sizeOfLength:] }
func (c *composition) kind(p *part) byte    { return c.arena[p.value-1] }
func (c *composition) what(p *part) []byte  { return c.arena[p.value:p.end] }

// read takes an entry apart, and finds each part's salt and digest.
func (c *composition) read(e *Entry) error {
	c.parts, c.digests, c.arena = c.parts[:0], c.digests[:0], c.arena[:0]
	if err := c.scalars(e, c.collect); err != nil {
		return fmt.Errorf("%w: record %s: %w", ErrTampered, e.ID, err)
	}
	if e.Redacted != nil {
		if err := c.addRedacted(e); err != nil {
			return err
		}
	}
	c.sort()
	if err := c.salts(e); err != nil {
		return err
	}
	for i := range c.parts {
		c.digests = append(c.digests, Hash{})
		if p := &c.parts[i]; p.gone {
			copy(c.digests[i][:], c.what(p))
		} else {
			c.sum(c.arena[p.begin:p.end], &c.digests[i])
		}
	}
	return nil
}

// sort puts the parts in the order of their paths.
func (c *composition) sort() {
	byPath := func(a, b part) int { return bytes.Compare(c.where(&a), c.where(&b)) }
	if !slices.IsSortedFunc(c.parts, byPath) { // they mostly are
		slices.SortFunc(c.parts, byPath)
	}
}

// addRedacted puts the digests of redacted parts in the place of the nulls that stand there.
func (c *composition) addRedacted(e *Entry) error {
	isGone := func(p *part) bool { _, gone := e.Redacted[string(c.where(p))]; return gone }
	for i := range c.parts {
		if p := &c.parts[i]; isGone(p) && c.kind(p) != kindNull { // or a value would show that nothing vouches for
			return fmt.Errorf("%w: record %s has a value for %s, which was redacted", ErrTampered, e.ID, c.where(p))
		}
	}
	c.parts = slices.DeleteFunc(c.parts, func(p part) bool { return isGone(&p) })
	for path, digest := range e.Redacted {
		c.add([]byte(path), kindNull, digest[:], true)
	}
	return nil
}

// salts finds the salts: from the seed, or those that are stored.
func (c *composition) salts(e *Entry) error {
	if e.Seed == nil {
		for i := range c.parts {
			p := &c.parts[i]
			if salt, ok := e.Salts[string(c.where(p))]; ok && len(salt) == SeedSize {
				copy(c.salt(p), salt)
			} else if !p.gone {
				return fmt.Errorf("%w: record %s has no salt for %s", ErrTampered, e.ID, c.where(p))
			}
		}
		return nil
	}
	if len(e.Seed) != SeedSize || len(e.Redacted) > 0 {
		return fmt.Errorf("%w: record %s has a seed of %d bytes, or one that its redaction should have erased", ErrTampered, e.ID, len(e.Seed))
	}
	for i := range c.parts {
		if i%saltsOfHash == 0 {
			c.buffer = binary.BigEndian.AppendUint64(append(c.buffer[:0], e.Seed...), uint64(i/saltsOfHash))
			c.sum(c.buffer, &c.two)
		}
		copy(c.salt(&c.parts[i]), c.two[i%saltsOfHash*SeedSize:])
	}
	return nil
}

// saltsOfHash is how many salts a hash gives.
const saltsOfHash = sha256.Size / SeedSize

// sum puts the hash of data into h, which lies where it need not be allocated.
func (c *composition) sum(data []byte, h *Hash) {
	c.hash.Reset()
	c.hash.Write(data)
	c.hash.Sum(h[:0])
}

func (c *composition) leaf(e *Entry) Hash {
	b := append(c.buffer[:0], leafPrefix)
	b = append(b, "tenon/audit/1"...)
	b = appendText(b, e.ID)
	b = appendText(b, e.Tenant)
	b = binary.BigEndian.AppendUint64(b, uint64(e.At.UnixMicro()))
	b = appendText(b, e.Action)
	b = appendText(b, string(e.Outcome))
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.parts)))
	for i := range c.parts {
		b = append(append(b, c.name(&c.parts[i])...), c.digests[i][:]...)
	}
	c.buffer = b
	return sha256.Sum256(b)
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
}

// scalars calls yield for each part that has a value, by path but for the payload's. A redacted part of the payload stands
// there as null.
func (c *composition) scalars(e *Entry, yield func(scalar)) error {
	c.yield = yield
	c.text("actor", e.Actor)
	c.text("ip_address", e.IP)
	c.text("key", e.Key)
	c.text("on_behalf_of", e.OnBehalfOf)
	if e.Payload != nil {
		if err := c.flatten(e.Payload, "payload"); err != nil {
			return err
		}
	}
	c.text("request_id", e.RequestID)
	for i := range e.Targets {
		c.target(i, ".id", e.Targets[i].ID)
		c.target(i, ".type", e.Targets[i].Type)
	}
	c.text("trace_id", e.TraceID)
	c.text("user_agent", e.UserAgent)
	return nil
}

func (c *composition) text(path, value string) {
	if value == "" {
		return
	}
	c.path = append(c.path[:0], path...)
	c.emitText(value)
}

// emitText emits a text at the present path.
func (c *composition) emitText(value string) {
	c.buffer = append(c.buffer[:0], value...)
	c.emit(kindString, c.buffer)
}

func (c *composition) target(i int, field, value string) {
	if value == "" {
		return
	}
	c.path = append(c.path[:0], "targets["...)
	c.path = append(strconv.AppendInt(c.path, int64(i), 10), ']')
	c.path = append(c.path, field...)
	c.emitText(value)
}

// scalars calls yield for each part of e that has a value.
func (e *Entry) scalars(yield func(scalar)) error {
	c := compositions.Get().(*composition)
	defer compositions.Put(c)
	return c.scalars(e, yield)
}
