package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

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
