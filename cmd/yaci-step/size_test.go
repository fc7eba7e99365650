package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// maxSize bounds the runner, which is copied into every pod, in bytes.
const maxSize = 3<<20 + 256<<10

func TestSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yaci-step")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxSize {
		t.Errorf("the runner has %d bytes; at most %d are allowed", info.Size(), maxSize)
	}
}
