package notifyhttp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify"
)

// The headers of a request.
const (
	SignatureHeader = "Tenon-Signature"
	KeyHeader       = "Tenon-Key"
)

// ErrSignature says that a request is not genuine, or too old.
var ErrSignature = fmt.Errorf("notifyhttp: signature: %w", tenon.ErrDenied)

// mac returns the signature of body at a time in seconds.
func mac(s tenon.Secret, at, body string) string {
	h := hmac.New(sha256.New, []byte(s.Reveal()))
	_, _ = io.WriteString(h, at+"."+body) // a hash takes everything
	return hex.EncodeToString(h.Sum(nil))
}

// signature returns the value of [SignatureHeader]; empty when there is no secret.
func signature(secrets []tenon.Secret, now time.Time, body string) string {
	at := strconv.FormatInt(now.Unix(), 10)
	parts := []string{"t=" + at}
	for _, s := range secrets {
		if s.Reveal() != "" {
			parts = append(parts, "v1="+mac(s, at, body))
		}
	}
	if len(parts) == 1 {
		return ""
	}
	return strings.Join(parts, ",")
}

// Verifier checks requests in a receiver. Its methods may be called concurrently.
type Verifier struct {
	// Secrets are all that are good now; two while one replaces the other. Without any, every request is refused.
	Secrets []tenon.Secret
	// Window is how far the request's time may lie from the receiver's, either way; 0 means 5 minutes. Within it a
	// request can be played again by who has seen it: its key tells.
	Window time.Duration
	// MaxBody bounds the body in bytes; 0 means 256 KiB.
	MaxBody int64
}

// maxSignatures bounds how many signatures of a header are looked at.
const maxSignatures = 8

// Verify returns nil when header signs body with one of the secrets at about now, and an [ErrSignature] otherwise.
func (v *Verifier) Verify(header string, body []byte, now time.Time) error {
	window := v.Window
	if window == 0 {
		window = 5 * time.Minute
	}
	at, macs, err := parse(header)
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: the time is no number", ErrSignature)
	}
	if off := now.Sub(time.Unix(seconds, 0)).Abs(); off > window {
		return fmt.Errorf("%w: the time is %s off", ErrSignature, off.Truncate(time.Second))
	}
	for _, s := range v.Secrets {
		want := []byte(mac(s, at, string(body)))
		for _, got := range macs {
			if s.Reveal() != "" && hmac.Equal([]byte(got), want) {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: none is right", ErrSignature)
}

func parse(header string) (at string, macs []string, err error) {
	if header == "" {
		return "", nil, fmt.Errorf("%w: there is none", ErrSignature)
	}
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			if at != "" {
				return "", nil, fmt.Errorf("%w: two times", ErrSignature)
			}
			at = value
		case "v1":
			if macs = append(macs, value); len(macs) > maxSignatures {
				return "", nil, fmt.Errorf("%w: too many", ErrSignature)
			}
		}
	}
	return at, macs, nil
}

// Read reads a request that a [Webhook] sent as JSON, and returns its notification once its signature is right. A body
// that is too long or no notification is a [tenon.ErrInvalid].
func (v *Verifier) Read(w http.ResponseWriter, r *http.Request) (n tenon.Notification, err error) {
	longest := v.MaxBody
	if longest == 0 {
		longest = 256 << 10
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longest))
	if err != nil {
		return n, tenon.Invalid("body", "cannot be read within %d bytes", longest)
	}
	if err := v.Verify(r.Header.Get(SignatureHeader), body, time.Now()); err != nil {
		return n, err
	}
	if err := json.Unmarshal(body, &n); err != nil {
		return tenon.Notification{}, tenon.Invalid("body", "is no notification")
	}
	return n, notify.Check(n)
}
