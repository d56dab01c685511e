package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"

	"github.com/transbotai/tenon"
)

// Signed notes are those of the C2SP specification signed-note: a text, an empty line, and lines that begin with an em
// dash and hold the signer's name and a signature. The key's id is the beginning of
// SHA-256(name ‖ "\n" ‖ 0x01 ‖ public key); 1 stands for Ed25519.

const (
	algorithmEd25519 = 1
	maxNote          = 64 << 10 // bytes
)

// Signer signs checkpoints. It never shows its key.
type Signer struct {
	name string
	id   uint32
	key  ed25519.PrivateKey
}

// NewSigner returns a signer with the name of the log, such as "transbot.example/audit": not empty, without white space
// and '+'. The seed is that of an Ed25519 key (RFC 8032), 32 bytes.
func NewSigner(name string, seed []byte) (*Signer, error) {
	if err := checkSignerName(name); err != nil {
		return nil, err
	}
	if len(seed) != ed25519.SeedSize {
		return nil, tenon.Invalid("seed", "%d bytes, not %d", len(seed), ed25519.SeedSize)
	}
	key := ed25519.NewKeyFromSeed(seed)
	return &Signer{name: name, id: keyID(name, key.Public().(ed25519.PublicKey)), key: key}, nil
}

// Name returns the name of the log.
func (s *Signer) Name() string { return s.name }

// Verifier returns what checks the signer's signatures.
func (s *Signer) Verifier() *Verifier {
	return &Verifier{name: s.name, id: s.id, key: s.key.Public().(ed25519.PublicKey)}
}

// String returns the name alone.
func (s *Signer) String() string { return s.name }

// Format writes the name alone, whatever the verb.
func (s *Signer) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.name)) }

// MarshalText returns the name alone.
func (s *Signer) MarshalText() ([]byte, error) { return []byte(s.name), nil }

// LogValue returns the name alone.
func (s *Signer) LogValue() slog.Value { return slog.StringValue(s.name) }

func checkSignerName(name string) error {
	if name == "" || !utf8.ValidString(name) || strings.ContainsAny(name, "+") || len(strings.Fields(name)) != 1 || strings.TrimSpace(name) != name {
		return tenon.Invalid("name", "empty, or with white space or a plus sign")
	}
	return nil
}

func keyID(name string, key ed25519.PublicKey) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write([]byte{algorithmEd25519})
	h.Write(key)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// sign returns text as a signed note. It ends in a newline.
func (s *Signer) sign(text string) []byte {
	signature := binary.BigEndian.AppendUint32(nil, s.id)
	signature = append(signature, ed25519.Sign(s.key, []byte(text))...)
	return []byte(text + "\n— " + s.name + " " + base64.StdEncoding.EncodeToString(signature) + "\n")
}

// Verifier checks the signatures of a [Signer].
type Verifier struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

// ParseVerifier reads what [Verifier.String] wrote: the name, the key's id and the key, as in Go's checksum database.
func ParseVerifier(text string) (*Verifier, error) {
	bad := tenon.Invalid("public key", "not of the form name+id+key")
	name, rest, _ := strings.Cut(strings.TrimSpace(text), "+")
	id, encoded, ok := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || checkSignerName(name) != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != algorithmEd25519 {
		return nil, bad
	}
	v := &Verifier{name: name, id: keyID(name, key[1:]), key: key[1:]}
	if id != fmt.Sprintf("%08x", v.id) {
		return nil, tenon.Invalid("public key", "its id is not that of the key")
	}
	return v, nil
}

// Name returns the name of the log.
func (v *Verifier) Name() string { return v.name }

// String returns the key in text form, for whoever checks exports.
func (v *Verifier) String() string {
	return fmt.Sprintf("%s+%08x+%s", v.name, v.id, base64.StdEncoding.EncodeToString(append([]byte{algorithmEd25519}, v.key...)))
}

// open returns the text of a note that v's signer has signed; other signatures beside are passed over. A note without
// one of v's, or with a wrong one, is [ErrTampered].
func (v *Verifier) open(note []byte) (string, error) {
	if len(note) > maxNote || !utf8.Valid(note) {
		return "", tenon.Invalid("checkpoint", "not a signed note")
	}
	at := bytes.LastIndex(note, []byte("\n\n"))
	if at < 0 || !bytes.HasSuffix(note, []byte("\n")) {
		return "", tenon.Invalid("checkpoint", "not a signed note")
	}
	text, lines := string(note[:at+1]), string(note[at+2:])
	for line := range strings.Lines(lines) {
		name, encoded, _ := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "— "), " ")
		signature, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if !strings.HasPrefix(line, "— ") || err != nil || len(signature) < 5 {
			return "", tenon.Invalid("checkpoint", "a line that is no signature")
		}
		if name != v.name || binary.BigEndian.Uint32(signature) != v.id {
			continue
		}
		if len(signature) != 4+ed25519.SignatureSize {
			return "", tenon.Invalid("checkpoint", "a signature that was cut off")
		}
		if !ed25519.Verify(v.key, []byte(text), signature[4:]) {
			return "", fmt.Errorf("%w: the signature of %s is wrong", ErrTampered, v.name)
		}
		return text, nil
	}
	return "", fmt.Errorf("%w: no signature by the key of %s", ErrTampered, v.name)
}
