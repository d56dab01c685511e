package notifyhttp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifyhttp"
)

// deaf is a receiver that is reached without a network, so that time can be made to pass. While it is down it answers
// 503; it verifies what it takes.
type deaf struct {
	mu   sync.Mutex
	down bool
	took []string
}

func (d *deaf) set(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
}

func (d *deaf) keys() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.took
}

// RoundTrip implements [http.RoundTripper].
func (d *deaf) RoundTrip(req *http.Request) (*http.Response, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := httptest.NewRecorder()
	if d.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return w.Result(), nil
	}
	n, err := (&notifyhttp.Verifier{Secrets: []tenon.Secret{secret}}).Read(w, req)
	if err != nil {
		w.WriteHeader(http.StatusForbidden)
		return w.Result(), nil
	}
	d.took = append(d.took, n.Key)
	return w.Result(), nil
}

func TestAWebhookThatIsDownForAnHourCatchesUpInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		receiver := &deaf{down: true}
		webhook, err := notifyhttp.New("https://pager.example.com/hook", secret, &notifyhttp.Options{
			Client: &http.Client{Transport: receiver},
		})
		require.NoError(t, err)
		outbox := notify.NewOutbox(notify.NewMemoryStore(), map[string]tenon.Notifier{"hook": webhook}, &notify.Options{
			Routing: notify.Routing{Group: func(n tenon.Notification) string { return n.Data["group"] }},
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- outbox.Run(ctx) }()
		for minute := range 60 {
			for _, group := range []string{"a", "b", "c"} {
				n := news
				n.Key, n.Data = fmt.Sprint(group, "/", minute), map[string]string{"group": group}
				require.NoError(t, outbox.Notify(ctx, n))
			}
			time.Sleep(time.Minute)
		}
		require.Empty(t, receiver.keys())
		receiver.set(false)
		time.Sleep(6 * time.Minute) // the longest pause, and some
		cancel()
		require.NoError(t, <-ended)
		next := map[string]int{}
		for _, key := range receiver.keys() {
			require.Equal(t, fmt.Sprint(key[:1], "/", next[key[:1]]), key)
			next[key[:1]]++
		}
		require.Equal(t, map[string]int{"a": 60, "b": 60, "c": 60}, next)
	})
}
