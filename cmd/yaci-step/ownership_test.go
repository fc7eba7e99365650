package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/yaci-ci/yaci/internal/runner"
)

// runAs runs all steps of a pod at once, each as a user.
func (p pod) runAs(uids ...int) (outputs []string) {
	p.t.Helper()
	if os.Geteuid() != 0 {
		p.t.Skip("only root can become other users")
	}
	for d := p.dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	buffers, cmds := make([]strings.Builder, len(uids)), make([]*exec.Cmd, len(uids))
	for i := len(uids) - 1; i >= 0; i-- { // the later ones first: order must not matter
		name := strconv.Itoa(i)
		cmds[i] = p.command(name, "run", name)
		cmds[i].Path = filepath.Join(p.dir, "bin", "yaci-step")
		cmds[i].Env = append(cmds[i].Env, "HOME=/", "GIT_CONFIG_COUNT=0")
		cmds[i].Stdout, cmds[i].Stderr = &buffers[i], &buffers[i]
		cmds[i].SysProcAttr = &syscall.SysProcAttr{
			Credential: &syscall.Credential{Uid: uint32(uids[i]), Gid: uint32(uids[i])},
		}
		if err := os.WriteFile(filepath.Join(p.dir, "termination-"+name), nil, 0o666); err != nil {
			p.t.Fatal(err)
		}
		os.Chmod(filepath.Join(p.dir, "termination-"+name), 0o666)
		if err := cmds[i].Start(); err != nil {
			p.t.Fatal(err)
		}
	}
	for i, c := range cmds {
		if err := c.Wait(); err != nil {
			p.t.Errorf("step %d: %v: %s", i, err, buffers[i].String())
		}
		outputs = append(outputs, buffers[i].String())
	}
	return outputs
}

// fill puts some files into a pod's workspace, as the clone container leaves them.
func (p pod) fill() {
	p.t.Helper()
	tree := workspaceOf(p.t, 3)
	dir := filepath.Join(p.dir, "workspace")
	if out, err := exec.Command("sh", "-c", "rm -rf '"+dir+"' && mv '"+tree+"' '"+dir+"'").CombinedOutput(); err != nil {
		p.t.Fatalf("%v: %s", err, out)
	}
}

// C4: the workspace belongs to the user of the step that runs.
func TestC4Ownership(t *testing.T) {
	// use does what the owner of files can, and what git asks of its user.
	use := func(uid int) string {
		return fmt.Sprintf(`test "$(id -u)" = %d
chmod +x README; chmod 644 README; touch -d yesterday deep/er/x; echo changed >> README; mkdir -p made; echo %d > made/by%d
git config user.name x; git status --porcelain >/dev/null; git -c user.email=x@y commit -q --allow-empty -m step
rm -f deep/er/x; echo again > deep/er/x
`, uid, uid, uid)
	}
	owns := "test \"$(stat -c %u README)\" = \"$(id -u)\"\ntest \"$(stat -c %a deep)\" = 755\ntest \"$(stat -c %a " +
		"gradlew)\" = 755\n"
	step := func(script string, class int, needs ...int) runner.StepPlan {
		return runner.StepPlan{
			Script:  script,
			Command: []string{"sh", "-e"},
			Class:   class,
			Needs:   needs,
		}
	}
	root, user := use(0), use(1000)
	for _, c := range []struct {
		name  string
		plans []runner.StepPlan
		uids  []int
		note  []int // steps that say that files are open
	}{
		{"root", []runner.StepPlan{step(owns+root, 0), step(owns+root, 0, 0)}, []int{0, 0}, nil},
		{"one user", []runner.StepPlan{step(owns+user, 0), step(owns+user, 0, 0)}, []int{1000, 1000}, nil},
		{"two images of one user", []runner.StepPlan{step(owns+user, 0), step(owns+user, 1, 0)}, []int{1000, 1000}, nil},
		{
			"root, then a user, then root",
			[]runner.StepPlan{step(owns+root, 0), step(owns+user, 1, 0), step(owns+root, 0, 1)},
			[]int{0, 1000, 0},
			nil,
		},
		{
			"a user, then root, then the user",
			[]runner.StepPlan{step(owns+user, 0), step(owns+root, 1, 0), step(owns+user, 0, 1)},
			[]int{1000, 0, 1000},
			nil,
		},
		{"root keeps modes", []runner.StepPlan{step("umask 077; echo key > key; mkdir -m 700 private", 0),
			step(owns+"test $(stat -c %a key) = 600; cat key; test $(stat -c %a private) = 700; touch "+
				"private/x", 1, 0)}, []int{0, 1000}, nil},
		{"a user, then another", []runner.StepPlan{step(owns+user, 0), step("git() { command git -c safe.directory='*' "+
			"\"$@\"; }; echo more >> README; rm deep/er/x; touch deep/er/y made/new; git status "+
			">/dev/null", 1, 0)}, []int{1000, 2000}, []int{1}},
		{"a user, then another, then root", []runner.StepPlan{step(user, 0), step("echo more >> README", 1, 0),
			step("test $(stat -c %u README) = 0\n"+root, 2, 1)}, []int{1000, 2000, 0}, []int{1}},
		{"two beside each other", []runner.StepPlan{step("for i in $(seq 400); do test -e other && exit 0; sleep 0.05; "+
			"done; exit 1", 0),
			step("echo x >> README; touch other", 1)}, []int{0, 1000}, []int{1}},
		{"two of one user beside each other", []runner.StepPlan{step(owns+"for i in $(seq 400); do test -e other && exit "+
			"0; sleep 0.05; done; exit 1", 0),
			step(owns+"touch other", 0)}, []int{1000, 1000}, nil},
		{"a skipped step between", []runner.StepPlan{step(root, 0), {
			Script:  "false",
			Command: []string{"sh"},
			Class:   1,
			Needs:   []int{0},
			When:    "failure",
		},
			step(owns+root, 2, 1)}, []int{0, 1000, 0}, nil},
		{"users with a skipped step between", []runner.StepPlan{step(user, 0), {
			Script:  "false",
			Command: []string{"sh"},
			Class:   1,
			Needs:   []int{0},
			When:    "failure",
		},
			step("echo more >> README", 2, 1)}, []int{1000, 2000, 3000}, []int{1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.plans[0].Adopt = true
			p := newPodOf(t, c.plans...)
			p.fill()
			outputs := p.runAs(c.uids...)
			for i, out := range outputs {
				if strings.Contains(out, "set user:") != slices.Contains(c.note, i) {
					t.Errorf("step %d says %q", i, out)
				}
			}
		})
	}
}

// The users of the steps decide who gives the workspace to whom.
func TestC4Givers(t *testing.T) {
	plans := []runner.StepPlan{
		{Adopt: true},
		{Class: 1},
		{Class: 1, Needs: []int{0, 1}},
		{Needs: []int{2}},
		{Needs: []int{3}},
	}
	for k, want := range [][]int{{}, {0}, {0}, {2}, {}} {
		if got := givers(plans, k); !slices.Equal(got, want) {
			t.Errorf("givers of %d: %v, want %v", k, got, want)
		}
	}
	if got := takers(plans, 0); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("takers of 0: %v", got)
	}
	for i, want := range []bool{false, false, true, true, true} {
		if runsAlone(plans, i) != want {
			t.Errorf("step %d is alone: %v", i, !want)
		}
	}
	if adopter(plans[1:]) != -1 || hasSeveralClasses(plans[3:]) || !hasSeveralClasses(plans) {
		t.Error("adopter or mixed")
	}
}
