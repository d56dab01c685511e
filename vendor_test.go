package tenon_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// host is a module that somebody else might have: it imports some of this module's packages and vendors them.
type host struct{ dir string }

// newHost makes a host that imports the packages, given by their paths below this module.
func newHost(t *testing.T, imports ...string) host {
	t.Helper()
	h := host{dir: t.TempDir()}
	h.writeModule(t)
	var text strings.Builder
	text.WriteString("package host\n\n")
	for _, path := range imports {
		fmt.Fprintf(&text, "import _ %q\n", module+"/"+path)
	}
	require.NoError(t, os.WriteFile(filepath.Join(h.dir, "host.go"), []byte(text.String()), 0o600))
	return h
}

// writeModule writes a go.mod that takes this module from here, and whatever it needs at the versions that it needs, as
// go get would have written it.
func (h host) writeModule(t *testing.T) {
	t.Helper()
	ours, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	here, err := os.Getwd()
	require.NoError(t, err)
	_, needs, ok := strings.Cut(string(ours), "\n")
	require.True(t, ok)
	head := fmt.Sprintf("module example.com/host\n\nrequire %s v0.0.0\n\nreplace %s => %q\n", module, module, here)
	require.NoError(t, os.WriteFile(filepath.Join(h.dir, "go.mod"), []byte(head+needs), 0o600))
	sums, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(h.dir, "go.sum"), sums, 0o600))
}

// run runs the go command in the host. What this module was built with is in the module cache: nothing is fetched.
func (h host) run(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = h.dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "go %s: %s", strings.Join(args, " "), out)
}

// vendor vendors, loads the host from what was vendored alone, and returns the folders with Go files: this module's and
// others'.
func (h host) vendor(t *testing.T) (ours, others map[string]int) {
	t.Helper()
	h.run(t, "mod", "vendor")
	h.run(t, "list", "-mod=vendor", "-deps", ".") // fails when a package is missing
	ours, others = map[string]int{}, map[string]int{}
	root := filepath.Join(h.dir, "vendor")
	require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) != ".go" {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if within(folder, []string{module}) {
			ours[folder]++
		} else {
			others[folder]++
		}
		return err
	}))
	return ours, others
}

func TestAHostThatVendorsACoreGetsNoFileOfAThirdParty(t *testing.T) {
	t.Parallel()
	for _, core := range features {
		t.Run(core, func(t *testing.T) {
			t.Parallel()
			ours, others := newHost(t, core).vendor(t)
			if core == "ratelimit" { // its vocabulary
				require.Positive(t, others["golang.org/x/time/rate"])
				delete(others, "golang.org/x/time/rate")
			}
			require.Empty(t, others)
			for folder := range ours {
				known := folder == module || folder == module+"/"+core || slices.Contains(shared, folder)
				require.True(t, known, "%s is neither the core, nor package tenon, nor what cores share", folder)
			}
			require.Positive(t, ours[module+"/"+core])
			require.Positive(t, ours[module])
		})
	}
}

func TestAHostThatVendorsAnAdapterGetsItsDriverAlone(t *testing.T) {
	t.Parallel()
	ours, others := newHost(t, "flags", "flags/flagspg").vendor(t)
	driver := []string{"github.com/jackc", "golang.org/x/text"} // pgx, and what it prepares passwords with
	files := 0
	for folder, n := range others {
		require.True(t, within(folder, driver), folder)
		files += n
	}
	require.Positive(t, others["github.com/jackc/pgx/v5"])
	for folder := range ours {
		_, _, feature := split(folder)
		require.True(t, !feature || within(folder, []string{module + "/flags"}), "%s is of another feature", folder)
	}
	t.Logf("%d folders of this module, %d files of pgx and what it needs", len(ours), files)
}
