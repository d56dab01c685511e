package restore

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/internal/pgtest"
)

// tools are the programs of a drill.
type tools struct {
	dump, restore string // paths
	version       string // of both, as they print it
	major         int
}

const remedy = "install Postgres' own client programs (Debian, Ubuntu: apt-get install postgresql-client; " +
	"macOS: brew install libpq; Fedora: dnf install postgresql; Alpine: apk add postgresql-client), " +
	"or set TENON_PG_BIN to the folder that holds initdb, postgres, pg_dump and pg_restore"

// findTools looks for pg_dump and pg_restore beside the programs that run a second server, else on PATH. They must be
// as new as the live server, or they refuse it, and no newer than the second one, or it may not understand them.
func findTools(ctx context.Context, live int) (tools, error) {
	server, err := pgtest.Locate()
	if err != nil {
		return tools{}, err
	}
	if server.Major < live {
		return tools{}, fmt.Errorf("the database's server is version %d, and %s has version %d: "+
			"install version %d or newer, or set TENON_PG_BIN to it", live, server.Dir, server.Major, live)
	}
	var refused []string
	for _, dir := range append([]string{server.Dir}, onPath()...) {
		t, err := check(ctx, dir)
		switch {
		case err != nil:
			refused = append(refused, fmt.Sprintf("%s: %v", dir, err))
		case t.major < live || t.major > server.Major:
			refused = append(refused, fmt.Sprintf("%s: version %d, need %d to %d", dir, t.major, live, server.Major))
		default:
			return t, nil
		}
	}
	return tools{}, fmt.Errorf("no pg_dump and pg_restore of version %d to %d (%s): %s",
		live, server.Major, strings.Join(refused, "; "), remedy)
}

func onPath() []string {
	path, err := exec.LookPath("pg_dump")
	if err != nil {
		return nil
	}
	return []string{filepath.Dir(path)}
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) ((\d+)\S*)`)

// check runs the programs in a folder, and returns them with their version.
func check(ctx context.Context, dir string) (tools, error) {
	t := tools{dump: filepath.Join(dir, "pg_dump"), restore: filepath.Join(dir, "pg_restore")}
	for _, path := range []string{t.dump, t.restore} {
		if _, err := os.Stat(path); err != nil {
			return t, fmt.Errorf("no %s there", filepath.Base(path))
		}
		out, err := exec.CommandContext(ctx, path, "--version").Output()
		if err != nil {
			return t, fmt.Errorf("%s --version: %w", filepath.Base(path), err)
		}
		m := versionLine.FindSubmatch(out)
		if m == nil {
			return t, fmt.Errorf("unreadable version %q", out)
		}
		major, _ := strconv.Atoi(string(m[2]))
		if t.version != "" && t.major != major {
			return t, fmt.Errorf("pg_dump is version %d and pg_restore version %d", t.major, major)
		}
		t.version, t.major = string(m[1]), major
	}
	return t, nil
}

// job is a program to be run.
type job struct {
	path    string
	args    []string
	at      *pgx.ConnConfig // the database that it works on
	in, out *os.File
}

// run runs the program until it ends or ctx is done.
func (j job) run(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, j.path, j.args...)
	var said tail
	cmd.Env, cmd.Stderr = environment(j.at), &said
	if j.in != nil {
		cmd.Stdin = j.in
	}
	if j.out != nil {
		cmd.Stdout = j.out
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ^C reaches us alone, and we end it in good order
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(j.path), err, said.b.Bytes())
	}
	return nil
}

// tail keeps the end of what a program says.
type tail struct{ b bytes.Buffer }

const maxSaid = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.b.Write(p)
	t.b.Next(max(t.b.Len()-maxSaid, 0))
	return len(p), nil
}

// sslNames are the parameters of a connection string that libpq reads from the environment too.
var sslNames = []string{"sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslsni"}

// environment tells a program of Postgres how to connect. It goes by the environment, since command lines are seen by
// everybody on the machine, and connection strings may have parameters that libpq does not know.
func environment(at *pgx.ConnConfig) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "PGSSL")
	})
	env = append(env, "LC_ALL=C", "PGHOST="+at.Host, "PGPORT="+strconv.Itoa(int(at.Port)), "PGUSER="+at.User,
		"PGPASSWORD="+at.Password, "PGDATABASE="+at.Database, "PGAPPNAME=transbot restore drill")
	given := parameters(at.ConnString())
	for _, name := range sslNames {
		if value, ok := given[name]; ok {
			env = append(env, "PG"+strings.ToUpper(name)+"="+value)
		}
	}
	return env
}

var keyword = regexp.MustCompile(`(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|\S*)`)

// parameters returns those of a connection string of either form.
func parameters(conn string) map[string]string {
	found := map[string]string{}
	if u, err := url.Parse(conn); err == nil && strings.HasPrefix(u.Scheme, "postgres") {
		for name, values := range u.Query() {
			found[name] = values[len(values)-1]
		}
		return found
	}
	for _, m := range keyword.FindAllStringSubmatch(conn, -1) {
		found[m[1]] = strings.NewReplacer(`\'`, `'`, `\\`, `\`).Replace(strings.Trim(m[2], "'"))
	}
	return found
}

// room returns how many bytes are free where path is.
func room(path string) (uint64, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(path, &stat); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return uint64(stat.Bavail) * uint64(stat.Bsize), nil
}
