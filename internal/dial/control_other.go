//go:build !linux

package dial

import "syscall"

// control leaves a connection as it is: only Linux has TCP_USER_TIMEOUT, and keep-alives do the rest.
func control(_, _ string, _ syscall.RawConn) error { return nil }
