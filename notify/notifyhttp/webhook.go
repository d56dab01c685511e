package notifyhttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/option"
	"github.com/transbotai/tenon/notify"
)

// Options of a [Webhook]. The zero value of each field has the documented meaning; a negative value means the same.
type Options struct {
	// Next is a second secret that signs too, while the receiver changes from one to the other.
	Next tenon.Secret
	// Format makes the body; nil means [JSON].
	Format Format
	// Header is added to each request: an Authorization that the receiver wants.
	Header http.Header
	// Attempts bounds how often one call of Notify sends; 0 means 3.
	Attempts int
	// Backoff is what passes before the second attempt; it doubles, half of it by chance. 0 means 500 milliseconds.
	Backoff time.Duration
	// Timeout bounds one call of Notify with all its attempts; 0 means 20 seconds. It should be less than
	// notify.Options.Timeout.
	Timeout time.Duration
	// MaxBody bounds the body in bytes, which is refused beyond; 0 means 256 KiB.
	MaxBody int
	// PlainHTTP allows an address without TLS that is not of this machine.
	PlainHTTP bool
	// Client sends; nil means one of its own. Its CheckRedirect is not used.
	Client *http.Client
}

// Webhook is a [tenon.Notifier] that posts to an address. Its methods may be called concurrently.
type Webhook struct {
	address tenon.Secret // as it is with Slack
	host    string
	secrets []tenon.Secret
	options Options
	client  *http.Client
}

var _ tenon.Notifier = (*Webhook)(nil)

// New returns a webhook that posts to address, signed with secret; the zero Secret sends without a signature, which is
// for receivers such as Slack whose address is the secret. An address that is not absolute, or not https, is a
// [tenon.FieldError]; http serves for this machine, or with Options.PlainHTTP.
func New(address string, secret tenon.Secret, opts *Options) (*Webhook, error) {
	w := &Webhook{address: tenon.NewSecret(address)}
	if opts != nil {
		w.options = *opts
	}
	w.secrets = []tenon.Secret{secret, w.options.Next}
	if w.options.Format == nil {
		w.options.Format = JSON
	}
	w.options.Attempts = option.Positive(w.options.Attempts, 3)
	w.options.Backoff = option.Positive(w.options.Backoff, 500*time.Millisecond)
	w.options.Timeout = option.Positive(w.options.Timeout, 20*time.Second)
	w.options.MaxBody = option.Positive(w.options.MaxBody, 256<<10)
	if err := w.checkAddress(); err != nil {
		return nil, fmt.Errorf("notifyhttp: %w", err)
	}
	w.client = sealed(w.options.Client)
	return w, nil
}

// Format shows the host alone, whatever the verb: the rest of the address, the secrets and the headers may be secret.
func (w *Webhook) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "webhook to "+w.host) }

// checkAddress does not say the address, which may be secret.
func (w *Webhook) checkAddress() error {
	u, err := url.Parse(w.address.Reveal())
	switch {
	case err != nil, u.Host == "":
		return tenon.Invalid("address", "is no absolute URL")
	case u.Scheme == "https":
	case u.Scheme != "http":
		return tenon.Invalid("address", "has the scheme %q", u.Scheme)
	case !w.options.PlainHTTP && !loopback(u.Hostname()):
		return tenon.Invalid("address", "sends without TLS to another machine")
	}
	w.host = u.Host
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// sealed returns a copy of c that follows no redirect. Without c it is a client with connections of its own, which
// nobody else closes.
func sealed(c *http.Client) *http.Client {
	var sealed http.Client
	if c != nil {
		sealed = *c
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		sealed.Transport = t.Clone()
	}
	sealed.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &sealed
}

// Notify implements [tenon.Notifier]: it returns nil when the receiver answered 2xx.
func (w *Webhook) Notify(ctx context.Context, n tenon.Notification) error {
	body, err := w.options.Format(n)
	if err != nil {
		return fmt.Errorf("notifyhttp: %w: %w", notify.ErrRefused, err)
	}
	if len(body) > w.options.MaxBody {
		return fmt.Errorf("notifyhttp: %w: a body of %d bytes", notify.ErrRefused, len(body))
	}
	ctx, cancel := context.WithTimeout(ctx, w.options.Timeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		answer := w.send(ctx, n.Key, body)
		if answer.err == nil {
			return nil
		}
		wait := max(w.backoff(attempt), answer.after)
		if !answer.again || attempt == w.options.Attempts || !affords(ctx, wait) {
			return fmt.Errorf("notifyhttp: %w", answer.final())
		}
		pause(ctx, wait)
	}
}

// affords says whether ctx lasts longer than d.
func affords(ctx context.Context, d time.Duration) bool {
	end, _ := ctx.Deadline()
	return ctx.Err() == nil && time.Until(end) > d
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (w *Webhook) backoff(attempt int) time.Duration {
	d := w.options.Backoff << min(attempt-1, 10)
	return d/2 + rand.N(d/2+1)
}

// answer is what one request came to.
type answer struct {
	err   error         // nil: taken
	again bool          // it may go well soon
	after time.Duration // what the receiver asked for; 0 when it did not
}

// final returns the error for who called.
func (a answer) final() error {
	if a.after > 0 {
		return &notify.RetryError{After: a.after, Err: a.err}
	}
	return a.err
}

func (w *Webhook) send(ctx context.Context, key string, body []byte) answer {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.address.Reveal(), bytes.NewReader(body))
	if err != nil {
		return answer{err: fmt.Errorf("%w: no request can be made", tenon.ErrInvalid)}
	}
	for name, values := range w.options.Header {
		req.Header[name] = slices.Clone(values)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(KeyHeader, url.QueryEscape(key))
	if s := signature(w.secrets, time.Now(), string(body)); s != "" {
		req.Header.Set(SignatureHeader, s)
	}
	res, err := w.client.Do(req)
	if err != nil {
		return answer{err: fmt.Errorf("%w: %s: %w", tenon.ErrUnavailable, w.host, bare(err)), again: true}
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10) // so that the connection can be used again
	return w.judge(res)
}

// bare takes the address off an error of the client.
func bare(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// refusals are the answers that say that this body is not wanted.
var refusals = []int{
	http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusGone, http.StatusRequestEntityTooLarge,
	http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity,
}

func (w *Webhook) judge(res *http.Response) answer {
	code := res.StatusCode
	status := fmt.Sprintf("%s answered %d %s", w.host, code, http.StatusText(code))
	switch {
	case code/100 == 2:
		return answer{}
	case slices.Contains(refusals, code):
		return answer{err: fmt.Errorf("%w: %s", notify.ErrRefused, status)}
	}
	soon := code/100 == 5 || code == http.StatusRequestTimeout || code == http.StatusTooEarly || code == http.StatusTooManyRequests
	return answer{
		err: fmt.Errorf("%w: %s", tenon.ErrUnavailable, status), again: soon,
		after: retryAfter(res.Header.Get("Retry-After"), time.Now()),
	}
}

// longestWait bounds what Retry-After may ask for.
const longestWait = 24 * time.Hour

// retryAfter reads the header, in seconds or as a date (RFC 9110, section 10.2.3); 0 when it says nothing.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longestWait)
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(date.Sub(now), 0), longestWait)
	}
	return 0
}
