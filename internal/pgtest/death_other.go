//go:build !linux

package pgtest

import "syscall"

// onDeath does nothing here: the watcher alone ends the child.
func onDeath(*syscall.SysProcAttr, syscall.Signal) {}
