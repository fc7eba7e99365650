package main

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"
)

// await returns the record of a step as soon as it is there.
func await(at layout, index int) (record, error) {
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC)
	if err != nil {
		return record{}, fmt.Errorf("wait for step %d: inotify: %w", index+1, err)
	}
	defer syscall.Close(fd)
	if _, err := syscall.InotifyAddWatch(fd, at.sync, syscall.IN_MOVED_TO); err != nil {
		return record{}, fmt.Errorf("wait for step %d: watch %s: %w", index+1, at.sync, err)
	}
	buf := make([]byte, 4096)
	for {
		// The watch is set before the look, so nothing can slip in between.
		data, err := os.ReadFile(doneFile(at, index))
		if err == nil {
			var r record
			if err := json.Unmarshal(data, &r); err != nil {
				return r, fmt.Errorf("record of step %d: %w", index+1, err)
			}
			return r, nil
		}
		if !os.IsNotExist(err) {
			return record{}, fmt.Errorf("record of step %d: %w", index+1, err)
		}
		if _, err := syscall.Read(fd, buf); err != nil && err != syscall.EINTR {
			return record{}, fmt.Errorf("wait for step %d: %w", index+1, err)
		}
	}
}
