package house

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Instance is one process. Its methods are for one goroutine, Kill alone may be called beside them.
type Instance struct {
	Address string // "http://127.0.0.1:4321", the same after a restart

	program string
	env     []string
	log     io.Writer

	mu   sync.Mutex
	cmd  *exec.Cmd // nil while it is down
	done chan struct{}
	err  error // how it ended
	away []Span
}

// Span is a time; while it goes on, To is zero.
type Span struct{ From, To time.Time }

// Start starts the process and returns when it takes requests.
func (i *Instance) Start(ctx context.Context) error {
	at := strings.TrimPrefix(i.Address, "http://")
	if at == "" {
		at = "127.0.0.1:0"
	}
	cmd := exec.Command(i.program, "-addr", at, "-data", "/nonexistent")
	cmd.Env = i.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a ^C is for us, who then end it
	onDeath(cmd.SysProcAttr)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	said, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := i.launch(cmd); err != nil {
		return err
	}
	go i.hear(said)
	address, err := listening(ctx, out)
	if err != nil {
		i.Kill()
		return errors.Join(err, i.err)
	}
	i.Address = address
	return nil
}

// launch starts cmd from a thread that stays: the kernel ends a child with the thread that started it.
func (i *Instance) launch(cmd *exec.Cmd) error {
	started, done := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			i.err = cmd.Wait()
			close(done)
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	i.mu.Lock()
	i.cmd, i.done = cmd, done
	i.mu.Unlock()
	return nil
}

// hear passes on what the program says, and takes note of when it could not reach what its rate limits are shared by.
func (i *Instance) hear(said io.Reader) {
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if i.log != nil {
			fmt.Fprintln(i.log, lines.Text())
		}
		i.mu.Lock()
		switch {
		case strings.Contains(lines.Text(), "rate limits: store is away"):
			i.away = append(i.away, Span{From: time.Now()})
		case strings.Contains(lines.Text(), "rate limits: store is back") && len(i.away) > 0:
			i.away[len(i.away)-1].To = time.Now()
		}
		i.mu.Unlock()
	}
}

// Away returns when the rate limits let everything through.
func (i *Instance) Away() []Span {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.away)
}

// listening reads the line that says where the program listens.
func listening(ctx context.Context, out io.Reader) (string, error) {
	found := make(chan string, 1)
	go func() {
		defer close(found)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if at, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
				found <- at
			}
		}
	}()
	select {
	case at, ok := <-found:
		if !ok {
			return "", fmt.Errorf("transbot ended before it listened")
		}
		return at, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Kill ends the process without a word.
func (i *Instance) Kill() { _ = i.end(syscall.SIGKILL) }

// Stop asks the process to end in good order, waits, and returns how it ended.
func (i *Instance) Stop() error { return i.end(syscall.SIGTERM) }

func (i *Instance) end(sig syscall.Signal) error {
	i.mu.Lock()
	cmd, done := i.cmd, i.done
	i.cmd = nil
	i.mu.Unlock()
	if cmd == nil {
		return nil
	}
	_ = cmd.Process.Signal(sig) // an error means that it has ended
	<-done
	return i.err
}

// Pause freezes the process: its connections stay open and nothing answers.
func (i *Instance) Pause() error { return i.signal(syscall.SIGSTOP) }

// Resume ends a pause.
func (i *Instance) Resume() error { return i.signal(syscall.SIGCONT) }

func (i *Instance) signal(sig syscall.Signal) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.cmd == nil {
		return nil
	}
	return i.cmd.Process.Signal(sig)
}
