package redistest

import (
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a child that ends with us.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; to be read when done is closed
}

func launch(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ^C reaches us alone, and we end it in good order
	onDeath(cmd.SysProcAttr)
	cmd.WaitDelay = time.Second
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The signal comes when the thread ends, not the process, so this thread stays for as long as the child.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) signal(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig) // an error means that it has ended
}

// end sends sig and waits; a process that is still there after the given time is killed.
func (p *process) end(sig syscall.Signal, within time.Duration) {
	p.signal(sig)
	select {
	case <-p.done:
	case <-time.After(within):
		p.signal(syscall.SIGKILL)
		<-p.done
	}
}
