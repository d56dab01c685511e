package notifyhttp_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify/notifyhttp"
)

// signed is a header made by hand, as a receiver in another language would check it.
func signed(key string, at time.Time, body string) string {
	h := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(h, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(h.Sum(nil)))
}

func TestVerify(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_772_366_400, 0)
	old, next := tenon.NewSecret("old"), tenon.NewSecret("next")
	both := &notifyhttp.Verifier{Secrets: []tenon.Secret{old, next}}
	good := signed("old", now, "body")
	for name, header := range map[string]string{
		"one secret":              good,
		"the other secret":        signed("next", now, "body"),
		"a further signature":     good + ",v1=00",
		"an unknown part":         good + ",v2=00",
		"as old as the window":    signed("old", now.Add(-5*time.Minute), "body"),
		"as far ahead as allowed": signed("old", now.Add(5*time.Minute), "body"),
	} {
		require.NoError(t, both.Verify(header, []byte("body"), now), name)
	}
	for name, header := range map[string]string{
		"none":              "",
		"no time":           strings.SplitN(good, ",", 2)[1],
		"two times":         good + ",t=1",
		"another secret":    signed("third", now, "body"),
		"another body":      signed("old", now, "other"),
		"too old":           signed("old", now.Add(-5*time.Minute-time.Second), "body"),
		"too far ahead":     signed("old", now.Add(5*time.Minute+time.Second), "body"),
		"another time":      strings.Replace(good, "t=1772366400", "t=1772366401", 1),
		"a time of letters": strings.Replace(good, "t=1772366400", "t=x", 1),
		"a time too great":  strings.Replace(good, "t=1772366400", "t=99999999999999999999", 1),
		"a far time":        strings.Replace(good, "t=1772366400", "t=9223372036854775807", 1),
		"too many":          good + strings.Repeat(",v1=00", 8),
		"an empty secret":   signed("", now, "body"),
	} {
		require.ErrorIs(t, both.Verify(header, []byte("body"), now), notifyhttp.ErrSignature, name)
	}
	require.ErrorIs(t, both.Verify(good, []byte("body"), now.Add(time.Hour)), tenon.ErrDenied)
	nobody := &notifyhttp.Verifier{Secrets: []tenon.Secret{{}}}
	require.ErrorIs(t, nobody.Verify(signed("", now, "body"), []byte("body"), now), notifyhttp.ErrSignature)
}

func TestASecretIsReplacedWithoutAGap(t *testing.T) {
	t.Parallel()
	next := tenon.NewSecret("next")
	r := newReceiver(t)
	require.NoError(t, newWebhook(t, r.URL, &notifyhttp.Options{Next: next}).Notify(t.Context(), news))
	header := r.headers[0].Get(notifyhttp.SignatureHeader)
	for _, s := range []tenon.Secret{secret, next} {
		v := &notifyhttp.Verifier{Secrets: []tenon.Secret{s}}
		require.NoError(t, v.Verify(header, []byte(r.bodies[0]), time.Now()))
	}
}

func TestReadRefusesWhatIsNoNotification(t *testing.T) {
	t.Parallel()
	v := &notifyhttp.Verifier{Secrets: []tenon.Secret{tenon.NewSecret("s")}, MaxBody: 100}
	for body, class := range map[string]error{
		"{":                      tenon.ErrInvalid,
		`{"key":"k"}`:            tenon.ErrInvalid,
		strings.Repeat("x", 101): tenon.ErrInvalid,
	} {
		req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		req.Header.Set(notifyhttp.SignatureHeader, signed("s", time.Now(), body))
		_, err := v.Read(httptest.NewRecorder(), req)
		require.ErrorIs(t, err, class, body)
	}
	req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}"))
	_, err := v.Read(httptest.NewRecorder(), req)
	require.ErrorIs(t, err, notifyhttp.ErrSignature)
}

func FuzzVerify(f *testing.F) {
	f.Add("t=1,v1=00", []byte("body"))
	f.Add(signed("s", time.Unix(1, 0), "body"), []byte("body"))
	v := &notifyhttp.Verifier{Secrets: []tenon.Secret{tenon.NewSecret("s")}}
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		at := time.Unix(1, 0)
		if v.Verify(header, body, at) == nil {
			_, mac, _ := strings.Cut(signed("s", at, string(body)), "v1=")
			require.Contains(t, header, "v1="+mac)
		}
	})
}
