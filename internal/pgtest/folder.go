package pgtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// memory is where Linux keeps files in memory.
const memory = "/dev/shm"

// room is what must be free there before data goes there: template databases, a few dozen clones and their log.
const room = 1 << 30

// folder is a place for one server: its socket, its log, the number of its process, and its data where it is not kept.
// It is locked for as long as we or the watcher live, and an unlocked one is a leftover.
type folder struct {
	path    string // short: a socket's path has at most 103 bytes on a Mac
	data    string // removed with path
	lock    *os.File
	watcher *os.File // we hold its other end
}

// base returns the folder of all our folders. It is not os.TempDir, which is too long for a socket on a Mac, nor in the
// home folder, which a server started by root cannot enter.
func base() (string, error) {
	return ownFolder(filepath.Join("/tmp", fmt.Sprintf("tenon-pg-%d", os.Geteuid())))
}

// ownFolder makes a folder in a place where others write too, and refuses one that another made first.
func ownFolder(path string) (string, error) {
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("pgtest: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return "", fmt.Errorf("pgtest: %w", err)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || !ok || int(stat.Uid) != os.Geteuid() {
		return "", fmt.Errorf("pgtest: %s belongs to somebody else: remove it", path)
	}
	return path, nil
}

// newFolder makes a folder for a server that runs as a, after removing leftovers. The data lies in memory when inMemory
// is set and there is room.
func newFolder(a *account, inMemory bool) (*folder, error) {
	base, err := base()
	if err != nil {
		return nil, err
	}
	// Between being made and being locked a folder looks like a leftover, so one process at a time does either.
	unlock, err := flock(filepath.Join(base, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	sweep(base)
	f := &folder{}
	if f.path, err = os.MkdirTemp(base, "r"); err != nil {
		return nil, err
	}
	if err := f.fill(a, inMemory); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	return f, nil
}

func (f *folder) fill(a *account, inMemory bool) (err error) {
	if f.lock, err = tryLock(filepath.Join(f.path, "lock")); err != nil {
		return err
	}
	f.data = filepath.Join(f.path, "data")
	if parent := memoryBase(); inMemory && parent != "" {
		f.data = filepath.Join(parent, filepath.Base(f.path))
	}
	if err := os.Mkdir(f.data, 0o700); err != nil {
		return err
	}
	return errors.Join(a.own(f.path), a.own(f.data))
}

// memoryBase returns the folder of all our folders in memory, and nothing when there is no room.
func memoryBase() string {
	var stat syscall.Statfs_t
	if syscall.Statfs(memory, &stat) != nil || uint64(stat.Bavail)*uint64(stat.Bsize) < room {
		return ""
	}
	dir, err := ownFolder(filepath.Join(memory, fmt.Sprintf("tenon-pg-%d", os.Geteuid())))
	if err != nil {
		return ""
	}
	return dir
}

// watch is the watcher: it reads until our end of the pipe closes, however we end. When the server's number is still
// there, we did not stop it, so it does, and removes both folders. A zombie is not alive: some containers never wait for
// orphans.
const watch = `alive() { kill -0 "$pid" 2>/dev/null && ! grep -q "^State:.Z" "/proc/$pid/status" 2>/dev/null; }
cat >/dev/null
pid=$(cat "$1/pid" 2>/dev/null)
if [ -n "$pid" ] && alive; then
  kill -"$3" "$pid"
  kill -CONT "$pid"
  n=0
  while alive && [ $n -lt "$4" ]; do sleep 0.02; n=$((n+1)); done
  alive && kill -KILL "$pid"
fi 2>/dev/null
rm -rf "$1" "$2"`

// guard starts the watcher, which ends the server by sig and grants it some time, in steps of 20 ms. It holds the
// locks too, so that nobody takes the folder or the data while it is still at work.
func (f *folder) guard(sig string, steps int, locks ...*os.File) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := exec.Command("/bin/sh", "-c", watch, "tenon-watch", f.path, f.data, sig, strconv.Itoa(steps))
	cmd.Dir, cmd.Stdin = "/", r
	cmd.ExtraFiles = append(locks, f.lock)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return errors.Join(err, w.Close())
	}
	go func() { _ = cmd.Wait() }()
	f.watcher = w
	return nil
}

// note keeps the server's number for the watcher and for sweep; 0 is none.
func (f *folder) note(pid int) error {
	path := filepath.Join(f.path, "pid")
	if pid == 0 {
		return os.Remove(path)
	}
	if err := os.WriteFile(path+".new", []byte(strconv.Itoa(pid)), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// remove removes the folder and lets the watcher go.
func (f *folder) remove() error {
	err := errors.Join(os.RemoveAll(f.data), os.RemoveAll(f.path))
	for _, file := range []*os.File{f.watcher, f.lock} {
		if file != nil {
			_ = file.Close()
		}
	}
	return err
}

// sweep removes the folders of processes that ended together with their watchers, and cached clusters of earlier days.
func sweep(base string) {
	cached, _ := filepath.Glob(filepath.Join(base, "initdb-*"))
	for _, path := range cached {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > 48*time.Hour {
			_ = os.RemoveAll(path)
		}
	}
	dirs, _ := filepath.Glob(filepath.Join(base, "r*"))
	for _, dir := range dirs {
		lock, err := tryLock(filepath.Join(dir, "lock"))
		if err != nil {
			continue
		}
		if b, err := os.ReadFile(filepath.Join(dir, "pid")); err == nil {
			killIf(string(b), dir)
		}
		_ = os.RemoveAll(filepath.Join(memory, filepath.Base(base), filepath.Base(dir)))
		_ = os.RemoveAll(dir)
		_ = lock.Close()
	}
}

// killIf kills the process with that number if it still is the one that runs in dir.
func killIf(number, dir string) {
	if pid, err := strconv.Atoi(number); err == nil && strings.Contains(commandLine(pid), dir) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// flock waits for a lock that other processes honour.
func flock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// tryLock takes a lock that nobody has; it is given back when the file and its copies are closed.
func tryLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
