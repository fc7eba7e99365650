package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/yaci-ci/yaci/internal/runner"
)

func TestKilledForMemory(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		want       int
	}{
		"v2":      {"memory.events", "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n", 2},
		"v1":      {"memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", 1},
		"old v1":  {"memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n", 0},
		"garbled": {"memory.events", "oom_kill x\n", 0},
		"none":    {"other", "oom_kill 7\n", 0},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, c.file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := countOOMKills(dir); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestUsage(t *testing.T) {
	if err := exec.Command("sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done").Run(); err != nil {
		t.Fatal(err)
	}
	r := runner.Record{}
	recordUsage(&r, podPaths{cgroup: t.TempDir()}, 0)
	if r.CPU <= 0 || r.Memory < 100<<10 || r.OOM != 0 {
		t.Errorf("%+v", r)
	}
}
