package operating_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	proof    = regexp.MustCompile(`Test[A-Z]\w+`)
	declared = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// What docs/operating.md says rests on tests. One that is renamed or gone leaves a statement that nobody holds.
func TestEveryTestThatOperatingNamesIsThere(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operating.md")
	require.NoError(t, err)
	there := map[string]bool{"TestName": true} // stands for any
	require.NoError(t, filepath.WalkDir("../..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, name := range declared.FindAllStringSubmatch(string(text), -1) {
			there[name[1]] = true
		}
		return err
	}))
	named := proof.FindAllString(string(page), -1)
	require.Greater(t, len(named), 40)
	for _, name := range named {
		require.True(t, there[name], "%s is named and not there", name)
	}
}
