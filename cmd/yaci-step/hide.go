package main

import (
	"fmt"
	"syscall"
)

// prSetDumpable is PR_SET_DUMPABLE of prctl(2).
const prSetDumpable = 4

// hide keeps other processes of the container, also those of the same user and of
// root without CAP_SYS_PTRACE, from the runner's memory, environment and open files
// (/proc/1/mem, /proc/1/environ, /proc/1/fd; ptrace(2), "Ptrace access mode
// checking"). A command that the runner starts is not affected: execve(2) resets it.
func hide() error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0); errno != 0 {
		return fmt.Errorf("prctl(PR_SET_DUMPABLE): %w", errno)
	}
	return nil
}
