package house

import "syscall"

// onDeath has the kernel kill the child when the thread that started it ends.
func onDeath(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
