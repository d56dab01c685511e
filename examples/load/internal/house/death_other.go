//go:build !linux

package house

import "syscall"

// onDeath does nothing here: a child whose parent was killed outright stays.
func onDeath(*syscall.SysProcAttr) {}
