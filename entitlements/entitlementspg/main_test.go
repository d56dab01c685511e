package entitlementspg_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
)

// childEnv, when set, makes this binary a process that uses a store and ends. Its value is an order as JSON.
const childEnv = "TENON_ENTITLEMENTSPG_CHILD"

// order is what a child is to do.
type order struct {
	URL     string
	Work    string // a name in works
	Tenant  string
	Tenants []string // instead
	Name    string   // begins the child's keys
}

// report is a line that a child prints: what it was answered, or what its work came to.
type report struct {
	Key      string `json:",omitempty"` // of an acceptance, after it was answered
	Quantity int64  `json:",omitempty"`
	Accepted int64  `json:",omitempty"` // units in all, less what was taken back
	Refused  int64  `json:",omitempty"`
	Replayed int64  `json:",omitempty"`
	Ungated  int64  `json:",omitempty"`
	Err      string `json:",omitempty"`
}

// works are what a child can do.
var works = map[string]func(ctx context.Context, c *child) error{
	"crowd": crowd, "mixed": mixedCrowd, "steady": steady, "race": raceForKeys,
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

// child is this process while it is one.
type child struct {
	order
	gate *entitlements.Gate
	mu   sync.Mutex
	out  *json.Encoder
}

// runChild connects, says so, waits for a line, and works.
func runChild(ctx context.Context, text string) error {
	c := &child{out: json.NewEncoder(os.Stdout)}
	if err := json.Unmarshal([]byte(text), &c.order); err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, c.URL)
	if err != nil {
		return err
	}
	defer pool.Close()
	c.gate = newGate(pool, nil)
	if _, err := c.gate.Catalog(ctx); err != nil {
		return err
	}
	c.say(report{})
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	return works[c.Work](ctx, c)
}

// say prints a line, whole and at once.
func (c *child) say(r report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.out.Encode(r) // a parent that went away kills us
}

// process is a child as its parent sees it.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	in      io.WriteCloser
	lines   *bufio.Scanner
	reports []report
}

// start starts a child and returns when it has connected.
func start(t *testing.T, o order) *process {
	t.Helper()
	text, err := json.Marshal(o)
	require.NoError(t, err)
	p := &process{t: t, cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	p.cmd.Stderr = os.Stderr
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.lines = bufio.NewScanner(out)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	require.True(t, p.next(), "the child says that it is ready")
	p.reports = nil
	return p
}

// begin lets the child work.
func (p *process) begin() {
	p.t.Helper()
	_, err := io.WriteString(p.in, "go\n")
	require.NoError(p.t, err)
}

// next reads a report; false at the end.
func (p *process) next() bool {
	var r report
	if !p.lines.Scan() || json.Unmarshal(p.lines.Bytes(), &r) != nil {
		return false // a line that a kill cut in two is no report
	}
	p.reports = append(p.reports, r)
	return true
}

// end reads what is left and waits for a good end.
func (p *process) end() []report {
	p.t.Helper()
	for p.next() {
	}
	require.NoError(p.t, p.cmd.Wait())
	return p.reports
}

// kill ends the child without a word, and reads what it had said.
func (p *process) kill() []report {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Kill())
	for p.next() {
	}
	var exit *exec.ExitError
	err := p.cmd.Wait()
	require.True(p.t, errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled(), "killed, not ended: %v", err)
	return p.reports
}
