package kpihttp

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/kpi"
)

// Forwarder posts events to a server that takes Segment's track calls. It is a [tenon.Notifier] for an outbox, which
// retries what fails.
type Forwarder struct {
	url    string
	key    tenon.Secret
	client *http.Client
}

var _ tenon.Notifier = (*Forwarder)(nil)

// NewForwarder returns a forwarder to url, such as "https://api.segment.io/v1/track", with the write key as the user of
// basic authentication. A nil client means one with a time-out of 10 seconds that follows no redirects.
func NewForwarder(url string, key tenon.Secret, client *http.Client) *Forwarder {
	if client == nil {
		client = &http.Client{
			Timeout:       10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return &Forwarder{url: url, key: key, client: client}
}

// Notify implements [tenon.Notifier]. An answer other than 2xx is an error of the class [tenon.ErrUnavailable]; a
// notification that is no event is [tenon.ErrInvalid].
func (f *Forwarder) Notify(ctx context.Context, n tenon.Notification) error {
	if n.Kind != kpi.ForwardKind {
		return tenon.Invalid("kind", "%q is no event", n.Kind)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, strings.NewReader(n.Text))
	if err != nil {
		return tenon.Invalid("url", "cannot be posted to")
	}
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(f.key.Reveal(), "")
	answer, err := f.client.Do(r)
	if err != nil {
		return fmt.Errorf("kpi: forward: %w: %w", tenon.ErrUnavailable, err)
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection is used again
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("kpi: forward: the answer is %d: %w", answer.StatusCode, tenon.ErrUnavailable)
	}
	return nil
}
