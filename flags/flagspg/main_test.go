package flagspg_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// childEnv, when set, makes this binary a process that uses a store and ends. Its value is an order as JSON.
const childEnv = "TENON_FLAGSPG_CHILD"

// order is what a child is to do.
type order struct {
	URL  string
	Work string // a name in works
	Name string // tells children apart
}

// report is a line that a child prints.
type report struct {
	Revision int64  `json:",omitempty"` // of a write, after it was answered
	Key      string `json:",omitempty"`
	Version  int64  `json:",omitempty"`
}

// works are what a child can do, until it is killed.
var works = map[string]func(ctx context.Context, c *child) error{"write": writeForEver, "ramp": rampForEver}

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
	pool *pgxpool.Pool
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
	if err := pool.Ping(ctx); err != nil {
		return err
	}
	c.pool = pool
	c.say(report{})
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	return works[c.Work](ctx, c)
}

// say prints a line, whole and at once.
func (c *child) say(r report) { _ = c.out.Encode(r) } // a parent that went away kills us

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

// kill ends the child without a word, and returns what it had said.
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
