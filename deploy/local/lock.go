package main

import (
	"fmt"
	"os"
	"syscall"
)

// lock waits until nobody else holds the directory. The kernel ends it with the
// process, so a lock is never left behind.
func lock(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		fmt.Fprintf(os.Stderr, "  waiting for another call that uses %s\n", dir)
		if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX); err != nil {
			return nil, fmt.Errorf("lock %s: %w", dir, err)
		}
	}
	return func() { d.Close() }, nil
}
