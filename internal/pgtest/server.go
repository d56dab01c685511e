package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// socketPort is in the socket's name. It is not 5432, so that a tool which loses the host fails instead of reaching a
// server that is not ours.
const socketPort = 54329

// Options of [Start]. The zero value is a throwaway server for tests, reachable by its unix socket alone.
type Options struct {
	// Dir keeps the data, for the next Start with the same Dir; the server is then durable. When we are root it must
	// lie where the account postgres or nobody can enter, as [KeepDir] does. Empty is a throwaway server.
	Dir string
	// Durable turns on what keeps data through a power cut: fsync, full page writes, a disk. Without it what was
	// committed still survives the death of every process, [Server.Kill] included.
	Durable bool
	// TCP also listens on a free port of 127.0.0.1, with a password, and makes URL return that address.
	TCP bool
	// Settings are further settings of postgresql.conf. They win over this package's own.
	Settings map[string]string
	// Log receives the server's log; nil keeps it for error messages alone.
	Log io.Writer
}

// Server is a running Postgres. Methods may be called concurrently, but a test that pauses, kills or restarts it wants
// a server of its own.
type Server struct {
	opts     Options
	bin      Binaries
	as       *account
	folder   *folder
	data     string
	kept     *os.File // the lock on opts.Dir
	port     int
	password string
	external string    // the connection string of a server that is not ours
	owner    *pgx.Conn // holds our lock there; without a reference the collector would close it
	clones   clones

	mu   sync.Mutex
	proc *process // nil while it is down
}

// Start starts a server and returns when it takes connections. ctx bounds the start alone. The server ends with Stop,
// or within two seconds of the end of this process.
func Start(ctx context.Context, opts *Options) (*Server, error) {
	s := &Server{port: socketPort}
	if opts != nil {
		s.opts = *opts
	}
	s.opts.Durable = s.opts.Durable || s.opts.Dir != ""
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.discard())
	}
	if err := s.launch(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	if err := s.setPassword(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// prepare makes the folders and the cluster, and starts the watcher before there is anything to watch.
func (s *Server) prepare(ctx context.Context) (err error) {
	if s.as, err = serverAccount(); err != nil {
		return err
	}
	if s.bin, err = Locate(); err != nil {
		return err
	}
	if s.folder, err = newFolder(s.as, !s.opts.Durable); err != nil {
		return err
	}
	if s.opts.Dir == "" {
		s.data = s.folder.data
		if err := cluster(ctx, s.bin, s.as, s.data); err != nil {
			return err
		}
		return s.folder.guard("QUIT", 50) // nothing to save
	}
	if s.data, err = filepath.Abs(s.opts.Dir); err != nil {
		return err
	}
	if s.kept, err = keep(ctx, s.bin, s.as, s.data); err != nil {
		return err
	}
	return s.folder.guard("INT", 1500, s.kept)
}

// launch starts the postmaster, on another port when somebody takes the one we found.
func (s *Server) launch(ctx context.Context) (err error) {
	for range 3 {
		if s.opts.TCP && s.port == socketPort {
			if s.port, err = freePort(); err != nil {
				return err
			}
		}
		if err = s.launchOnce(ctx); err == nil || !strings.Contains(err.Error(), "could not bind") {
			return err
		}
		s.port = socketPort
	}
	return err
}

func (s *Server) launchOnce(ctx context.Context) error {
	logFile, err := os.OpenFile(filepath.Join(s.folder.path, "log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(s.bin.Dir, "postgres"), s.args()...)
	s.as.run(cmd)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if s.opts.Log != nil {
		both := io.MultiWriter(logFile, s.opts.Log)
		cmd.Stdout, cmd.Stderr = both, both
	}
	proc, err := launch(cmd, s.stopSignal())
	if err != nil {
		return errors.Join(err, logFile.Close())
	}
	go func() {
		<-proc.done
		_ = logFile.Close()
	}()
	s.mu.Lock()
	s.proc = proc
	s.mu.Unlock()
	if err := s.folder.note(proc.pid()); err != nil {
		return err
	}
	return s.ready(ctx, proc)
}

// stopSignal asks for the shutdown that suits the data: none needed, or a clean one.
func (s *Server) stopSignal() syscall.Signal {
	if s.opts.Dir == "" {
		return syscall.SIGQUIT
	}
	return syscall.SIGINT
}

func (s *Server) args() []string {
	args := []string{"-D", s.data}
	for name, value := range s.settings() {
		args = append(args, "-c", name+"="+value)
	}
	return args
}

func (s *Server) settings() map[string]string {
	set := map[string]string{
		"listen_addresses":           "",
		"port":                       strconv.Itoa(s.port),
		"unix_socket_directories":    s.folder.path,
		"unix_socket_permissions":    "0700", // other accounts of this machine stay out
		"max_connections":            "200",
		"shared_buffers":             "64MB",
		"jit":                        "off",
		"dynamic_shared_memory_type": "mmap", // containers have little of any other
	}
	if s.opts.TCP {
		set["listen_addresses"] = "127.0.0.1"
	}
	if !s.opts.Durable {
		set["fsync"], set["full_page_writes"], set["autovacuum"] = "off", "off", "off"
		set["max_wal_size"] = "256MB"
	}
	for name, value := range s.opts.Settings {
		set[name] = value
	}
	return set
}

// ready waits until the eighth line of postmaster.pid says so. A file that a killed server left has another number.
func (s *Server) ready(ctx context.Context, proc *process) error {
	for {
		b, _ := os.ReadFile(filepath.Join(s.data, "postmaster.pid"))
		lines := strings.Split(string(b), "\n")
		if len(lines) > 7 && lines[0] == strconv.Itoa(proc.pid()) && strings.TrimSpace(lines[7]) == "ready" {
			return nil
		}
		select {
		case <-proc.done:
			log, _ := os.ReadFile(filepath.Join(s.folder.path, "log"))
			return fmt.Errorf("pgtest: postgres ended while it started: %w\n%s", proc.err, log)
		case <-ctx.Done():
			return fmt.Errorf("pgtest: postgres does not get ready: %w", ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func (s *Server) setPassword(ctx context.Context) error {
	if !s.opts.TCP {
		return nil
	}
	conn, err := pgx.Connect(ctx, s.socketURL("postgres"))
	if err != nil {
		return err
	}
	s.password = newPassword()
	_, err = conn.Exec(ctx, "alter role "+role+" password '"+s.password+"'")
	return errors.Join(err, conn.Close(ctx))
}

func newPassword() string { return rand.Text() }

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// URL returns a connection string for a database, which pgx and Postgres' own programs accept: by TCP when the server
// listens there, else by the unix socket. It has a query, so that more parameters can be added with an ampersand.
func (s *Server) URL(database string) string {
	switch {
	case s.external != "":
		return withDatabase(s.external, database)
	case s.password != "":
		u := url.URL{Scheme: "postgres", User: url.UserPassword(role, s.password), Path: "/" + database}
		u.Host, u.RawQuery = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), "sslmode=disable"
		return u.String()
	}
	return s.socketURL(database)
}

func (s *Server) socketURL(database string) string {
	q := url.Values{"host": {s.folder.path}, "port": {strconv.Itoa(s.port)}, "user": {role}}
	return (&url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: q.Encode()}).String()
}

// withDatabase changes the database in a connection string of either form.
func withDatabase(conn, database string) string {
	u, err := url.Parse(conn)
	if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		return conn + " dbname=" + database // the last one counts
	}
	u.Path = "/" + database
	if u.RawQuery == "" {
		u.RawQuery = "application_name=tenon"
	}
	return u.String()
}

// Socket returns the folder of the unix socket, and nothing for a server that is not ours.
func (s *Server) Socket() string {
	if s.folder == nil {
		return ""
	}
	return s.folder.path
}

// Port returns the port by TCP, or the one in the socket's name; 0 for a server that is not ours.
func (s *Server) Port() int {
	if s.external != "" {
		return 0
	}
	return s.port
}

// BinDir returns the folder with Postgres' programs, and nothing for a server that is not ours.
func (s *Server) BinDir() string { return s.bin.Dir }
