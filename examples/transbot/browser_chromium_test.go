package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// errNoChromium says how to mend that there is none.
var errNoChromium = errors.New("no Chromium is on this machine: run make deps, or let TENON_CHROMIUM name one")

// chromiums are where a Chromium may be, by name on PATH or by path; scripts/deps knows the same.
var chromiums = []string{
	"chromium-headless-shell", // without windows, and so with less work
	"chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
	"/Applications/Chromium.app/Contents/MacOS/Chromium",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
}

func findChromium() (string, error) {
	if named := os.Getenv("TENON_CHROMIUM"); named != "" {
		return exec.LookPath(named)
	}
	for _, name := range chromiums {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoChromium
}

// chromium is one browser, of which each case has a part without cookies of its own.
type chromium struct {
	ctx   context.Context
	shots string // the folder for pictures
}

// startChromium starts a browser that ends with the test. It reaches this machine alone, whatever a page may ask for,
// and does nothing of its own accord. It shows only our own pages, so it needs no sandbox, which containers and root
// would not let it have.
func startChromium(t *testing.T) *chromium {
	t.Helper()
	path, err := findChromium()
	require.NoError(t, err)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("no-pings", true),
	)
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx), "start %s", path)
	return &chromium{ctx: ctx, shots: artifacts(t)}
}

// artifacts returns the folder for what people look at after the tests: TENON_ARTIFACTS, which make sets, or the one
// that go test -artifacts keeps.
func artifacts(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("TENON_ARTIFACTS")
	if dir == "" {
		return t.ArtifactDir()
	}
	dir = filepath.Join(dir, "transbot")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	return dir
}
