package redistest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// folder is a place for one server: its socket, its log, its data and the number of its process. It is locked for as
// long as we or the watcher live, and an unlocked one is a leftover.
type folder struct {
	path    string // short: a socket's path has at most 103 bytes on a Mac
	lock    *os.File
	watcher *os.File // we hold its other end
}

// base returns the folder of all our folders, which others must not have made first. It is not os.TempDir, which is too
// long for a socket on a Mac.
func base() (string, error) {
	path := filepath.Join("/tmp", fmt.Sprintf("tenon-redis-%d", os.Geteuid()))
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("redistest: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return "", fmt.Errorf("redistest: %w", err)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || !ok || int(stat.Uid) != os.Geteuid() {
		return "", fmt.Errorf("redistest: %s belongs to somebody else: remove it", path)
	}
	return path, nil
}

// newFolder makes a folder, after removing leftovers, and starts its watcher before there is anything to watch.
func newFolder() (*folder, error) {
	base, err := base()
	if err != nil {
		return nil, err
	}
	// Between being made and being locked a folder looks like a leftover, so one process at a time does either.
	all, err := lockFile(filepath.Join(base, "lock"), syscall.LOCK_EX)
	if err != nil {
		return nil, err
	}
	defer all.Close()
	sweep(base)
	f := &folder{}
	if f.path, err = os.MkdirTemp(base, "r"); err != nil {
		return nil, err
	}
	if f.lock, err = lockFile(filepath.Join(f.path, "lock"), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		err = f.guard()
	}
	if err != nil {
		return nil, errors.Join(err, f.remove())
	}
	return f, nil
}

// watch is the watcher: it reads until our end of the pipe closes, however we end. When the server's number is still
// there, we did not stop it, so it does, and removes the folder.
const watch = `cat >/dev/null
pid=$(cat "$1/pid" 2>/dev/null)
[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null
rm -rf "$1"`

func (f *folder) guard() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := exec.Command("/bin/sh", "-c", watch, "tenon-watch", f.path)
	cmd.Dir, cmd.Stdin, cmd.ExtraFiles = "/", r, []*os.File{f.lock}
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
	err := os.RemoveAll(f.path)
	for _, file := range []*os.File{f.watcher, f.lock} {
		if file != nil {
			_ = file.Close()
		}
	}
	return err
}

// sweep removes the folders of processes that ended together with their watchers. A server of theirs ends by itself
// where the kernel sees to it, and elsewhere loses its folder and is left alone: its number may be another's by now.
func sweep(base string) {
	dirs, _ := filepath.Glob(filepath.Join(base, "r*"))
	for _, dir := range dirs {
		if lock, err := lockFile(filepath.Join(dir, "lock"), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			_ = os.RemoveAll(dir)
			_ = lock.Close()
		}
	}
}

// lockFile takes a lock that other processes honour; it is given back when the file and its copies are closed.
func lockFile(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err = syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
