package redistest

import "strings"

// PID returns the number of the server's process.
func (s *Server) PID() int { return s.proc.pid() }

// Arguments returns what the list of processes shows.
func (s *Server) Arguments() string { return strings.Join(s.proc.cmd.Args, " ") }
