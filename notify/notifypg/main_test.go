package notifypg_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
)

// childEnv, when set, makes this binary a worker or a receiver. Its value is an order as JSON.
const childEnv = "TENON_NOTIFYPG_CHILD"

// order is what a child is to do.
type order struct {
	Work   string // "worker" or "receiver"
	URL    string // of the database
	Socket string // of the receiver
	File   string // where the receiver keeps what it got
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		if err := runChild(context.Background(), text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func runChild(ctx context.Context, text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // the parent's end of the pipe closes with the parent
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if o.Work == "receiver" {
		return receive(ctx, o)
	}
	return work(ctx, o)
}

// work delivers until the parent closes the pipe.
func work(ctx context.Context, o order) error {
	pool, err := pgxpool.New(ctx, o.URL)
	if err != nil {
		return err
	}
	defer pool.Close()
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
func receive(ctx context.Context, o order) error {
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
	fmt.Println("ready")
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// process is a child as its parent sees it.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

// start starts a child; a receiver listens when start returns.
func start(t *testing.T, o order) *process {
	t.Helper()
	text, err := json.Marshal(o)
	require.NoError(t, err)
	p := &process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	p.cmd.Stderr = os.Stderr
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	if o.Work == "receiver" {
		_, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
	}
	return p
}

// kill ends the child without a word.
func (p *process) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Kill())
	var exit *exec.ExitError
	err := p.cmd.Wait()
	require.True(t, errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled(), "killed, not ended: %v", err)
}
