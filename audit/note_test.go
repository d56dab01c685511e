package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
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
