// Package proctest runs a part of a test in a process of its own, so that the test can kill it: a test binary starts
// itself again.
//
//	func TestMain(m *testing.M) { proctest.Main(m, map[string]proctest.Work{"write": write}) }
//
//	func write(ctx context.Context, c *proctest.Child) error {
//		var o order
//		if err := c.Order(&o); err != nil {
//			return err
//		}
//		// connect
//		c.Ready()
//		for n := 0; ; n++ {
//			// write n
//			c.Say(report{N: n})
//		}
//	}
//
//	p := proctest.Start[report](t, "write", order{URL: url})
//	p.Begin()
//	for range 20 {
//		require.True(t, p.Next())
//	}
//	for _, r := range p.Kill() {
//		// what it said is there
//	}
package proctest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
)

// workEnv and orderEnv, when set, make a test binary a child: a name in the works, and its order as JSON.
const (
	workEnv  = "TENON_PROCTEST_WORK"
	orderEnv = "TENON_PROCTEST_ORDER"
)

// Work is what a child does. Its context ends when the parent closes the pipe, by [Process.End] or since it is gone.
type Work func(ctx context.Context, c *Child) error

// Main runs the tests and exits; in a process that [Start] started it does the work that was ordered instead, and exits
// with 1 when that fails. It is the whole body of a TestMain.
func Main(m *testing.M, works map[string]Work) {
	name := os.Getenv(workEnv)
	if name == "" {
		os.Exit(m.Run())
	}
	work, ok := works[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "no work is called %q\n", name)
		os.Exit(1)
	}
	if err := run(work); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(work Work) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := &Child{out: json.NewEncoder(os.Stdout), begun: make(chan struct{})}
	go func() {
		in := bufio.NewReader(os.Stdin)
		if _, err := in.ReadString('\n'); err == nil {
			close(c.begun)
			_, _ = io.Copy(io.Discard, in) // until the parent closes its end, or is gone
		}
		cancel()
	}()
	c.ctx = ctx
	return work(ctx, c)
}

// Child is this process while it is one. Its methods may be called concurrently.
type Child struct {
	ctx   context.Context
	begun chan struct{}
	mu    sync.Mutex
	out   *json.Encoder
}

// Order reads what the parent gave to [Start].
func (c *Child) Order(into any) error { return json.Unmarshal([]byte(os.Getenv(orderEnv)), into) }

// Ready says that the child is prepared, and returns when the parent lets it begin or is gone.
func (c *Child) Ready() {
	c.Say(struct{}{})
	select {
	case <-c.begun:
	case <-c.ctx.Done():
	}
}

// Say tells the parent, whole and at once.
func (c *Child) Say(report any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.out.Encode(report) // a parent that is gone cannot be told
}
