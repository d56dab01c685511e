package entitlements

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/transbotai/tenon"
)

// Use is a quantity of a feature that a tenant uses.
type Use struct {
	Tenant   string // required; at most 255 bytes
	Feature  string // required
	Quantity int64  // 0 to MaxQuantity; 0 only checks

	// Key makes the use idempotent: within the tenant and for as long as keys are kept, the same key is counted once,
	// and with another feature, quantity, time or metadata it is [ErrKeyReused]. At most 255 bytes. Without one a
	// retry by the caller counts again.
	Key string

	// At is when it happened; zero means now. It is counted in the period that holds At, by today's limits. It may not
	// lie more than a minute ahead.
	At time.Time

	// Metadata goes with the event: an object of at most 8 KiB as JSON.
	Metadata map[string]any
}

// maxAhead is how far Use.At may lie in the future: what clocks may differ by.
const maxAhead = time.Minute

// maxText bounds tenants and keys, in bytes.
const maxText = 255

// Hold is a quantity set aside for work whose size is known at the end. It counts against the limit until it is
// committed or released, or until it expires.
type Hold struct {
	ID        string    `json:"id"`
	Tenant    string    `json:"tenant"`
	Feature   string    `json:"feature"`
	Quantity  int64     `json:"quantity"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"` // by the store's clock
}

// Correction takes back a use that was accepted under a key.
type Correction struct {
	Tenant string // required
	Key    string // the key of the original; required
	Reason string // at most 1000 bytes; kept with the correcting event
}

func (u Use) validate() error {
	if err := validText("tenant", u.Tenant, true); err != nil {
		return err
	}
	if err := validText("feature", u.Feature, true); err != nil {
		return err
	}
	if u.Quantity < 0 || u.Quantity > MaxQuantity {
		return tenon.Invalid("quantity", "%d is not within 0 and %d", u.Quantity, MaxQuantity)
	}
	if !u.At.IsZero() && (u.At.Year() < 1971 || u.At.Year() > 9000) {
		return tenon.Invalid("at", "the year %d is not within 1971 and 9000", u.At.Year())
	}
	return validText("key", u.Key, false)
}

func validText(field, s string, required bool) error {
	switch {
	case required && s == "":
		return tenon.Invalid(field, "is empty")
	case len(s) > maxText:
		return tenon.Invalid(field, "has %d bytes, more than %d", len(s), maxText)
	case !printable(s):
		return tenon.Invalid(field, "holds a control character or is not UTF-8")
	}
	return nil
}

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

const maxMetadata = 8 << 10

// encodeMetadata returns the metadata as JSON with sorted names; none is nil. What a store could not keep as it is
// (the character 0, a number beyond a float64) is refused here, also where a host hands in JSON of its own.
func encodeMetadata(m map[string]any) (json.RawMessage, error) {
	if len(m) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil, tenon.Invalid("metadata", "%v", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var plain map[string]any
	if err := d.Decode(&plain); err != nil {
		return nil, tenon.Invalid("metadata", "%v", err)
	}
	if err := checkMetadata(plain); err != nil {
		return nil, err
	}
	if b, err = json.Marshal(plain); err != nil {
		return nil, tenon.Invalid("metadata", "%v", err)
	}
	if len(b) > maxMetadata {
		return nil, tenon.Invalid("metadata", "has %d bytes as JSON, more than %d", len(b), maxMetadata)
	}
	return b, nil
}

func checkMetadata(value any) error {
	switch v := value.(type) {
	case string:
		if strings.ContainsRune(v, 0) {
			return tenon.Invalid("metadata", "holds the character 0")
		}
	case json.Number:
		if _, err := v.Float64(); err != nil {
			return tenon.Invalid("metadata", "the number %.40s is too large", v.String())
		}
	case []any:
		for _, x := range v {
			if err := checkMetadata(x); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, x := range v {
			if err := errors.Join(checkMetadata(name), checkMetadata(x)); err != nil {
				return err
			}
		}
	}
	return nil
}

// validNote checks a text that people read: at most 1000 bytes without control characters but line ends and tabs.
func validNote(field, s string) error {
	if len(s) > maxNote {
		return tenon.Invalid(field, "has %d bytes, more than %d", len(s), maxNote)
	}
	if !printable(strings.NewReplacer("\n", " ", "\r", " ", "\t", " ").Replace(s)) {
		return tenon.Invalid(field, "holds a control character or is not UTF-8")
	}
	return nil
}

const maxNote = 1000

// digest tells whether two uses of one key are the same: kind, feature, quantity, time when given, and metadata.
func digest(kind OpKind, u Use, metadata []byte) int64 {
	h := sha256.New()
	var fixed [17]byte
	fixed[0] = byte(kind)
	binary.BigEndian.PutUint64(fixed[1:], uint64(u.Quantity))
	if !u.At.IsZero() {
		binary.BigEndian.PutUint64(fixed[9:], uint64(u.At.UnixMicro()))
	}
	h.Write(fixed[:])
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(u.Feature))))
	h.Write([]byte(u.Feature))
	h.Write(metadata)
	var sum [sha256.Size]byte
	return int64(binary.BigEndian.Uint64(h.Sum(sum[:0])[:8]))
}
