package notifyhttp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifyhttp"
	"github.com/transbotai/tenon/notify/notifytest"
)

var secret = tenon.NewSecret("a secret of the test")

// receiver is a server that verifies, and answers as it is told.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	answers []func(w http.ResponseWriter) // of the next requests; then 204
	keys    []string
	errs    []error
	headers []http.Header
	bodies  []string
}

func newReceiver(t *testing.T, answers ...func(http.ResponseWriter)) *receiver {
	t.Helper()
	r := &receiver{answers: answers}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, _ := io.ReadAll(req.Body)
	r.bodies, r.headers = append(r.bodies, string(body)), append(r.headers, req.Header)
	req.Body = io.NopCloser(strings.NewReader(string(body)))
	n, err := (&notifyhttp.Verifier{Secrets: []tenon.Secret{secret}}).Read(w, req)
	r.errs = append(r.errs, err)
	if len(r.answers) > 0 {
		answer := r.answers[0]
		r.answers = r.answers[1:]
		answer(w)
		return
	}
	r.keys = append(r.keys, n.Key)
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) received() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys
}

// asked returns how many requests there were.
func (r *receiver) asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.bodies)
}

func status(code int, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func newWebhook(t *testing.T, address string, opts *notifyhttp.Options) *notifyhttp.Webhook {
	t.Helper()
	if opts == nil {
		opts = &notifyhttp.Options{}
	}
	opts.Backoff = time.Millisecond
	w, err := notifyhttp.New(address, secret, opts)
	require.NoError(t, err)
	return w
}

var news = notifytest.Notification("acme", "slo/uptime ä")

func TestAWebhookIsANotifier(t *testing.T) {
	t.Parallel()
	notifytest.TestNotifier(t, func(t *testing.T) (tenon.Notifier, func() []string) {
		r := newReceiver(t)
		return newWebhook(t, r.URL, nil), r.received
	})
}

func TestARequestIsSignedAndCarriesItsKey(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	opts := &notifyhttp.Options{Header: http.Header{"Authorization": {"Bearer x"}}}
	require.NoError(t, newWebhook(t, r.URL, opts).Notify(t.Context(), news))
	require.NoError(t, r.errs[0])
	require.Equal(t, "slo%2Fuptime+%C3%A4", r.headers[0].Get(notifyhttp.KeyHeader))
	require.Equal(t, "application/json", r.headers[0].Get("Content-Type"))
	require.Equal(t, "Bearer x", r.headers[0].Get("Authorization"))
	var got tenon.Notification
	require.NoError(t, json.Unmarshal([]byte(r.bodies[0]), &got))
	require.Equal(t, news, got)
}

func TestWhatMayPassSoonIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, code := range []int{408, 425, 429, 500, 502, 503, 504} {
		r := newReceiver(t, status(code), status(code, "Retry-After", "0"))
		require.NoError(t, newWebhook(t, r.URL, nil).Notify(t.Context(), news), code)
		require.Equal(t, 3, r.asked(), code)
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, status(503), status(503), status(503), status(503))
	err := newWebhook(t, r.URL, nil).Notify(t.Context(), news)
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	require.ErrorContains(t, err, "answered 503 Service Unavailable")
	require.Equal(t, 3, r.asked())
}

func TestALostConnectionIsTriedAgain(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(http.ResponseWriter) { panic(http.ErrAbortHandler) })
	require.NoError(t, newWebhook(t, r.URL, nil).Notify(t.Context(), news))
	require.Equal(t, 2, r.asked())
}

func TestALongRetryAfterIsLeftToTheOutbox(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"3600", time.Now().Add(time.Hour + time.Minute).UTC().Format(http.TimeFormat)} {
		r := newReceiver(t, status(429, "Retry-After", header))
		err := newWebhook(t, r.URL, nil).Notify(t.Context(), news)
		var retry *notify.RetryError
		require.True(t, errors.As(err, &retry), "%v", err)
		require.GreaterOrEqual(t, retry.After, 59*time.Minute)
		require.ErrorIs(t, err, tenon.ErrUnavailable)
		require.Equal(t, 1, r.asked())
	}
}

func TestARefusalIsFinal(t *testing.T) {
	t.Parallel()
	for _, code := range []int{400, 405, 410, 413, 415, 422} {
		r := newReceiver(t, status(code))
		require.ErrorIs(t, newWebhook(t, r.URL, nil).Notify(t.Context(), news), notify.ErrRefused, code)
		require.Equal(t, 1, r.asked(), code)
	}
}

func TestWhatAPersonMustMendIsNeitherFinalNorTriedAtOnce(t *testing.T) {
	t.Parallel()
	for _, code := range []int{301, 401, 403, 404} {
		r := newReceiver(t, status(code))
		err := newWebhook(t, r.URL, nil).Notify(t.Context(), news)
		require.ErrorIs(t, err, tenon.ErrUnavailable, code)
		require.NotErrorIs(t, err, notify.ErrRefused, code)
		require.Equal(t, 1, r.asked(), code)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := newReceiver(t)
	for _, code := range []int{301, 302, 303, 307, 308} {
		r := newReceiver(t, status(code, "Location", elsewhere.URL))
		client := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
		require.Error(t, newWebhook(t, r.URL, &notifyhttp.Options{Client: client}).Notify(t.Context(), news), code)
	}
	require.Zero(t, elsewhere.asked())
}

func TestACallIsBounded(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := newReceiver(t, func(http.ResponseWriter) { <-release })
	t.Cleanup(func() { close(release) })
	err := newWebhook(t, r.URL, &notifyhttp.Options{Timeout: 50 * time.Millisecond}).Notify(t.Context(), news)
	require.ErrorIs(t, err, tenon.ErrUnavailable)
}

func TestALongBodyIsRefusedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	err := newWebhook(t, r.URL, &notifyhttp.Options{MaxBody: 10}).Notify(t.Context(), news)
	require.ErrorIs(t, err, notify.ErrRefused)
	require.Zero(t, r.asked())
}

func TestAddressesThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "::", "/hook", "ftp://example.com/", "http://example.com/token", "https:///x"} {
		_, err := notifyhttp.New(address, secret, nil)
		require.ErrorIs(t, err, tenon.ErrInvalid, address)
		require.NotContains(t, err.Error(), "token")
	}
	for _, address := range []string{"https://example.com/x", "http://127.0.0.1:1/", "http://[::1]:1/", "http://localhost:1"} {
		_, err := notifyhttp.New(address, secret, nil)
		require.NoError(t, err, address)
	}
	_, err := notifyhttp.New("http://example.com/", secret, &notifyhttp.Options{PlainHTTP: true})
	require.NoError(t, err)
}

func TestNeitherSecretsNorThePathAreShown(t *testing.T) {
	t.Parallel()
	w, err := notifyhttp.New("http://127.0.0.1:1/token", secret, &notifyhttp.Options{
		Attempts: 1, Header: http.Header{"Authorization": {"Bearer token"}},
	})
	require.NoError(t, err)
	var text strings.Builder
	held := struct {
		secret  tenon.Secret // of which fmt cannot ask String
		webhook *notifyhttp.Webhook
	}{secret, w}
	fmt.Fprintf(&text, "%v %+v %#v %v %+v %#v %d", held, held, held, w, w, w, w)
	slog.New(slog.NewJSONHandler(&text, nil)).Info("x", "secret", secret)
	fmt.Fprintf(&text, "%v %+v %#v %s %q %v", secret, secret, secret, secret, secret, w.Notify(t.Context(), news))
	marshalled, err := json.Marshal(map[string]any{"s": secret})
	require.NoError(t, err)
	text.Write(marshalled)
	require.NotContains(t, text.String(), "a secret of the test")
	require.NotContains(t, text.String(), "token")
	require.Contains(t, text.String(), "127.0.0.1:1")
}

func TestSlackBody(t *testing.T) {
	t.Parallel()
	n := news
	n.Title, n.Text, n.Data = "Budget of <uptime> & more", "look", map[string]string{"b": "2", "a": "<!channel>"}
	body, err := notifyhttp.Slack(n)
	require.NoError(t, err)
	var message map[string]string
	require.NoError(t, json.Unmarshal(body, &message))
	require.Equal(t, ":warning: *Budget of &lt;uptime&gt; &amp; more*\nlook\n• a: &lt;!channel&gt;\n• b: 2", message["text"])

	for severity, mark := range map[tenon.Severity]string{
		tenon.SeverityCritical: ":rotating_light:", tenon.SeverityWarning: ":warning:", tenon.SeverityInfo: ":information_source:",
	} {
		marked := n
		marked.Severity = severity
		body, err := notifyhttp.Slack(marked)
		require.NoError(t, err)
		require.Contains(t, string(body), mark+" *Budget")
	}

	r := newReceiver(t)
	w, err := notifyhttp.New(r.URL, tenon.Secret{}, &notifyhttp.Options{Format: notifyhttp.Slack})
	require.NoError(t, err)
	require.NoError(t, w.Notify(t.Context(), n))
	require.Empty(t, r.headers[0].Get(notifyhttp.SignatureHeader))
	require.Equal(t, string(body), r.bodies[0])
}
