package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// role owns every server; only processes of the same account reach the socket, so it needs no password there. It is not
// named after the schema, or names that lack it would be found by the default search path.
const role = "tenon_owner"

// initdbOptions make a cluster. Small log segments make it half as large and so twice as fast to copy.
var initdbOptions = []string{
	"--username=" + role, "--auth-local=trust", "--auth-host=scram-sha-256",
	"--encoding=UTF8", "--locale=C", "--wal-segsize=1", "--no-sync",
}

// clusterVersion belongs to initdbOptions: raise it with every change to them.
const clusterVersion = 2

// cluster fills the empty folder dir from a cached cluster, which is made first where there is none yet.
func cluster(ctx context.Context, b Binaries, as *account, dir string) error {
	base, err := base()
	if err != nil {
		return err
	}
	// Systems that clean /tmp by age would leave a cluster with holes, so each day has its own.
	name := fmt.Sprintf("initdb-%s-v%d-%s", b.Version, clusterVersion, time.Now().UTC().Format("20060102"))
	cached := filepath.Join(base, name)
	if err := initdb(ctx, b, as, cached); err != nil {
		return err
	}
	return runAs(ctx, as, "cp", "-a", filepath.Join(cached, "data")+"/.", dir)
}

// initdb makes the cached cluster where there is none, whole or not at all.
func initdb(ctx context.Context, b Binaries, as *account, cached string) error {
	if _, err := os.Stat(cached); err == nil {
		return nil
	}
	unlock, err := flock(cached + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(cached); err == nil {
		return nil // made while we waited
	}
	return initdbOnce(ctx, b, as, cached)
}

func initdbOnce(ctx context.Context, b Binaries, as *account, cached string) error {
	part := cached + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := os.Mkdir(part, 0o755); err != nil {
		return err
	}
	password := filepath.Join(part, "password") // initdb wants one; a server with TCP sets its own
	if err := os.WriteFile(password, []byte(newPassword()), 0o600); err != nil {
		return err
	}
	if err := errors.Join(as.own(password), as.own(part)); err != nil {
		return err
	}
	args := append([]string{"--pgdata=" + filepath.Join(part, "data")}, initdbOptions...)
	if err := runAs(ctx, as, filepath.Join(b.Dir, "initdb"), append(args, "--pwfile="+password)...); err != nil {
		return err
	}
	return os.Rename(part, cached)
}

// KeepDir returns a folder for Options.Dir, by a name of the caller's, that the server's account can enter: below the
// user's cache folder, and for root below /var/lib.
func KeepDir(name string) string {
	if cache, err := os.UserCacheDir(); err == nil && os.Geteuid() != 0 {
		return filepath.Join(cache, "tenon", name)
	}
	return filepath.Join("/var/lib/tenon", name)
}

// keep readies dir for data that stays: it returns the lock on it, which another process may hold for as long as its
// watcher needs to end its server.
func keep(ctx context.Context, b Binaries, as *account, dir string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	lock, err := waitLock(ctx, dir+".lock")
	if err != nil {
		return nil, fmt.Errorf("pgtest: %s is in use by another process: %w", dir, err)
	}
	if err := fillKept(ctx, b, as, dir); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

func fillKept(ctx context.Context, b Binaries, as *account, dir string) error {
	made, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	if err == nil {
		return sameMajor(b, dir, strings.TrimSpace(string(made)))
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		return fmt.Errorf("pgtest: %s holds files, but not Postgres' data: choose another folder", dir)
	}
	part := dir + ".new"
	if err := errors.Join(os.RemoveAll(part), os.Mkdir(part, 0o700), as.own(part)); err != nil {
		return err
	}
	if err := runAs(ctx, as, "test", "-x", part); err != nil {
		return fmt.Errorf("pgtest: %s cannot enter %s: choose a folder that it can, such as %s",
			as, filepath.Dir(dir), KeepDir("data"))
	}
	if err := cluster(ctx, b, as, part); err != nil {
		return err
	}
	if err := runAs(ctx, as, filepath.Join(b.Dir, "initdb"), "--sync-only", "--pgdata="+part); err != nil {
		return err
	}
	_ = os.Remove(dir) // an empty one
	return os.Rename(part, dir)
}

func sameMajor(b Binaries, dir, made string) error {
	if made == strconv.Itoa(b.Major) {
		return nil
	}
	return fmt.Errorf("pgtest: the data in %s was made by Postgres %s and %s is %s: "+
		"set TENON_PG_BIN to the programs of version %s, or remove the folder", dir, made, b.Dir, b.Version, made)
}

// waitLock waits for a few seconds: an earlier process may be gone and its server not yet.
func waitLock(ctx context.Context, path string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		lock, err := tryLock(path)
		if err == nil {
			return lock, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func runAs(ctx context.Context, as *account, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	as.run(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pgtest: %s: %w: %s", filepath.Base(name), err, strings.TrimSpace(string(out)))
	}
	return nil
}
