package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// A token that is not given back is told of in a record that else stays as it was.
func TestRevokeIsNoted(t *testing.T) {
	for name, c := range map[string]struct{ yaci, token, note string }{
		"given back": {`test "$1 $2" = "revoke-token https://hub" && test "$(cat)" = ghs_secret`, "ghs_secret\n", ""},
		"refused":    {"echo yaci: refused; exit 1", "ghs_secret\n", "revoke clone token: exit status 1: yaci: refused"},
		"no token":   {"echo called; exit 1", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, "true")
			if err := copyFile(os.Args[0], filepath.Join(p.dir, "yaci-step"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(p.dir, "yaci"), []byte("#!/bin/sh\n"+c.yaci+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			if c.token != "" {
				p.write("seed/token", c.token)
			}
			cmd := p.command("again", "prepare")
			cmd.Path = filepath.Join(p.dir, "yaci-step")
			cmd.Env = append(cmd.Env, "YACI_CLONE_REVOKE=https://hub")
			out, err := cmd.CombinedOutput()
			if err != nil || strings.Contains(string(out), "secret") {
				t.Errorf("%v: %s", err, out)
			}
			r := p.record("again")
			if r.Note != c.note || r.Exit != 0 || r.Finished == 0 {
				t.Errorf("record %+v", r)
			}
		})
	}
}

// TestC1RevocationIsBounded: the steps wait for the end of the clone container, so
// a GitHub that does not answer costs them little.
func TestC1RevocationIsBounded(t *testing.T) {
	p := newPod(t, "true")
	if err := copyFile(os.Args[0], filepath.Join(p.dir, "yaci-step"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "yaci"), []byte("#!/bin/sh\nexec sleep 600\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	p.write("seed/token", "ghs_secret")
	cmd := p.command("again", "prepare")
	cmd.Path = filepath.Join(p.dir, "yaci-step")
	cmd.Env = append(cmd.Env, "YACI_CLONE_REVOKE=https://hub")
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	r := p.record("again")
	if r.Exit != 0 || !strings.HasPrefix(r.Note, "revoke clone token: signal: killed") {
		t.Errorf("record %+v", r)
	}
	took := time.Since(began)
	if took < runner.RevokeTimeout || took > runner.RevokeTimeout+20*time.Second {
		t.Errorf("it took %v", took)
	}
}
