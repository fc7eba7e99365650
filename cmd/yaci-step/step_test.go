package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the test binary stand in for the runner: steps are processes, as in a pod.
func TestMain(m *testing.M) {
	if dir := os.Getenv("YACI_STEP_TEST_ROOT"); dir != "" {
		os.Exit(run(os.Args[1:], layoutIn(dir)))
	}
	os.Exit(m.Run())
}

func layoutIn(dir string) layout {
	return layout{dir + "/bin", dir + "/sync", dir + "/seed", dir + "/workspace",
		filepath.Join(dir, "termination-"+os.Getenv("YACI_STEP_TEST_NAME"))}
}

type pod struct {
	t   *testing.T
	dir string
}

// newPod lays out a pod whose steps run one after another.
func newPod(t *testing.T, scripts ...string) pod {
	p := pod{t, t.TempDir()}
	for _, d := range []string{"bin", "sync", "seed", "workspace"} {
		if err := os.Mkdir(filepath.Join(p.dir, d), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	var plans []plan
	for i, s := range scripts {
		needs := []int{}
		if i > 0 {
			needs = append(needs, i-1)
		}
		name := string(rune('a'+i)) + ".sh"
		plans = append(plans, plan{Script: name, Needs: needs, Shell: []string{"sh", "-e"}})
		p.write("seed/"+name, s)
	}
	data, _ := json.Marshal(plans)
	p.write("seed/plan.json", string(data))
	return p
}

func (p pod) write(name, text string) {
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p pod) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = filepath.Join(p.dir, "workspace")
	cmd.Env = append(os.Environ(), "YACI_STEP_TEST_ROOT="+p.dir, "YACI_STEP_TEST_NAME="+name)
	return cmd
}

func (p pod) record(name string) (r record) {
	p.t.Helper()
	data, err := os.ReadFile(filepath.Join(p.dir, "termination-"+name))
	if err != nil {
		p.t.Fatal(err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// TestStepsHandOver: the later steps are started first, as a kubelet may do.
func TestStepsHandOver(t *testing.T) {
	p := newPod(t, "echo one; printf two", "echo second; exit 3", "touch never")
	if out, err := p.command("clone", "prepare").CombinedOutput(); err != nil {
		t.Fatalf("prepare: %v: %s", err, out)
	}
	outputs := make([]strings.Builder, 3)
	var cmds []*exec.Cmd
	for i := 2; i >= 0; i-- {
		name := string(rune('0' + i))
		cmd := p.command(name, "run", name)
		cmd.Stdout = &outputs[i]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds = append(cmds, cmd)
	}
	for _, c := range cmds {
		c.Wait()
	}
	if codes := []int{cmds[2].ProcessState.ExitCode(), cmds[1].ProcessState.ExitCode(), cmds[0].ProcessState.ExitCode()}; codes[0] != 0 || codes[1] != 3 || codes[2] != 0 {
		t.Errorf("exit codes %v, want 0 3 0", codes)
	}
	if got := outputs[0].String(); got != "one\ntwo" {
		t.Errorf("output %q", got)
	}
	first, second, third := p.record("0"), p.record("1"), p.record("2")
	if first.Exit != 0 || first.Bytes != 7 || first.Lines != 1 || first.Started == 0 || first.Finished < first.Started {
		t.Errorf("first %+v", first)
	}
	if second.Exit != 3 || second.Started < first.Finished {
		t.Errorf("second %+v after %+v", second, first)
	}
	if !third.Skipped || third.Started != 0 {
		t.Errorf("third %+v, want skipped", third)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "workspace", "never")); err == nil {
		t.Error("the third step ran")
	}
}

func TestShErrexitAndMissingShell(t *testing.T) {
	p := newPod(t, "false\ntouch never\n")
	p.command("clone", "prepare").Run()
	p.command("0", "run", "0").Run()
	if r := p.record("0"); r.Exit != 1 {
		t.Errorf("record %+v, want exit 1", r)
	}
	cmd := p.command("0", "run", "0")
	cmd.Env = append(cmd.Env, "PATH=/nowhere")
	cmd.Run()
	if r := p.record("0"); r.Exit != 127 || !strings.Contains(r.Reason, "the image has no sh") {
		t.Errorf("record %+v, want 127 and a sentence", r)
	}
}

// A child that keeps the output open must not keep the step.
func TestLeftoverChild(t *testing.T) {
	p := newPod(t, "sleep 600 & setsid sleep 30 & echo done")
	p.command("clone", "prepare").Run()
	out, err := p.command("0", "run", "0").Output()
	if err != nil || string(out) != "done\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestPrepareKeepsTheTokenToItself(t *testing.T) {
	p := newPod(t, "true")
	p.write("seed/token", "ghs_secret")
	if out, err := p.command("clone", "prepare").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "bin", "token")); !os.IsNotExist(err) {
		t.Errorf("the token is where steps can read it: %v", err)
	}
	cmd := p.command("clone", "prepare")
	cmd.Env = append(cmd.Env, "YACI_CLONE_URL=https://x-access-token:ghs_secret@github.com/a/b.git", "YACI_CLONE_SHA=--upload-pack=x")
	if err := cmd.Run(); err == nil {
		t.Error("a URL with credentials was accepted")
	}
}
