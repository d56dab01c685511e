package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

func signer(t *testing.T, name string, seed byte) *audit.Signer {
	t.Helper()
	s, err := audit.NewSigner(name, bytes.Repeat([]byte{seed}, 32))
	require.NoError(t, err)
	return s
}

func TestPublicKeysSurviveTheirText(t *testing.T) {
	t.Parallel()
	v := signer(t, "example.com/audit", 1).Verifier()
	again, err := audit.ParseVerifier(v.String() + "\n")
	require.NoError(t, err)
	require.Equal(t, v, again)
	for _, text := range []string{
		"", "x", "example.com/audit", strings.Replace(v.String(), "+", "+0", 1), v.String() + "A", "a b" + v.String()[17:],
		strings.Replace(v.String(), "audit", "Audit", 1),
	} {
		_, err := audit.ParseVerifier(text)
		require.ErrorIs(t, err, tenon.ErrInvalid, text)
	}
}

func TestASignerShowsNoKey(t *testing.T) {
	t.Parallel()
	seed := bytes.Repeat([]byte("K"), 32)
	s, err := audit.NewSigner("example.com/audit", seed)
	require.NoError(t, err)
	text, err := json.Marshal(s)
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		require.Equal(t, "example.com/audit", fmt.Sprintf(verb, s), verb)
		require.NotContains(t, fmt.Sprintf(verb, struct{ S *audit.Signer }{s}), "KKKK", verb)
	}
	require.Equal(t, `"example.com/audit"`, string(text))
	require.Equal(t, []string{"example.com/audit", "example.com/audit"}, []string{s.Name(), s.String()})
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("made", "signer", s)
	require.Contains(t, logged.String(), `"signer":"example.com/audit"`)
}

func TestBadSignersAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a b", "a+b", " a", "a\n"} {
		_, err := audit.NewSigner(name, make([]byte, 32))
		require.ErrorContains(t, err, "name: ", name)
	}
	_, err := audit.NewSigner("a", make([]byte, 31))
	require.ErrorContains(t, err, "seed: ")
}

func TestACheckpointIsBelievedFromItsSignerAlone(t *testing.T) {
	t.Parallel()
	s := signer(t, "example.com/audit", 1)
	at := time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)
	c := s.Checkpoint(7, audit.LeafHash([]byte("x")), at)
	read, err := audit.ParseCheckpoint(c.Note, s.Verifier())
	require.NoError(t, err)
	require.Equal(t, c, read)
	require.Equal(t, at.Truncate(time.Second), read.At)

	for name, other := range map[string]*audit.Signer{
		"another key": signer(t, "example.com/audit", 2), "another name": signer(t, "example.com/other", 1),
	} {
		_, err := audit.ParseCheckpoint(c.Note, other.Verifier())
		require.ErrorIs(t, err, audit.ErrTampered, name)
	}
	for i := range c.Note {
		changed := bytes.Clone(c.Note)
		changed[i] ^= 1
		_, err := audit.ParseCheckpoint(changed, s.Verifier())
		require.Error(t, err, "byte %d", i)
	}
	for _, note := range [][]byte{nil, c.Note[:len(c.Note)-1], []byte("x\n"), bytes.Repeat([]byte("a"), 1<<20)} {
		_, err := audit.ParseCheckpoint(note, s.Verifier())
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
}

// signed returns a text as a note signed as the specification of signed notes has it.
func signed(name string, seed byte, text string) []byte {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	id := sha256.Sum256(append([]byte(name+"\n\x01"), key.Public().(ed25519.PublicKey)...))
	signature := append(id[:4:4], ed25519.Sign(key, []byte(text))...)
	return []byte(text + "\n— " + name + " " + base64.StdEncoding.EncodeToString(signature) + "\n")
}

func TestATextThatWasSignedAndIsNoCheckpointIsRefused(t *testing.T) {
	t.Parallel()
	const name = "example.com/audit"
	v := signer(t, name, 1).Verifier()
	root := audit.Hash{7}.String()
	c, err := audit.ParseCheckpoint(signed(name, 1, name+"\n7\n"+root+"\n"), v)
	require.NoError(t, err, "whoever signs need not say when")
	require.Equal(t, audit.Hash{7}, c.Root)
	for what, text := range map[string]string{
		"another log's":      "example.com/other\n7\n" + root + "\n",
		"too few lines":      name + "\n7\n",
		"no size":            name + "\nmany\n" + root + "\n",
		"a size below none":  name + "\n-7\n" + root + "\n",
		"a size with a zero": name + "\n07\n" + root + "\n",
		"a size with a sign": name + "\n+7\n" + root + "\n",
		"a root too short":   name + "\n7\nAAAA\n",
		"a time that is not": name + "\n7\n" + root + "\ntime yesterday\n",
	} {
		_, err := audit.ParseCheckpoint(signed(name, 1, text), v)
		require.Equal(t, "checkpoint", fieldOf(t, err), what)
	}
}

func FuzzParseCheckpoint(f *testing.F) {
	s, err := audit.NewSigner("a", make([]byte, 32))
	require.NoError(f, err)
	c := s.Checkpoint(1, audit.EmptyRoot(), time.Unix(0, 0))
	f.Add(c.Note)
	f.Fuzz(func(t *testing.T, note []byte) {
		if read, err := audit.ParseCheckpoint(note, s.Verifier()); err == nil {
			require.Equal(t, c.Root, read.Root, "nobody else has the key")
			require.Equal(t, c.Size, read.Size)
		}
	})
}
