//go:build unix

package spool

import (
	"errors"
	"os"
	"syscall"
)

// lockFile locks f until it is closed, and says whether it could: no if another holds the lock.
func lockFile(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
