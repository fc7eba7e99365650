package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/runner"
)

// TestMain lets the test binary stand in for the runner: steps are processes, as in a pod.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "credential" { // as git calls its helper
		os.Exit(dispatch(os.Args[1:], podPaths{}))
	}
	if f := treeFunctions()[os.Getenv("YACI_STEP_TEST_TREE")]; f != nil {
		if err := f(os.Getenv("YACI_STEP_TEST_DIR")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dir := os.Getenv("YACI_STEP_TEST_ROOT"); dir != "" {
		os.Exit(dispatch(os.Args[1:], layoutIn(dir)))
	}
	os.Exit(m.Run())
}

func layoutIn(dir string) podPaths {
	name := os.Getenv("YACI_STEP_TEST_NAME")
	return podPaths{
		bin:         dir + "/bin",
		sync:        dir + "/sync",
		own:         filepath.Join(dir, "sync", name),
		payload:     dir + "/seed",
		volume:      dir,
		workspace:   dir + "/workspace",
		homes:       dir + "/home",
		termination: filepath.Join(dir, "termination-"+name),
		cgroup:      dir + "/cgroup",
		gitconfig:   dir + "/gitconfig",
	}
}

type pod struct {
	t   *testing.T
	dir string
}

// newPod lays out a pod whose steps run one after another.
func newPod(t *testing.T, scripts ...string) pod {
	var plans []runner.StepPlan
	for i, s := range scripts {
		p := script(s)
		if i > 0 {
			p.Needs = []int{i - 1}
		}
		plans = append(plans, p)
	}
	return newPodOf(t, plans...)
}

// script is a plan whose Script is the text; newPodOf makes a file of it. The log has only what it prints.
func script(text string) runner.StepPlan {
	return runner.StepPlan{Script: text, Command: []string{"sh", "-e"}, Quiet: true}
}

func newPodOf(t *testing.T, plans ...runner.StepPlan) pod {
	p := pod{t, t.TempDir()}
	for _, d := range []string{"bin", "sync", "seed", "workspace"} {
		if err := os.Mkdir(filepath.Join(p.dir, d), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for i := range plans {
		if text := plans[i].Script; text != "" {
			plans[i].Script = string(rune('a'+i)) + ".sh"
			p.write("seed/"+plans[i].Script, text)
		}
	}
	data, _ := json.Marshal(plans)
	p.write("seed/"+runner.PlanFile, string(data))
	if out, err := p.command("clone", "prepare").CombinedOutput(); err != nil {
		t.Fatalf("prepare: %v: %s", err, out)
	}
	return p
}

// runAll runs all steps at once, as a kubelet does, and returns exit codes and outputs.
func (p pod) runAll(count int) (codes []int, outputs []string) {
	p.t.Helper()
	buffers := make([]strings.Builder, count)
	cmds := make([]*exec.Cmd, count)
	for i := count - 1; i >= 0; i-- { // the later ones first: order must not matter
		name := strconv.Itoa(i)
		cmds[i] = p.command(name, "run", name)
		cmds[i].Stdout = &buffers[i]
		if err := cmds[i].Start(); err != nil {
			p.t.Fatal(err)
		}
	}
	for i, c := range cmds {
		c.Wait()
		codes, outputs = append(codes, c.ProcessState.ExitCode()), append(outputs, buffers[i].String())
	}
	return codes, outputs
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

// record is what a container left for the server.
func (p pod) record(name string) runner.Record {
	p.t.Helper()
	data, err := os.ReadFile(filepath.Join(p.dir, "termination-"+name))
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := runner.ParseRecord(string(data))
	if err != nil {
		p.t.Fatalf("%s: %v", name, err)
	}
	return r
}

func TestStepsHandOver(t *testing.T) {
	p := newPod(t, "echo one; printf two", "echo second; exit 3", "touch never")
	codes, outputs := p.runAll(3)
	if !slices.Equal(codes, []int{0, 3, 0}) {
		t.Errorf("exit codes %v, want 0 3 0", codes)
	}
	if outputs[0] != "one\ntwo" {
		t.Errorf("output %q", outputs[0])
	}
	first := p.record("0")
	second := p.record("1")
	third := p.record("2")
	if first.Exit != 0 || first.Bytes != 7 || first.Lines != 1 || first.Started == 0 || first.Finished < first.Started ||
		first.Failed {
		t.Errorf("first %+v", first)
	}
	if second.Exit != 3 || second.Started < first.Finished || !second.Failed {
		t.Errorf("second %+v after %+v", second, first)
	}
	if !third.Skipped || third.Started != 0 || !third.Failed {
		t.Errorf("third %+v, want skipped", third)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "workspace", "never")); err == nil {
		t.Error("the third step ran")
	}
}

// TestWhenAndAllowed: what runs after a failure, and after one that is allowed.
func TestWhenAndAllowed(t *testing.T) {
	step := func(text, when string, allow bool, needs ...int) runner.StepPlan {
		p := script(text)
		p.When = when
		p.AllowFailure = allow
		p.Needs = needs
		return p
	}
	for name, c := range map[string]struct {
		plans []runner.StepPlan
		ran   string // y or n for each step
		codes []int
	}{
		"failure": {
			[]runner.StepPlan{step("exit 1", "", false), step("true", "", false, 0), step("true", "failure", false, 1), step("true", "always", false, 2), step("true", "", false, 3)},
			"ynyyn",
			[]int{1, 0, 0, 0, 0},
		},
		"allowed": {
			[]runner.StepPlan{step("exit 7", "", true), step("true", "", false, 0), step("true", "failure", false, 1), step("true", "", false, 2)},
			"yyny",
			[]int{0, 0, 0, 0},
		},
		"all pass": {
			[]runner.StepPlan{step("true", "", false), step("true", "failure", false, 0), step("true", "always", false, 1)},
			"yny",
			[]int{0, 0, 0},
		},
		"another branch": {
			[]runner.StepPlan{step("exit 1", "", false), step("true", "", false), step("true", "", false, 0, 1), step("true", "", false, 1)},
			"yyny",
			[]int{1, 0, 0, 0},
		},
		"the last one fails": {
			[]runner.StepPlan{step("true", "", false), step("exit 2", "always", false, 0)},
			"yy",
			[]int{0, 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPodOf(t, c.plans...)
			codes, _ := p.runAll(len(c.plans))
			ran := ""
			for i := range c.plans {
				if p.record(strconv.Itoa(i)).Skipped {
					ran += "n"
				} else {
					ran += "y"
				}
			}
			if ran != c.ran || !slices.Equal(codes, c.codes) {
				t.Errorf("ran %s with %v, want %s with %v", ran, codes, c.ran, c.codes)
			}
			if name == "allowed" {
				r := p.record("0")
				if r.Exit != 7 || !r.Allowed || r.Failed {
					t.Errorf("record %+v", r)
				}
			}
		})
	}
}

func TestRetry(t *testing.T) {
	retried := script("echo x >> tries; test $(wc -l < tries) -ge 3 || exit 75")
	retried.Attempts, retried.OnExit = 5, []int{75}
	p := newPodOf(t, retried)
	codes, outputs := p.runAll(1)
	r := p.record("0")
	if codes[0] != 0 || r.Attempts != 3 || r.Lines != 2 || r.Bytes != int64(len(outputs[0])) {
		t.Errorf("%v: %+v with output %q", codes, r, outputs[0])
	}
	other := script("exit 3")
	other.Attempts, other.OnExit = 5, []int{75}
	p = newPodOf(t, other)
	codes, _ = p.runAll(1)
	if codes[0] != 3 || p.record("0").Attempts != 1 {
		t.Errorf("%v: %+v, want one attempt", codes, p.record("0"))
	}
}

// TestTimeout: the whole group is ended, and the record says why.
func TestTimeout(t *testing.T) {
	slow := script("trap 'echo told; exit 1' TERM; sleep 600 & wait")
	slow.TimeoutMS = 100
	p := newPodOf(t, slow)
	codes, outputs := p.runAll(1)
	r := p.record("0")
	if codes[0] != 124 || !r.TimedOut || !r.Failed || r.Reason != "timed out after 100ms" {
		t.Errorf("%v: %+v", codes, r)
	}
	if !strings.HasPrefix(outputs[0], "told\n") {
		t.Errorf("output %q: the script was not told to end", outputs[0])
	}
}

func TestCommandWithoutShell(t *testing.T) {
	p := newPodOf(t, runner.StepPlan{Command: []string{"echo", "$HOME", "a  b"}, Quiet: true})
	cmd := p.command("0", "run", "0")
	out, err := cmd.Output()
	if err != nil || string(out) != "$HOME a  b\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// TestC3StandardInputIsEmpty runs programs that read standard input, or that would
// get descriptor 0 for the first file that they open if it were closed.
func TestC3StandardInputIsEmpty(t *testing.T) {
	for name, script := range map[string]string{
		"cat":                "cat",
		"sort":               "sort",
		"tar":                "if tar -tf - 2>&1 | grep -i descriptor; then exit 1; fi",
		"python":             "command -v python3 >/dev/null || exit 0; python3 -c 'input()' 2>&1 | grep -q EOFError",
		"is the null device": "test /proc/self/fd/0 -ef /dev/null",
		"a background child": "cat & wait $!",
		"first opened file":  "exec 3</dev/null; test -e /proc/self/fd/0",
	} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, script)
			out, err := p.command("0", "run", "0").CombinedOutput()
			if err != nil || len(out) > 0 {
				t.Errorf("%v: %q", err, out)
			}
		})
	}
	t.Run("without a shell, at each attempt", func(t *testing.T) {
		again := runner.StepPlan{
			Command: []string{
				"sh",
				"-c",
				"cat && test /proc/self/fd/0 -ef /dev/null && echo x >>tries && test $(wc -l <tries) = 2",
			},
			Attempts: 2,
		}
		p := newPodOf(t, again)
		if out, err := p.command("0", "run", "0").CombinedOutput(); err != nil {
			t.Errorf("%v: %q", err, out)
		}
	})
}

// TestS13StoppedIsNoPass: no step starts behind one that ended in error, even if that one ended with 0 or may fail.
func TestS13StoppedIsNoPass(t *testing.T) {
	const stop = "trap 'exit 0' TERM; kill -TERM $PPID; sleep 60 & wait"
	allowed := script("kill -TERM $PPID; sleep 60")
	allowed.AllowFailure = true
	broken := script("true")
	broken.AllowFailure, broken.Ready = true, []runner.ReadyPlan{{Service: "db", TCP: 1, TimeoutMS: 1}}
	for name, first := range map[string]runner.StepPlan{"ends with 0": script(stop), "may fail": allowed, "no service": broken} {
		t.Run(name, func(t *testing.T) {
			deploy, report := script("touch deployed"), script("touch reported")
			deploy.Needs = []int{0}
			report.Needs = []int{0}
			report.When = "failure"
			p := newPodOf(t, first, deploy, report)
			p.runAll(3)
			r := p.record("0")
			if !r.Stopped && !r.Broken || r.Allowed || !p.record("1").Skipped || p.record("2").Skipped {
				t.Errorf("records %+v, %+v, %+v", r, p.record("1"), p.record("2"))
			}
			if _, err := os.Stat(filepath.Join(p.dir, "workspace", "deployed")); err == nil {
				t.Error("the next step ran")
			}
		})
	}
}

// TestL2OwnLines: a line of the runner's is not appended to one that the step has not ended.
func TestL2OwnLines(t *testing.T) {
	again := script("printf half; exit 3")
	again.Attempts = 2
	slow := script("printf '50%%\\r'; sleep 60")
	slow.TimeoutMS = 200
	none := script("printf half")
	for want, p := range map[string]runner.StepPlan{
		"half\nyaci-step: attempt 1 of 2 ended with 3; trying again\nhalf": again,
		"50%\r\nyaci-step: timed out after 200ms\n":                        slow,
		"half": none,
	} {
		_, log, r := runOne(t, p)
		if log != want || r.Lines != int64(strings.Count(want, "\n")) ||
			r.Bytes != int64(len(strings.ReplaceAll(want, "\r\n", "\n"))) {
			t.Errorf("log %q, record %+v\nwant %q", log, r, want)
		}
	}
}

// TestServices: a step waits until its service accepts, and names the one that never does.
func TestServices(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	waiting := script("true")
	waiting.Ready = []runner.ReadyPlan{{Service: "db", TCP: port, TimeoutMS: 60_000}}
	p := newPodOf(t, waiting)
	cmd := p.command("0", "run", "0")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if l, err = net.Listen("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %+v", err, p.record("0"))
	}
	l.Close()
	waiting = script("touch never")
	waiting.Ready = []runner.ReadyPlan{{Service: "db", TCP: port, TimeoutMS: 50}}
	p = newPodOf(t, waiting)
	p.runAll(1)
	r := p.record("0")
	if !r.Broken || !r.Failed || r.Started != 0 || !strings.Contains(r.Reason, "service db was not ready") {
		t.Errorf("record %+v", r)
	}
}

func TestShErrexitAndMissingShell(t *testing.T) {
	p := newPod(t, "false\ntouch never\n")
	p.command("0", "run", "0").Run()
	if r := p.record("0"); r.Exit != 1 {
		t.Errorf("record %+v, want exit 1", r)
	}
	cmd := p.command("0", "run", "0")
	cmd.Env = append(cmd.Env, "PATH=/nowhere")
	cmd.Run()
	r := p.record("0")
	if r.Exit != 127 || r.Broken ||
		r.Reason != "sh: command not found in the image. Install it, or use an image that has it, or write run as a list, "+
			"which needs no shell (exit 127)" {
		t.Errorf("record %+v, want 127 and a sentence", r)
	}
}

// A child that keeps the output open must not keep the step.
func TestLeftoverChild(t *testing.T) {
	p := newPod(t, "sleep 600 & setsid sleep 3 & echo done")
	p.endLeftovers()
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
	cmd.Env = append(
		cmd.Env,
		"YACI_CLONE_URL=https://x-access-token:ghs_secret@github.com/a/b.git",
		"YACI_CLONE_SHA=--upload-pack=x",
	)
	if err := cmd.Run(); err == nil {
		t.Error("a URL with credentials was accepted")
	}
}

// C22: a step starts in its working_directory, and a missing one is named.
func TestC22WorkingDirectory(t *testing.T) {
	makes := script("mkdir -p a/b && touch file && printf '#!/bin/sh\\npwd\\n' > a/b/show && chmod +x a/b/show")
	inside := script("test \"$(pwd)\" = \"$PWD\"; pwd")
	missing := script("true")
	file := script("true")
	words := runner.StepPlan{Command: []string{"./show"}, Dir: "a/b", Needs: []int{0}}
	inside.Dir, inside.Needs = "a/b", []int{0}
	missing.Dir = "a/nowhere"
	missing.Needs = []int{0}
	missing.AllowFailure = true
	file.Dir, file.Needs = "file", []int{0}
	p := newPodOf(t, makes, inside, words, missing, file)
	codes, outputs := p.runAll(5)
	if !slices.Equal(codes, []int{0, 0, 0, 0, 1}) {
		t.Errorf("exit codes %v: %q", codes, outputs)
	}
	for _, i := range []int{1, 2} {
		if !strings.HasSuffix(outputs[i], "/workspace/a/b\n") {
			t.Errorf("step %d started in %q", i, outputs[i])
		}
	}
	r := p.record("3")
	if r.Exit != 1 || !r.Allowed || r.Broken || !strings.Contains(r.Reason, "a/nowhere does not exist in the workspace") {
		t.Errorf("missing directory: %+v", r)
	}
	r = p.record("4")
	if r.Broken || !strings.Contains(r.Reason, "file is not a directory") {
		t.Errorf("a file: %+v", r)
	}
}

// TestC19ImageCommand runs what stands behind -- when the plan has no command: an image's ENTRYPOINT and CMD.
func TestC19ImageCommand(t *testing.T) {
	p := newPodOf(t, runner.StepPlan{}, script("echo from the plan"))
	cmd := p.command(
		"0",
		"run",
		"0",
		"--",
		"sh",
		"-c",
		`cat; printf '%s|' "$0" "$@"; pwd; exit 7`,
		"a b",
		"$HOME",
		"--",
		"",
	)
	cmd.Stdin = strings.NewReader("not for the command")
	out, _ := cmd.Output()
	if got, want := string(out), "a b|$HOME|--||"+filepath.Join(p.dir, "workspace")+"\n"; !strings.Contains(got, want) {
		t.Errorf("printed %q, want %q", got, want)
	}
	if code := cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("exit %d, want 7", code)
	}
	out, _ = p.command("1", "run", "1", "--", "echo", "from the arguments").Output()
	if !strings.Contains(string(out), "from the plan") && !strings.Contains(string(out), "skipped") {
		t.Errorf("the plan's command does not win: %q", out)
	}

	for name, args := range map[string][]string{
		"no command":   {"run", "0", "--"},
		"not in PATH":  {"run", "0", "--", "no-such-program"},
		"no separator": {"run", "0", "echo"},
	} {
		p := newPodOf(t, runner.StepPlan{})
		cmd := p.command("0", args...)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code == 0 {
			t.Errorf("%s: ended with 0: %s", name, out)
		}
	}
}
