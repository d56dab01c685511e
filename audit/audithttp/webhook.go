package audithttp

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

// SignatureHeader carries the time and the HMAC-SHA256, in hex, of the time in seconds, a dot and the body:
// "t=1772366400,v1=6d1c…".
const SignatureHeader = "Tenon-Signature"

// minSecret bounds a webhook's secret below, in bytes.
const minSecret = 16

// Webhook posts checkpoints or records to an address. It is an [audit.Anchor] and an [audit.Sink]. It never shows its
// secret. Its methods may be called concurrently.
type Webhook struct {
	url    string
	host   string
	secret tenon.Secret
	client *http.Client
}

var (
	_ audit.Anchor = (*Webhook)(nil)
	_ audit.Sink   = (*Webhook)(nil)
)

// WebhookOptions of a [Webhook]. The zero value of each field has the documented meaning.
type WebhookOptions struct {
	// Client sends; nil means one with a timeout of 10 s. Redirects are not followed, whatever it says.
	Client *http.Client
}

// NewWebhook returns a webhook to an http or https address, signed with a secret of at least 16 bytes.
func NewWebhook(address string, secret tenon.Secret, opts *WebhookOptions) (*Webhook, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, tenon.Invalid("address", "not an http or https address")
	}
	if len(secret.Reveal()) < minSecret {
		return nil, tenon.Invalid("secret", "shorter than %d bytes", minSecret)
	}
	client := &http.Client{Timeout: 10 * time.Second}
	if opts != nil && opts.Client != nil {
		copied := *opts.Client
		client = &copied
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Webhook{url: address, host: u.Host, secret: secret, client: client}, nil
}

// String returns the host, and neither the rest of the address nor the secret.
func (h *Webhook) String() string { return "webhook to " + h.host }

// Format writes what String returns, whatever the verb.
func (h *Webhook) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, h.String()) }

// LogValue implements [slog.LogValuer].
func (h *Webhook) LogValue() slog.Value { return slog.StringValue(h.String()) }

// Anchor posts the checkpoint's signed note as text. An answer of the class 2xx says that it is safe there.
func (h *Webhook) Anchor(ctx context.Context, c audit.Checkpoint) error {
	return h.post(ctx, "text/plain; charset=utf-8", c.Note)
}

// Deliver posts the records as JSON lines, without their seeds and salts. A receiver tells repeats by their ids.
func (h *Webhook) Deliver(ctx context.Context, entries []audit.Entry) error {
	var body bytes.Buffer
	for i := range entries {
		text, err := audit.JSON(entries[i].Record)
		if err != nil {
			return err
		}
		body.Write(append(text, '\n'))
	}
	return h.post(ctx, "application/jsonl", body.Bytes())
}

func (h *Webhook) post(ctx context.Context, kind string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return h.failed(err)
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set(SignatureHeader, h.sign(strconv.FormatInt(time.Now().Unix(), 10), body))
	answer, err := h.client.Do(r)
	if err != nil {
		return h.failed(err)
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, 64<<10) // so that the connection can be used again
	if answer.StatusCode/100 != 2 {
		return h.failed(fmt.Errorf("answered %d", answer.StatusCode))
	}
	return nil
}

func (h *Webhook) sign(at string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(h.secret.Reveal()))
	mac.Write([]byte(at + "."))
	mac.Write(body)
	return "t=" + at + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// failed tells an error without the address, which may hold a token.
func (h *Webhook) failed(err error) error {
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return fmt.Errorf("audithttp: %s: %w: %w", h, tenon.ErrUnavailable, err)
}
