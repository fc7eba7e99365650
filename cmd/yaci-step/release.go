package main

import (
	"os"
	"path/filepath"
	"time"
)

// releaseWait bounds how long the clone container outlives its work for the hook's sake.
const releaseWait = 10 * time.Second

// release is the clone container's postStart hook. The kubelet starts the steps
// when it returns: their runner is in place, or never will be.
func release(at layout) int {
	if touch(released(at)) != nil || awaitFile(at, seeded(at), doneFile(at, cloned)) != nil {
		return 1
	}
	return 0
}

// awaitRelease keeps the container until the hook has run: the kubelet cannot run it in one that has ended.
func awaitRelease(at layout) {
	ran := make(chan error, 1)
	go func() { ran <- awaitFile(at, released(at)) }()
	select {
	case <-ran:
	case <-time.After(releaseWait):
	}
}

func seeded(at layout) string   { return filepath.Join(at.sync, ".seeded") }
func released(at layout) string { return filepath.Join(at.sync, ".released") }

func touch(path string) error { return os.WriteFile(path, nil, 0o644) }
