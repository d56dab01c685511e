package redistest

import (
	"context"
	"errors"
	"syscall"
	"time"
)

var (
	errExternal = errors.New("redistest: this server is not ours: it is the one of TENON_TEST_REDIS_URL")
	errDown     = errors.New("redistest: the server is down")
)

// stopTime is what a shutdown may take before the server is killed.
const stopTime = 10 * time.Second

// Stop ends the server and removes its folder. It may be called twice, and while the server is paused or killed. On a
// server that is not ours it does nothing.
func (s *Server) Stop() error {
	if s.external != "" {
		return nil
	}
	_ = s.Kill() // nothing outlives it that would want a good end
	return s.folder.remove()
}

// Pause freezes the server and all its connections: they stay open and nothing answers.
func (s *Server) Pause() error {
	return s.running(func(p *process) { p.signal(syscall.SIGSTOP) })
}

// Resume ends a pause. The server then answers what it was sent meanwhile.
func (s *Server) Resume() error {
	return s.running(func(p *process) { p.signal(syscall.SIGCONT) })
}

// Kill ends the server without a word, as the kernel does when memory runs out. Restart starts it again.
func (s *Server) Kill() error {
	return s.ends(syscall.SIGKILL)
}

// Restart starts the server again on the same address, after a shutdown in good order when it is still running. It
// returns when the server answers; what it remembers, Options.Durable says.
func (s *Server) Restart(ctx context.Context) error {
	if s.external != "" {
		return errExternal
	}
	_ = s.Resume()
	if err := s.ends(syscall.SIGTERM); err != nil && !errors.Is(err, errDown) {
		return err
	}
	return s.launchOnce(ctx)
}

// running calls f with the process, which must be there.
func (s *Server) running(f func(*process)) error {
	if s.external != "" {
		return errExternal
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return errDown
	}
	f(s.proc)
	return nil
}

// ends ends the process by sig and waits for it.
func (s *Server) ends(sig syscall.Signal) error {
	err := s.running(func(p *process) {
		p.end(sig, stopTime)
		s.proc = nil
	})
	if err != nil {
		return err
	}
	return s.folder.note(0)
}
