package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Setting names the machine and the versions in one sentence, without the machine's name or any path.
func (l *Lab) Setting(ctx context.Context) (string, error) {
	s := fmt.Sprintf("%s with %d cores (%s), %s, %s %s/%s", processor(), runtime.NumCPU(), l.load, kernel(), runtime.Version(),
		runtime.GOOS, runtime.GOARCH)
	if l.server == nil {
		return s + ".", nil
	}
	version, err := l.version(ctx)
	if err != nil {
		return "", err
	}
	sync, err := l.syncTime()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, Postgres %s on the same machine by a unix socket (fsync %s, synchronous_commit on; one fdatasync of 8 KiB takes %d µs).",
		s, version, onOff(!l.Quick), sync.Microseconds()), nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func (l *Lab) version(ctx context.Context) (version string, err error) {
	conn, err := pgx.Connect(ctx, l.server.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "select split_part(current_setting('server_version'), ' ', 1)").Scan(&version)
	return version, err
}

// syncTime returns the median time that the disk under the server takes to keep a block. It says how much of a commit
// is waiting, which is what grouping saves.
func (l *Lab) syncTime() (time.Duration, error) {
	f, err := os.Create(filepath.Join(l.server.Socket(), "sync"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 8<<10)
	times := make([]time.Duration, 101)
	for i := range times {
		start := time.Now()
		if _, err := f.WriteAt(block, 0); err != nil {
			return 0, err
		}
		if err := syncData(f); err != nil {
			return 0, err
		}
		times[i] = time.Since(start)
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// processor returns the processor's name: from /proc on Linux, from sysctl on a Mac.
func processor() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	out, err := exec.Command("sysctl", "-n", "machdep.cpu.brand_string").Output()
	if err != nil {
		return "unknown processor"
	}
	return strings.TrimSpace(string(out))
}

func kernel() string {
	out, err := exec.Command("uname", "-sr").Output()
	if err != nil {
		return runtime.GOOS
	}
	return strings.TrimSpace(string(out))
}

// loadAverage tells how busy the machine was before we began: on a busy one both sides are slower, and who waits for
// locks loses less by it than who computes.
func loadAverage() string {
	b, _ := os.ReadFile("/proc/loadavg")
	average, _, ok := strings.Cut(string(b), " ")
	if !ok {
		return "load unknown"
	}
	return "load average before the run " + average
}
