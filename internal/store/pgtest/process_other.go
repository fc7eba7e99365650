//go:build !linux

package pgtest

import "syscall"

// process runs a program as somebody else (nil: as ourselves).
func process(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: as}
}
