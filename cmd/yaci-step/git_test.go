package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a commit brought into .git, as by a submodule whose path is a link
// (CVE-2024-32002, CVE-2025-48384), runs nothing, and no submodule is a path of this machine.
func TestGitRunsNothingOfTheRepository(t *testing.T) {
	dir := t.TempDir()
	g := repository{dir: dir, home: t.TempDir()}
	if err := g.git("init", "--quiet"); err != nil {
		t.Fatal(err)
	}
	ran := filepath.Join(dir, "ran")
	for _, hook := range []string{"post-checkout", "post-commit", "pre-commit", "reference-transaction"} {
		path := filepath.Join(dir, ".git", "hooks", hook)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho "+hook+" >>"+ran+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"commit", "--quiet", "--allow-empty", "-m", "First"}, {"checkout", "--quiet", "-b", "topic"}} {
		if err := g.git(args...); err != nil {
			t.Fatal(err)
		}
	}
	if hooks, err := os.ReadFile(ran); err == nil {
		t.Errorf("hooks ran: %s", hooks)
	}
	err := g.git("submodule", "add", dir, "sub")
	if err == nil || !strings.Contains(err.Error(), "sub") {
		t.Errorf("a submodule of a path of this machine: %v", err)
	}
	o := origin{t: t} // the hooks would run otherwise
	o.run(dir, "commit", "--quiet", "--allow-empty", "-m", "Second")
	if _, err := os.Stat(ran); err != nil {
		t.Errorf("the hooks of this test do not run at all: %v", err)
	}
}
