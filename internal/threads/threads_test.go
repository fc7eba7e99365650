package threads

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestC20Threads: Reserve creates threads for the time when a step uses up all processes.
func TestC20Threads(t *testing.T) {
	Reserve(12)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(status)) {
		count, ok := strings.CutPrefix(line, "Threads:")
		if !ok {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(count))
		if err != nil || n < 12 {
			t.Errorf("%d threads, %v", n, err)
		}
	}
}
