package ratelimittest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitpg"
	"github.com/transbotai/tenon/ratelimit/ratelimitredis"
)

// childEnv, when set, makes this binary a process that takes from a shared limit until it is killed. Its value is an
// order as JSON.
const childEnv = "TENON_RATELIMIT_CHILD"

// order is what a child is to do.
type order struct {
	Redis    string // a URL, or
	Postgres string
	Limit    ratelimit.Limit
	LeaseFor time.Duration
	Callers  int
}

// event is a call that was allowed: it was decided between the two instants, by the machine's clock.
type event struct {
	Asked, Answered int64 // nanoseconds since 1970
}

// The key that all children share.
var sharedKey = ratelimit.Key{Tenant: "acme", Name: "key-1"}

const processes = 4

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
	store, err := o.store(ctx)
	if err != nil {
		return err
	}
	limiter, err := ratelimit.NewLimiter(&ratelimit.Options{
		Store: store, Processes: processes, Timeout: callTimeout, LeaseFor: o.LeaseFor,
	}, o.Limit)
	if err != nil {
		return err
	}
	c := child{limiter: limiter, out: json.NewEncoder(os.Stdout)}
	var all sync.WaitGroup
	for range o.Callers {
		all.Go(func() { c.call(ctx) })
	}
	all.Wait()
	return c.err
}

// callTimeout is long enough for a machine that is busy, and short enough that windows are not much longer for it: what
// is taken counts from when it is over.
const callTimeout = 250 * time.Millisecond

func (o *order) store(ctx context.Context) (ratelimit.Store, error) {
	if o.Redis != "" {
		opts, err := redis.ParseURL(o.Redis)
		if err != nil {
			return nil, err
		}
		client := redis.NewClient(opts)
		return ratelimitredis.New(client, nil), client.Ping(ctx).Err()
	}
	pool, err := pgxpool.New(ctx, o.Postgres)
	if err != nil {
		return nil, err
	}
	return ratelimitpg.New(pool, nil), pool.Ping(ctx)
}

// child is this process while it is one.
type child struct {
	limiter *ratelimit.Limiter
	mu      sync.Mutex
	out     *json.Encoder
	err     error
}

// call takes as fast as it can and comes back as soon as it may, until the process ends or cannot be heard.
func (c *child) call(ctx context.Context) {
	for {
		asked := time.Now()
		d, err := c.limiter.Take(ctx, sharedKey, 1)
		answered := time.Now()
		switch {
		case err != nil:
			c.end(err)
			return
		case d.Allowed:
			if err := c.say(event{asked.UnixNano(), answered.UnixNano()}); err != nil {
				c.end(err)
				return
			}
		default:
			<-time.After(min(max(d.RetryAfter, time.Millisecond), 20*time.Millisecond))
		}
	}
}

func (c *child) say(e event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Encode(e)
}

func (c *child) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = errors.Join(c.err, err)
}

// process is a child as its parent sees it.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when all that it said was heard
}

// start starts a child, which tells heard what it was allowed.
func start(t *testing.T, o order, heard func(event)) *process {
	t.Helper()
	text, err := json.Marshal(o)
	require.NoError(t, err)
	p := &process{cmd: exec.Command(os.Args[0]), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	go func() {
		defer close(p.done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var e event
			if json.Unmarshal(lines.Bytes(), &e) != nil {
				return // a line that a kill cut in two says nothing
			}
			heard(e)
		}
	}()
	return p
}

// kill ends the child without a word, and returns when all that it had said was heard.
func (p *process) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Kill())
	<-p.done
	var exit *exec.ExitError
	err := p.cmd.Wait()
	require.True(t, errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled(), "killed, not ended: %v", err)
}
