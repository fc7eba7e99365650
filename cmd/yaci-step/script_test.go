package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// runOne runs a single step and returns its exit code, log and record.
func runOne(t *testing.T, p plan, env ...string) (code int, log string, r record) {
	t.Helper()
	return newPodOf(t, p).runStep(0, env...)
}

// progress are the markers that a slow machine has more of.
var progress = regexp.MustCompile(`\x1b_yaci \d+ \d+\x1b\\\n`)

// runStep runs one step of a pod, with more environment variables.
func (p pod) runStep(index int, env ...string) (code int, log string, r record) {
	p.t.Helper()
	name := strconv.Itoa(index)
	cmd := p.command(name, "run", name)
	cmd.Env = append(cmd.Env, env...)
	out, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), progress.ReplaceAllString(string(out), ""), p.record(name)
}

// TestC13Script holds what a log has of the script before the step's own output.
func TestC13Script(t *testing.T) {
	secret := func(text string) plan {
		p := loud(text)
		p.Mask = []string{"KEY"}
		return p
	}
	for name, c := range map[string]struct {
		plan plan
		want string
	}{
		"as written": {loud("\nx=$KEY\necho \"$x\"\n\n\techo b\n"),
			"::group::Run x=$KEY\n  x=$KEY\n  echo \"$x\"\n  \n  \techo b\n::endgroup::\nhush-hush\nb\n"},
		"a silent failure": {loud("true\ntest -d src\necho built"),
			"::group::Run true\n  true\n  test -d src\n  echo built\n::endgroup::\nyaci-step: exit code 1\n"},
		"workflow commands": {loud("cat <<'X' >/dev/null\n::endgroup::\n::error file=a.go,line=1::no\nX\n"),
			"::group::Run cat <<'X' >/dev/null\n  cat <<'X' >/dev/null\n  ::endgroup::\n  ::error file=a.go,line=1::no\n  X\n::endgroup::\n"},
		"control characters": {loud("true '\x1b[2J\r\u009b'"),
			"::group::Run true '\\x1b[2J\\x0d\\x9b'\n  true '\\x1b[2J\\x0d\\x9b'\n::endgroup::\n"},
		"a list":   {plan{Command: []string{"printf", "%s\n", "a b", "it's", "", "$x"}}, "::group::Run printf '%s\n  printf '%s\n  ' 'a b' 'it'\\''s' '' '$x'\n::endgroup::\na b\nit's\n\n$x\n"},
		"a secret": {secret("true hush-hush; echo $KEY"), "::group::Run true ***; echo $KEY\n  true ***; echo $KEY\n::endgroup::\n***\n"},
		"quiet":    {script("exit 3"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, log, r := runOne(t, c.plan, "KEY=hush-hush")
			if log != c.want || r.Bytes != int64(len(log)) || r.Lines != int64(strings.Count(log, "\n")) {
				t.Errorf("got %q\nwant %q; record %+v", log, c.want, r)
			}
		})
	}
	t.Run("once for all attempts", func(t *testing.T) {
		p := loud("exit 4")
		p.Attempts = 2
		_, log, _ := runOne(t, p)
		want := "::group::Run exit 4\n  exit 4\n::endgroup::\n" +
			"yaci-step: attempt 1 of 2 ended with 4; trying again\nyaci-step: exit code 4\n"
		if log != want {
			t.Errorf("got %q", log)
		}
	})
	t.Run("long", func(t *testing.T) {
		_, log, _ := runOne(t, loud("exit 0\n"+strings.Repeat("# 0123456789012345678901234567890123456789\n", 10_000)))
		if len(log) < maxShownScript || len(log) > 2*maxShownScript || !strings.HasSuffix(log, "more bytes)\n::endgroup::\n") {
			t.Errorf("%d bytes of log, which end with %q", len(log), log[max(0, len(log)-200):])
		}
	})
}

// loud is a plan whose script is printed.
func loud(text string) plan {
	p := script(text)
	p.Quiet = false
	return p
}

// bash is a plan for a script as shell: bash runs it.
func bash(text string) plan {
	p := script(text)
	p.Command = []string{"bash", "-eo", "pipefail"}
	return p
}

func needBash(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
}

// TestC13Line holds which command a log names as the one that ended a script for bash.
func TestC13Line(t *testing.T) {
	needBash(t)
	cases := map[string]struct{ script, want string }{
		"a command":            {"true\ntest -d src\necho built", "line 2: test -d src: exit code 1"},
		"unexpanded":           {"key=hush\n\ntest -d \"$key\"", `line 3: test -d "$key": exit code 1`},
		"a pipeline":           {"true |\n false |\n cat", "line 3: pipeline that ends with cat: exit codes 0, 1, 0"},
		"a subshell":           {"( exit 5 )", "line 1: ( exit 5 ): exit code 5"},
		"a substitution":       {"x=$(exit 6)", "line 1: x=$(exit 6): exit code 6"},
		"a function":           {"f() {\n false\n}\ng() {\n f\n}\ng", "line 5, in a call of f: false: exit code 1"},
		"a sourced file":       {"echo 'false z' > lib.sh\n. ./lib.sh", "./lib.sh line 1: false z: exit code 1"},
		"not found":            {"missing-command 2>/dev/null", "line 1: missing-command 2> /dev/null: exit code 127"},
		"redirected":           {"{ echo out; false; } > file 2>&1", "line 1: false: exit code 1"},
		"descriptors closed":   {"exec >&- 2>&-; false", "line 1: false: exit code 1"},
		"noclobber":            {"set -C; false", "line 1: false: exit code 1"},
		"strict":               {"set -euo pipefail; IFS=$'\\n\\t'; false", "line 1: false: exit code 1"},
		"with a trap on EXIT":  {"trap 'true done' EXIT\nfalse", "line 2: false: exit code 1"},
		"exit":                 {"exit 7", "exit code 7"},
		"own trap on ERR":      {"trap 'true mine' ERR\nfalse", "exit code 1"},
		"traps taken off":      {"trap - ERR EXIT\nfalse", "exit code 1"},
		"set +e":               {"set +e\nfalse\nfalse", "exit code 1"},
		"another exit code":    {"trap 'exit 9' EXIT\nfalse", "exit code 9"},
		"control characters":   {"false $'\\e[2J\x1b]0;x\x07'", `line 1: false '\x1b[2J\x1b]0;x\x07': exit code 1`},
		"forged, not a number": {"printf '1\\n::error::\\nx\\n\\n\\nx' > \"$OWN/" + failureFile + "\"; exit 1", "exit code 1"},
		"a FIFO":               {"rm -f \"$OWN/" + failureFile + "\"; mkfifo \"$OWN/" + failureFile + "\"; exit 1", "exit code 1"},
		"a link":               {"ln -sf /dev/zero \"$OWN/" + failureFile + "\"; exit 1", "exit code 1"},
	}
	var plans []plan
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		p := bash(cases[name].script)
		p.Quiet = false
		plans = append(plans, p)
	}
	pod := newPodOf(t, plans...)
	for i, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			_, log, _ := pod.runStep(i, "OWN="+filepath.Join(pod.dir, "sync", strconv.Itoa(i)))
			_, log, _ = strings.Cut(log, "::endgroup::\n")
			if want := "yaci-step: " + cases[name].want + "\n"; log != want {
				t.Errorf("got %q, want %q", log, want)
			}
			if data, err := os.ReadFile(filepath.Join(pod.dir, "workspace", "file")); err == nil && string(data) != "out\n" {
				t.Errorf("the file that the script wrote has %q", data)
			}
		})
	}
	t.Run("BASH_ENV of the file", func(t *testing.T) {
		pod := newPodOf(t, bash("echo $x; false"))
		pod.write("env.sh", "x=mine")
		if _, log, _ := pod.runStep(0, "BASH_ENV="+filepath.Join(pod.dir, "env.sh")); log != "mine\n" {
			t.Errorf("got %q", log)
		}
	})
}

// TestC13SameResult runs scripts with and without the traps: output and exit code are the same.
func TestC13SameResult(t *testing.T) {
	needBash(t)
	t.Setenv("USER", "builder") // or the runner sets them
	t.Setenv("LOGNAME", "builder")
	scripts := map[string]string{
		"conditions":         "if false; then echo a; fi; false || echo b; ! true; while false; do :; done; echo $?",
		"set +e":             "set +e; false x y; echo \"$? $_\"; true | false | true; echo \"${PIPESTATUS[*]} $?\"",
		"set -e in a shell":  "(set +e; false; echo c); bash -c 'false; echo d'; x=$(false; echo e); echo $x; (false; echo no)",
		"functions":          "f() { false; echo no; }; f || echo $?; if f; then echo yes; fi; g() { return 3; }; g",
		"own traps":          "trap 'echo err $? $LINENO' ERR; trap 'echo exit $?' EXIT; f() { false; }; set -E; f",
		"trap on EXIT":       "trap 'echo exit $?; exit 8' EXIT; false",
		"trap on ERR":        "trap 'echo err $?' ERR; (exit 4); echo no",
		"errtrace":           "set -E; f() { (false); echo no; }; f",
		"environment":        "env | sort; declare -F; set -o; shopt; echo $- $0 $# $BASH_ENV \"${BASH_SOURCE[*]}\"; compgen -v | grep -v _",
		"jobs":               "false & wait $! || echo $?; sleep 0 & wait; coproc cat; false",
		"a signal":           "kill -TERM $$; sleep 5",
		"another signal":     "trap 'echo term; exit 5' TERM; kill -TERM $$; sleep 5",
		"exec":               "exec false",
		"sourced":            "echo 'return 6' > lib.sh; . ./lib.sh; echo no",
		"redefined commands": "builtin() { echo no; }; printf() { echo no; }; false",
		"set -u, EXIT":       "set -u; x() { :; }; exit 2",
		"set -u":             "set -u; f() { echo $nope; }; f 2>/dev/null",
		"descriptors":        `ls -l /proc/$$/fd > fds; sed -n "s/:.*//; s/.* \\([0-9]* -> .*\\)/\\1/p" fds`,
		"extdebug":           "shopt -s extdebug inherit_errexit; x=$(false; true)",
		"posix":              "set -o posix; false",
		"eval":               "eval 'true; (exit 3)'",
		"nested":             "bash -e -c 'trap -p ERR EXIT; false' || echo $?; bash -c 'trap -p ERR EXIT; echo ${BASH_ENV-unset}'",
	}
	var plans []plan
	for _, name := range slices.Sorted(maps.Keys(scripts)) {
		plans = append(plans, bash(scripts[name]))
	}
	pod := newPodOf(t, plans...)
	for i, name := range slices.Sorted(maps.Keys(scripts)) {
		t.Run(name, func(t *testing.T) {
			code, log, _ := pod.runStep(i)
			os.Remove(filepath.Join(pod.dir, "workspace", "fds"))
			bare := exec.Command("bash", "-eo", "pipefail", filepath.Join(pod.dir, "bin", string(rune('a'+i))+".sh"))
			bare.Dir = filepath.Join(pod.dir, "workspace")
			bare.Env = pod.command(strconv.Itoa(i)).Env
			out, _ := bare.CombinedOutput()
			want := bare.ProcessState.ExitCode()
			if want < 0 {
				want = 143 // ended by TERM
			}
			got, _, _ := strings.Cut(log, "yaci-step: ")
			if code != want || got != string(out) {
				t.Errorf("exit %d and %q, want %d and %q", code, got, want, out)
			}
		})
	}
}
