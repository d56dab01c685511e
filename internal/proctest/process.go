package proctest

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// Process is a child as its parent sees it; R is what it reports. Its methods are for one goroutine.
type Process[R any] struct {
	t       testing.TB
	cmd     *exec.Cmd
	in      io.WriteCloser
	lines   *bufio.Scanner
	reports []R
}

// Start starts a child with an order, and returns when it is ready. What it prints on its standard error is shown.
// It is killed when the test ends.
func Start[R any](t testing.TB, work string, order any) *Process[R] {
	t.Helper()
	text, err := json.Marshal(order)
	must(t, err)
	p := &Process[R]{t: t, cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), workEnv+"="+work, orderEnv+"="+string(text))
	p.cmd.Stderr = os.Stderr
	p.in, err = p.cmd.StdinPipe()
	must(t, err)
	out, err := p.cmd.StdoutPipe()
	must(t, err)
	p.lines = bufio.NewScanner(out)
	p.lines.Buffer(nil, 1<<20)
	must(t, p.cmd.Start())
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	if !p.lines.Scan() {
		t.Fatalf("the child for %q ended before it was ready: %v", work, p.cmd.Wait())
	}
	return p
}

// Begin lets the child work.
func (p *Process[R]) Begin() {
	p.t.Helper()
	_, err := io.WriteString(p.in, "go\n")
	must(p.t, err)
}

// Next reads a report; false at the end. A line that a kill cut in two is no report.
func (p *Process[R]) Next() bool {
	var r R
	if !p.lines.Scan() || json.Unmarshal(p.lines.Bytes(), &r) != nil {
		return false
	}
	p.reports = append(p.reports, r)
	return true
}

// Last returns the newest report that was read; the zero R when none was.
func (p *Process[R]) Last() (last R) {
	if len(p.reports) > 0 {
		last = p.reports[len(p.reports)-1]
	}
	return last
}

// Wait reads what is left until the child ends by itself, well, and returns all reports.
func (p *Process[R]) Wait() []R {
	p.t.Helper()
	for p.Next() {
	}
	must(p.t, p.cmd.Wait())
	return p.reports
}

// End closes the pipe, which ends the child's context, and then waits as [Process.Wait] does.
func (p *Process[R]) End() []R {
	p.t.Helper()
	must(p.t, p.in.Close())
	return p.Wait()
}

// Kill ends the child by SIGKILL and returns all that it said. The test fails when it had ended before.
func (p *Process[R]) Kill() []R {
	p.t.Helper()
	must(p.t, p.cmd.Process.Kill())
	for p.Next() {
	}
	var exit *exec.ExitError
	err := p.cmd.Wait()
	if !errors.As(err, &exit) || !exit.Sys().(syscall.WaitStatus).Signaled() {
		p.t.Fatalf("the child was not killed, it ended: %v", err)
	}
	return p.reports
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
