package pgtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a child that ends with us.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; to be read when done is closed
}

// launch starts cmd, which gets sig when we die.
func launch(cmd *exec.Cmd, sig syscall.Signal) (*process, error) {
	onDeath(cmd.SysProcAttr, sig)
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

// end sends sig and waits; a process that is still there after the given time is killed.
func (p *process) end(sig syscall.Signal, within time.Duration) {
	_ = p.cmd.Process.Signal(sig) // an error means that it has ended
	select {
	case <-p.done:
	case <-time.After(within):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// pause stops a process and its children, the parent first so that it has no new ones meanwhile. It returns the
// children.
func (p *process) pause() []int {
	_ = p.cmd.Process.Signal(syscall.SIGSTOP)
	all := children(p.pid())
	for _, pid := range all {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
	return all
}

// resume lets them go on, the children first.
func (p *process) resume() {
	for _, pid := range children(p.pid()) {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
}

// kill ends a process and its children at once, and returns when the system has let go of them.
func (p *process) kill() {
	all := p.pause()
	for _, pid := range all {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = p.cmd.Process.Kill()
	<-p.done
	for range 200 {
		if !slices.ContainsFunc(all, alive) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// children returns the processes that pid started, from /proc where there is one, else from ps.
func children(pid int) []int {
	table := processes()
	var found []int
	for child, parent := range table {
		if parent == pid {
			found = append(found, child)
		}
	}
	return found
}

// processes returns the parent of each living process.
func processes() map[int]int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	table := make(map[int]int, len(stats))
	for _, path := range stats {
		b, _ := os.ReadFile(path)
		// pid (name) state parent …; the name may hold anything.
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if len(fields) > 1 && fields[0] != "Z" {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			table[pid], _ = strconv.Atoi(fields[1])
		}
	}
	if len(stats) > 0 {
		return table
	}
	out, _ := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) == 2 {
			pid, _ := strconv.Atoi(fields[0])
			table[pid], _ = strconv.Atoi(fields[1])
		}
	}
	return table
}

// alive tells whether pid runs. One that has ended and that nobody waited for does not.
func alive(pid int) bool {
	_, ok := processes()[pid]
	return ok
}

// commandLine returns the words that pid was started with, and nothing when there is no such process.
func commandLine(pid int) string {
	if b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline")); err == nil {
		return strings.ReplaceAll(string(b), "\x00", " ")
	}
	out, _ := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return string(out)
}
