package pgtest

import (
	"context"
	"errors"
	"syscall"
	"time"
)

var (
	errExternal = errors.New("pgtest: this server is not ours: it is the one of TENON_TEST_DATABASE_URL")
	errDown     = errors.New("pgtest: the server is down")
)

// stopTime is what a shutdown may take before the server is killed.
const stopTime = 30 * time.Second

// Stop ends the server and removes its folder; data in Options.Dir stays. It may be called twice, and while the server
// is paused or killed. On a server that is not ours it does nothing.
func (s *Server) Stop() error {
	if s.external != "" {
		return nil
	}
	s.shutDown(s.stopSignal())
	return s.discard()
}

// Pause freezes the server and all its connections: they stay open and nothing answers.
func (s *Server) Pause() error {
	return s.running(func(p *process) { p.pause() })
}

// Resume ends a pause.
func (s *Server) Resume() error {
	return s.running((*process).resume)
}

// Kill ends the server's processes without a word, as the kernel does when memory runs out. Restart starts it again.
func (s *Server) Kill() error {
	err := s.running((*process).kill)
	if err == nil {
		err = s.down()
	}
	return err
}

// Restart starts the server with the same data on the same address, after a fast shutdown when it is still running. It
// returns when the server takes connections.
func (s *Server) Restart(ctx context.Context) error {
	if s.external != "" {
		return errExternal
	}
	s.shutDown(syscall.SIGINT)
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

// shutDown ends the server, paused or not, when it is up.
func (s *Server) shutDown(sig syscall.Signal) {
	err := s.running(func(p *process) {
		p.resume()
		p.end(sig, stopTime)
	})
	if err == nil {
		_ = s.down()
	}
}

// down notes that there is no process any more.
func (s *Server) down() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proc = nil
	return s.folder.note(0)
}

// discard removes what Start made, but not the data that is kept.
func (s *Server) discard() error {
	var err error
	if s.folder != nil {
		err = s.folder.remove()
	}
	if s.kept != nil {
		_ = s.kept.Close()
	}
	return err
}
