//go:build !linux

package redistest

import "syscall"

// onDeath does nothing here: the watcher alone ends the child.
func onDeath(*syscall.SysProcAttr) {}
