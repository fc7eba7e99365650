package main

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"
)

// await returns the record of a step, or of the clone, as soon as it is there.
func await(at layout, index int) (r record, err error) {
	path := doneFile(at, index)
	if err := awaitFile(at, path); err != nil {
		return r, err
	}
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		return r, fmt.Errorf("record of step %d: %w", index+1, err)
	}
	return r, nil
}

// awaitFile returns as soon as one of the files exists. They are in at.sync.
func awaitFile(at layout, paths ...string) error {
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC)
	if err != nil {
		return fmt.Errorf("wait: inotify: %w", err)
	}
	defer syscall.Close(fd)
	if _, err := syscall.InotifyAddWatch(fd, at.sync, syscall.IN_MOVED_TO|syscall.IN_CREATE); err != nil {
		return fmt.Errorf("wait: watch %s: %w", at.sync, err)
	}
	buf := make([]byte, 4096)
	for {
		// The watch is set before the look, so nothing can slip in between.
		for _, path := range paths {
			if _, err := os.Stat(path); err == nil {
				return nil
			} else if !os.IsNotExist(err) {
				return fmt.Errorf("wait: %w", err)
			}
		}
		if _, err := syscall.Read(fd, buf); err != nil && err != syscall.EINTR {
			return fmt.Errorf("wait: %w", err)
		}
	}
}
