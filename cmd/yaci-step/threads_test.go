package main

import (
	"os"
	"strings"
	"testing"
)

// TestC20Threads: the runtime has threads in reserve when a step uses up all processes.
func TestC20Threads(t *testing.T) {
	reserveThreads()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(status)) {
		if n, ok := strings.CutPrefix(line, "Threads:"); ok && len(strings.TrimSpace(n)) < 2 {
			t.Errorf("%s threads", strings.TrimSpace(n))
		}
	}
}
