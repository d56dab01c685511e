package notifypg_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/proctest"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
)

// order is what a child is to do.
type order struct {
	URL    string // of the database
	Socket string // of the receiver
	File   string // where the receiver keeps what it got
}

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Work{"worker": proctest.OnDatabase(work), "receiver": receive})
}

// work delivers until the parent closes the pipe.
func work(ctx context.Context, c *proctest.Child, o order, pool *pgxpool.Pool) error {
	c.Ready()
	return newOutbox(pool, post(o.Socket)).Run(ctx)
}

// newOutbox has short times, so that what a kill left leased is soon tried again.
func newOutbox(db notifypg.DB, to tenon.Notifier) *notify.Outbox {
	return notify.NewOutbox(notifypg.New(db, nil), map[string]tenon.Notifier{notify.DefaultDestination: to}, &notify.Options{
		Workers: 32, Timeout: time.Second, Poll: 20 * time.Millisecond, Backoff: 10 * time.Millisecond,
		MaxBackoff: 100 * time.Millisecond,
	})
}

// post sends the notification as it is.
func post(socket string) tenon.Notifier {
	client := &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 32,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	return notify.Func(func(ctx context.Context, n tenon.Notification) error {
		body, err := json.Marshal(n)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://receiver/", bytes.NewReader(body))
		if err != nil {
			return err
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusNoContent {
			return errors.New(res.Status)
		}
		return nil
	})
}

// receive appends a line for each notification to the file before it answers. A line is "key sequence group".
func receive(ctx context.Context, c *proctest.Child) error {
	var o order
	if err := c.Order(&o); err != nil {
		return err
	}
	file, err := os.OpenFile(o.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := os.Remove(o.Socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // what one that was killed left
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", o.Socket)
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n tenon.Notification
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		line := fmt.Sprintf("%s %s %s %x\n", n.Key, n.Data["group"], n.Data["number"], sha256.Sum256([]byte(n.Text)))
		if _, err := file.WriteString(line); err != nil { // one write appends one whole line
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	c.Ready()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
