package service

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/bench/lab"
)

// folder holds the programs.
type folder struct{ path, source string }

func newFolder(ctx context.Context) (folder, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/transbotai/tenon").Output()
	if err != nil {
		return folder{}, fmt.Errorf("go list: %w", err)
	}
	path, err := os.MkdirTemp("", "bench-service-")
	return folder{path: path, source: strings.TrimSpace(string(out))}, err
}

func (f folder) close() error { return os.RemoveAll(f.path) }

// service is a running transbot with a database of its own.
type service struct {
	whole bool // with tenon
	url   string
	pool  *pgxpool.Pool
	http  *http.Client
	cmd   *exec.Cmd
	said  bytes.Buffer

	keys   []string
	made   made     // as answered
	quotes []string // ids by key's number, to be read
}

// connections is how many each pool of a service has.
const connections = 16

// start builds a transbot with tags and starts it.
func (f folder) start(ctx context.Context, l *lab.Lab, name, tags string) (*service, error) {
	program := filepath.Join(f.path, name)
	build := exec.CommandContext(ctx, "go", "build", "-C", f.source, "-tags", tags, "-o", program, "./examples/transbot")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w: %s", err, out)
	}
	database, err := l.Postgres(ctx, "service_"+name)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 2 * crowd, DisableCompression: true}
	s := &service{whole: tags == "", http: &http.Client{Transport: transport}}
	if err := s.launch(program, database); err != nil {
		return nil, err
	}
	if s.pool, err = pgxpool.New(ctx, database); err == nil && !s.whole {
		err = errors.Join(auditpg.Unwatch(ctx, s.pool, "public.quotes"), auditpg.Unwatch(ctx, s.pool, "public.companies"))
	}
	if err == nil {
		err = s.furnish(ctx, l.Size(companies))
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// launch starts the program and returns when it listens.
func (s *service) launch(program, database string) error {
	s.cmd = exec.Command(program, "-addr", "127.0.0.1:0")
	database += fmt.Sprintf("&pool_max_conns=%d", connections)
	s.cmd.Env = append(os.Environ(), "DATABASE_URL="+database, "REDIS_URL=", "STRIPE_SECRET_KEY=")
	s.cmd.Stderr = &s.said
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	at, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		_ = s.cmd.Process.Kill()
		return fmt.Errorf("transbot does not listen: %w: %s", errors.Join(err, s.cmd.Wait()), &s.said)
	}
	s.url = at
	return nil
}

// close ends the program.
func (s *service) close() {
	if s.pool != nil {
		s.pool.Close()
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait() // what it was to do, the rounds have checked
}
