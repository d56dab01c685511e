package redistest

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// Options of [Start]. The zero value is a server that keeps nothing, reachable by its unix socket alone.
type Options struct {
	// Durable writes every change to disk before it is answered, so that [Server.Restart] finds it again after
	// [Server.Kill]. Without it a server that ended has forgotten everything.
	Durable bool
	// TCP also listens on a free port of 127.0.0.1, with a password, and makes URL return that address.
	TCP bool
	// Settings are further settings of redis.conf. They win over this package's own.
	Settings map[string]string
}

// Server is a running Redis. Methods may be called concurrently, but a test that pauses, kills, restarts or flushes it
// wants a server of its own.
type Server struct {
	opts     Options
	program  string
	folder   *folder
	port     int
	password string
	external string // the URL of a server that is not ours

	mu   sync.Mutex
	proc *process // nil while it is down
}

// Start starts a server and returns when it answers. ctx bounds the start alone. The server ends with Stop, or with
// this process.
func Start(ctx context.Context, opts *Options) (*Server, error) {
	s := &Server{password: rand.Text()}
	if opts != nil {
		s.opts = *opts
	}
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// quiet ends what go-redis writes to standard error about connections that tests break on purpose. It has one logger
// for all clients of a process.
var quiet = sync.OnceFunc(logging.Disable)

func (s *Server) start(ctx context.Context) (err error) {
	quiet()
	if s.program, err = Locate(); err != nil {
		return err
	}
	if s.folder, err = newFolder(); err != nil {
		return err
	}
	if err := s.launch(ctx); err != nil {
		return errors.Join(err, s.Stop())
	}
	return nil
}

// launch starts the process, on another port when somebody takes the one we found.
func (s *Server) launch(ctx context.Context) (err error) {
	if !s.opts.TCP {
		return s.launchOnce(ctx)
	}
	for range 5 {
		if s.port, err = freePort(); err != nil {
			return err
		}
		if err = s.launchOnce(ctx); err == nil || !strings.Contains(err.Error(), "Address already in use") {
			return err
		}
	}
	return err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (s *Server) launchOnce(ctx context.Context) error {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // the child has a copy
	cmd := exec.Command(s.program, "-")
	cmd.Dir, cmd.Stdin = s.folder.path, strings.NewReader(s.config()) // not in the list of processes: it has the password
	cmd.Stdout, cmd.Stderr = log, log
	proc, err := launch(cmd)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.proc = proc
	s.mu.Unlock()
	if err := s.folder.note(proc.pid()); err != nil {
		return err
	}
	return s.ready(ctx, proc)
}

func (s *Server) logFile() string { return filepath.Join(s.folder.path, "log") }

// Socket returns the path of the unix socket, and nothing for a server that is not ours.
func (s *Server) Socket() string {
	if s.folder == nil {
		return ""
	}
	return filepath.Join(s.folder.path, "socket")
}

func (s *Server) config() string {
	set := map[string]string{
		"port":           strconv.Itoa(s.port), // 0 is none
		"bind":           "127.0.0.1",
		"unixsocket":     s.Socket(),
		"unixsocketperm": "700",
		"dir":            s.folder.path,
		"save":           `""`,
		"appendonly":     "no",
		"maxclients":     "2000",
		"hz":             "100", // keys that have expired go soon
	}
	if s.opts.Durable {
		set["appendonly"], set["appendfsync"] = "yes", "always"
	}
	if s.opts.TCP {
		set["requirepass"], set["masterauth"] = s.password, s.password
	}
	maps.Copy(set, s.opts.Settings)
	var b strings.Builder
	for name, value := range set {
		fmt.Fprintf(&b, "%s %s\n", name, value)
	}
	return b.String()
}

// ready waits until the server answers.
func (s *Server) ready(ctx context.Context, proc *process) error {
	for {
		err := s.ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-proc.done:
			log, _ := os.ReadFile(s.logFile())
			return fmt.Errorf("redistest: redis-server ended while it started: %w\n%s", proc.err, log)
		case <-ctx.Done():
			return fmt.Errorf("redistest: redis-server does not get ready: %w", cmp.Or(ctx.Err(), err))
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// ping asks by a bare connection: a client would dial again by itself and log that it could not.
func (s *Server) ping(ctx context.Context) error {
	opts := s.Options()
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, opts.Network, opts.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if s.opts.TCP {
		fmt.Fprintf(conn, "auth %s\r\n", s.password)
	}
	fmt.Fprint(conn, "ping\r\n")
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if lines.Text() == "+PONG" {
			return nil
		}
		if lines.Text() != "+OK" {
			return errors.New(lines.Text())
		}
	}
	return errors.New("no answer")
}

// URL returns the server's address in the form that redis.ParseURL accepts: by TCP when it listens there, else by the
// unix socket.
func (s *Server) URL() string {
	switch {
	case s.external != "":
		return s.external
	case s.opts.TCP:
		u := url.URL{Scheme: "redis", User: url.UserPassword("default", s.password), Host: s.addr(), Path: "/0"}
		return u.String()
	}
	return "unix://" + s.Socket()
}

func (s *Server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Options returns new options of a client, which the caller may change.
func (s *Server) Options() *redis.Options {
	opts, err := redis.ParseURL(s.URL())
	if err != nil {
		panic("redistest: " + err.Error()) // borrow has parsed the one that is not ours
	}
	return opts
}
