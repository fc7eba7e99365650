package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// emptyPod is a pod of one step before its clone container has begun.
func emptyPod(t *testing.T) pod {
	p := newPod(t, "touch ran")
	for _, name := range []string{"bin/yaci-step", "bin/plan.json", "sync/clone.json", "sync/.seeded", "termination-clone"} {
		if err := os.Remove(filepath.Join(p.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// The clone container lives until its hook has run, and the hook returns when the runner is there.
func TestReleaseMeetsPrepare(t *testing.T) {
	for _, order := range []string{"prepare first", "release first"} {
		p := emptyPod(t)
		prepare, release := p.command("clone", "prepare", "beside"), p.command("hook", "release")
		first, second := prepare, release
		if order == "release first" {
			first, second = release, prepare
		}
		if err := first.Start(); err != nil {
			t.Fatal(err)
		}
		if out, err := second.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", order, err, out)
		}
		if _, err := os.Stat(filepath.Join(p.dir, "bin", "yaci-step")); err != nil {
			t.Errorf("%s: %v", order, err)
		}
		if err := first.Wait(); err != nil {
			t.Errorf("%s: %v", order, err)
		}
	}
}

// Without the Secret there is no runner; the hook does not wait for it for ever.
func TestReleaseWhenSeedingFails(t *testing.T) {
	p := emptyPod(t)
	if err := os.Remove(filepath.Join(p.dir, "seed", "plan.json")); err != nil {
		t.Fatal(err)
	}
	prepare := p.command("clone", "prepare", "beside")
	if err := prepare.Start(); err != nil {
		t.Fatal(err)
	}
	if out, err := p.command("hook", "release").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if err := prepare.Wait(); err == nil {
		t.Error("prepare succeeded without a plan")
	}
	if r := p.record("clone"); !strings.Contains(r.Reason, "the job's Secret is gone") {
		t.Errorf("record %+v", r)
	}
}

// Nothing runs without the commit, whatever its when says.
func TestNoStepWithoutTheCommit(t *testing.T) {
	for _, when := range []string{"", "always", "failure"} {
		alone := script("touch ran")
		alone.When = when
		p := newPodOf(t, alone)
		cmd := p.command("clone", "prepare")
		cmd.Env = append(cmd.Env, "YACI_CLONE_URL=ftp://nowhere", "YACI_CLONE_SHA=x")
		if cmd.Run() == nil {
			t.Fatal("cloned from nowhere")
		}
		codes, _ := p.runAll(1)
		if r := p.record("0"); codes[0] != 0 || !r.Skipped || !r.Failed || r.Reason != "skipped: the commit could not be fetched" {
			t.Errorf("%q: exit %d, record %+v", when, codes[0], r)
		}
		if _, err := os.Stat(filepath.Join(p.dir, "workspace", "ran")); err == nil {
			t.Errorf("%q: the step ran", when)
		}
	}
}
