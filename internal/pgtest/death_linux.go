package pgtest

import "syscall"

// onDeath has the kernel send sig to the child when the thread that started it ends.
func onDeath(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }
