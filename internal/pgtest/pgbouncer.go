package pgtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const noPgBouncer = `pgtest: no pgbouncer on PATH or in /usr/sbin. Install it:
  Debian, Ubuntu   make deps   (or: apt-get install pgbouncer)
  macOS            make deps   (or: brew install pgbouncer)
  elsewhere        the package pgbouncer`

// PgBouncer starts a pooler in front of a database, in transaction mode, and returns the connection string that goes
// through it. The settings are added to its own section of pgbouncer.ini, and win. It ends with the test. With
// [AnyDatabase] it stands in front of all databases of the server, each of which is reached by [Through].
//
// PgBouncer before 1.21 knows no prepared statements: a pool needs default_query_exec_mode=exec, cache_describe or
// simple_protocol, which the caller adds to the string (with an ampersand) or to the pool's configuration.
func PgBouncer(t TB, server *Server, database string, settings map[string]string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b := &bouncer{database: database}
	t.Cleanup(b.stop)
	if err := b.start(ctx, server, settings); err != nil {
		t.Fatalf("%v", err)
	}
	return b.url
}

// AnyDatabase are all databases of a server.
const AnyDatabase = "*"

// Through returns the connection string that reaches a database of the server by way of its pooler.
func Through(pooler, database string) string {
	config, err := pgx.ParseConfig(database)
	if err != nil {
		return pooler // which is as wrong, and says so
	}
	return withDatabase(pooler, config.Database)
}

type bouncer struct {
	database string
	url      string
	folder   *folder
	proc     *process
}

func (b *bouncer) start(ctx context.Context, server *Server, settings map[string]string) error {
	program, err := findPgBouncer("pgbouncer", "/usr/sbin/pgbouncer") // Debian puts it where users do not look
	if err != nil {
		return err
	}
	as, err := serverAccount()
	if err != nil {
		return err
	}
	if b.folder, err = newFolder(as, false); err != nil {
		return err
	}
	ini := filepath.Join(b.folder.data, "pgbouncer.ini")
	if err := b.configure(ini, server, settings); err != nil {
		return err
	}
	if err := as.own(ini); err != nil {
		return err
	}
	if err := b.folder.guard("QUIT", 50); err != nil {
		return err
	}
	cmd := exec.Command(program, "-q", ini)
	as.run(cmd)
	if b.proc, err = launch(cmd, syscall.SIGQUIT); err != nil {
		return fmt.Errorf("pgtest: pgbouncer: %w", err)
	}
	if err := b.folder.note(b.proc.pid()); err != nil {
		return err
	}
	return b.ready(ctx)
}

func findPgBouncer(names ...string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New(noPgBouncer)
}

// configure writes the ini file, for a unix socket in the bouncer's own folder.
func (b *bouncer) configure(path string, server *Server, settings map[string]string) error {
	name := b.database
	if name == AnyDatabase {
		name = "postgres"
	}
	target, err := pgx.ParseConfig(server.URL(name))
	if err != nil {
		return err
	}
	b.url = fmt.Sprintf("postgres:///%s?host=%s&port=%d&user=%s", target.Database, b.folder.path, socketPort, target.User)
	set := map[string]string{
		"pool_mode":                 "transaction",
		"listen_addr":               "",
		"listen_port":               strconv.Itoa(socketPort),
		"unix_socket_dir":           b.folder.path,
		"unix_socket_mode":          "0700",
		"auth_type":                 "any", // whoever reaches the socket
		"logfile":                   filepath.Join(b.folder.data, "log"),
		"max_client_conn":           "500",
		"default_pool_size":         "20",
		"ignore_startup_parameters": "extra_float_digits",
	}
	maps.Copy(set, settings)
	var ini strings.Builder
	fmt.Fprintf(&ini, "[databases]\n%s = host=%s port=%d user=%s", b.database, target.Host, target.Port, target.User)
	if b.database != AnyDatabase {
		fmt.Fprintf(&ini, " dbname=%s", target.Database)
	}
	if target.Password != "" {
		fmt.Fprintf(&ini, " password='%s'", strings.ReplaceAll(target.Password, "'", "''"))
	}
	ini.WriteString("\n[pgbouncer]\n")
	for _, name := range slices.Sorted(maps.Keys(set)) {
		fmt.Fprintf(&ini, "%s = %s\n", name, set[name])
	}
	return os.WriteFile(path, []byte(ini.String()), 0o600)
}

// ready waits until a client gets through.
func (b *bouncer) ready(ctx context.Context) error {
	for {
		conn, err := pgx.Connect(ctx, b.url)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-b.proc.done:
			log, _ := os.ReadFile(filepath.Join(b.folder.data, "log"))
			return fmt.Errorf("pgtest: pgbouncer ended while it started: %w\n%s", b.proc.err, log)
		case <-ctx.Done():
			return fmt.Errorf("pgtest: pgbouncer does not get ready: %w", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (b *bouncer) stop() {
	if b.proc != nil {
		b.proc.end(syscall.SIGQUIT, stopTime)
	}
	if b.folder != nil {
		_ = b.folder.remove()
	}
}
