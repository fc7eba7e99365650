package pgtest

import "syscall"

// process runs a program as somebody else (nil: as ourselves) and ends it with us.
func process(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGQUIT}
}
