package tenon_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
)

func TestASecretShowsItselfNowhere(t *testing.T) {
	t.Parallel()
	secret := tenon.NewSecret("hush")
	type options struct {
		Key  tenon.Secret
		Next *tenon.Secret
		key  tenon.Secret
	}
	inside := options{Key: secret, Next: &secret, key: secret}

	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		fmt.Fprintf(&shown, verb+verb+verb, secret, &secret, inside)
	}
	slog.New(slog.NewTextHandler(&shown, nil)).Info("text", "secret", secret, "inside", inside)
	slog.New(slog.NewJSONHandler(&shown, nil)).Info("json", "secret", secret, "inside", inside)
	b, err := json.Marshal(map[string]any{"secret": secret, "inside": inside})
	require.NoError(t, err)
	shown.Write(b)

	require.NotContains(t, shown.String(), "hush")
	require.NotContains(t, shown.String(), fmt.Sprintf("%x", "hush"))
	require.Contains(t, shown.String(), "[hidden]")
	require.Equal(t, "hush", secret.Reveal())
}

func TestTheZeroSecretIsTheEmptyOne(t *testing.T) {
	t.Parallel()
	require.Equal(t, tenon.Secret{}, tenon.NewSecret(""))
	require.True(t, tenon.NewSecret("").IsZero())
	require.False(t, tenon.NewSecret("x").IsZero())
	require.Empty(t, tenon.Secret{}.Reveal())
}

func TestInstantIsUTCInMicroseconds(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 29, 2, 30, 0, 123_456_789, time.FixedZone("", 3600))
	require.Equal(t, time.Date(2026, 3, 29, 1, 30, 0, 123_456_000, time.UTC), tenon.Instant(at))
	require.Equal(t, time.Time{}, tenon.Instant(time.Time{}), "what is not set stays so")
}
