package pgtest

import "context"

// LocateIn is Locate with other folders.
func LocateIn(usual, fetched []string) (Binaries, error) {
	as, err := serverAccount()
	if err != nil {
		return Binaries{}, err
	}
	return finder{usual: usual, fetched: fetched, as: as}.find()
}

// Borrow is what Shared does with TENON_TEST_DATABASE_URL.
func Borrow(ctx context.Context, url string) (*Server, error) { return borrow(ctx, url) }

// Clone is what Database does on a server.
func (s *Server) Clone(ctx context.Context) (string, error) {
	return s.clone(ctx, "", func(context.Context, string) error { return nil })
}

// Data returns where the data lies.
func (s *Server) Data() string { return s.data }

// PID returns the postmaster's number.
func (s *Server) PID() int { return s.proc.pid() }

// Alive tells whether a process runs.
func Alive(pid int) bool { return alive(pid) }

// FindPgBouncer looks for a program under these names.
func FindPgBouncer(names ...string) (string, error) { return findPgBouncer(names...) }
