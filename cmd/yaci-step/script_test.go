package main

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/runner"
)

// runOne runs a single step and returns its exit code, log and record.
func runOne(t *testing.T, p runner.StepPlan, env ...string) (code int, log string, r runner.Record) {
	t.Helper()
	return newPodOf(t, p).runStep(0, env...)
}

// progress are the markers that a slow machine has more of.
var progress = regexp.MustCompile(`\x1b_yaci \d+ \d+\x1b\\\n`)

// runStep runs one step of a pod, with more environment variables.
func (p pod) runStep(index int, env ...string) (code int, log string, r runner.Record) {
	p.t.Helper()
	name := strconv.Itoa(index)
	cmd := p.command(name, "run", name)
	cmd.Env = append(cmd.Env, env...)
	out, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), progress.ReplaceAllString(string(out), ""), p.record(name)
}

// TestC13Script holds what a log has of the script before the step's own output.
func TestC13Script(t *testing.T) {
	secret := func(text string) runner.StepPlan {
		p := loud(text)
		p.Mask = []string{"KEY"}
		return p
	}
	for name, c := range map[string]struct {
		plan runner.StepPlan
		want string
	}{
		"as written": {loud("\nx=$KEY\necho \"$x\"\n\n\techo b\n"),
			"::group::Run x=$KEY\n  x=$KEY\n  echo \"$x\"\n  \n  \techo b\n::endgroup::\nhush-hush\nb\n"},
		"a silent failure": {loud("true\ntest -d src\necho built"),
			"::group::Run true\n  true\n  test -d src\n  echo built\n::endgroup::\nyaci-step: exit code 1\n"},
		"workflow commands": {loud("cat <<'X' >/dev/null\n::endgroup::\n::error file=a.go,line=1::no\nX\n"),
			"::group::Run cat <<'X' >/dev/null\n  cat <<'X' >/dev/null\n  ::endgroup::\n  ::error file=a.go,line=1::no\n  X\n" +
				"::endgroup::\n"},
		"control characters": {loud("true '\x1b[2J\r\u009b'"),
			"::group::Run true '\\x1b[2J\\x0d\\x9b'\n  true '\\x1b[2J\\x0d\\x9b'\n::endgroup::\n"},
		"a list": {runner.StepPlan{Command: []string{"printf", "%s\n", "a b", "it's", "", "$x"}}, "::group::Run printf " +
			"'%s\n  printf '%s\n  ' 'a b' 'it'\\''s' '' '$x'\n::endgroup::\na b\nit's\n\n$x\n"},
		"a secret": {secret("true hush-hush; echo $KEY"), "::group::Run true ***; echo $KEY\n  true ***; echo $KEY\n" +
			"::endgroup::\n***\n"},
		"quiet": {script("exit 3"), ""},
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
		if len(log) < maxShownScript || len(log) > 2*maxShownScript ||
			!strings.HasSuffix(log, "more bytes)\n::endgroup::\n") {
			t.Errorf("%d bytes of log, which end with %q", len(log), log[max(0, len(log)-200):])
		}
	})
}

// loud is a plan whose script is printed.
func loud(text string) runner.StepPlan {
	p := script(text)
	p.Quiet = false
	return p
}

// bash is a plan for a script as shell: bash runs it.
func bash(text string) runner.StepPlan {
	p := script(text)
	p.Command = []string{"bash", "-eo", "pipefail"}
	return p
}

func needBash(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
}

// TestC13Line holds which line a log names as the one that ended a script for bash.
func TestC13Line(t *testing.T) {
	needBash(t)
	cases := map[string]struct{ script, want string }{
		"a command":          {"true\ntest -d src\necho built", "line 2: test -d src: exit code 1"},
		"unexpanded":         {"key=hush\n\ntest -d \"$key\"", `line 3: test -d "$key": exit code 1`},
		"a pipeline":         {"true |\n false |\n cat", "line 3: cat: pipeline with exit codes 0, 1, 0"},
		"a subshell":         {"( exit 5 )", "line 1: ( exit 5 ): exit code 5"},
		"a substitution":     {"x=$(exit 6)", "line 1: x=$(exit 6): exit code 6"},
		"a function":         {"f() {\n false\n}\ng() {\n f\n}\ng", "exit code 1"},
		"a sourced file":     {"echo 'false z' > lib.sh\n. ./lib.sh", "exit code 1"},
		"not found":          {"missing-command 2>/dev/null", "line 1: missing-command 2>/dev/null: exit code 127"},
		"redirected":         {"{ echo out; false; } > file 2>&1", "line 1: { echo out; false; } > file 2>&1: exit code 1"},
		"descriptors closed": {"exec >&- 2>&-\nfalse", "line 2: false: exit code 1"},
		"noclobber":          {"set -C\nfalse", "line 2: false: exit code 1"},
		"strict": {
			"set -euo pipefail; IFS=$'\\n\\t'\nfalse | true",
			"line 2: false | true: pipeline with exit codes 1, 0",
		},
		"with a trap on EXIT":  {"trap 'true done' EXIT\nfalse", "exit code 1"},
		"a call":               {"f() { return 3; }\n\nf", "line 3: f: exit code 3"},
		"errtrace":             {"set -E\nf() {\n  test -d src\n}\nf", "line 3: test -d src: exit code 1"},
		"eval":                 {"x=src\neval \"test -d '$x'\"", `line 2: eval "test -d '$x'": exit code 1`},
		"bootstrap":            {"true bootstrap\nfalse", "line 2: false: exit code 1"},
		"in the background":    {"set -E; (false) & wait; exit 1", "exit code 1"},
		"exit":                 {"exit 7", "exit code 7"},
		"own trap on ERR":      {"trap 'true mine' ERR\nfalse", "exit code 1"},
		"traps taken off":      {"trap - ERR EXIT\nfalse", "exit code 1"},
		"set +e":               {"set +e\nfalse\nfalse", "exit code 1"},
		"another exit code":    {"trap 'exit 9' EXIT\nfalse", "exit code 9"},
		"control characters":   {"false $'\\e[2J\x1b]0;x\x07'", `line 1: false $'\e[2J\x1b]0;x\x07': exit code 1`},
		"forged, no such line": {"printf '1\\n9\\n1\\n' > \"$OWN/" + failureFile + "\"; exit 1", "exit code 1"},
		"forged, no exit code": {
			"printf '1\\n3\\n0\\n::error::\\n' > \"$OWN/" + failureFile + "\"\n\nexit 1",
			"line 3: exit 1: exit code 1",
		},
		"forged, not a number": {
			"printf '1\\n::error::\\nx\\n\\n\\nx' > \"$OWN/" + failureFile + "\"; exit 1",
			"exit code 1",
		},
		"a FIFO": {
			"rm -f \"$OWN/" + failureFile + "\"; mkfifo \"$OWN/" + failureFile + "\"; exit 1",
			"exit code 1",
		},
		"a link": {"ln -sf /dev/zero \"$OWN/" + failureFile + "\"; exit 1", "exit code 1"},
	}
	var plans []runner.StepPlan
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
			data, err := os.ReadFile(filepath.Join(pod.dir, "workspace", "file"))
			if err == nil && string(data) != "out\n" {
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
	const trapAdd = `trap_add() {
  trap_add_cmd=$1; shift
  for trap_add_name in "$@"; do
    trap -- "$(
      extract_trap_cmd() { printf '%s\n' "$3"; }
      eval "extract_trap_cmd $(trap -p "${trap_add_name}")"
      printf '%s\n' "${trap_add_cmd}"
    )" "${trap_add_name}"
  done
}
`
	const prepend = `prev=$(trap -p EXIT); prev=${prev#"trap -- '"}; prev=${prev%"' EXIT"}
cleanup() { rc=$?; echo cleaning $rc; exit $rc; }
trap "${prev:+$prev; }cleanup" EXIT
`
	scripts := map[string]string{
		"trap_add":       trapAdd + "trap_add 'rc=$?; echo cleaning; exit $rc' EXIT; (exit 3)",
		"trap_add, exit": trapAdd + "trap_add 'rc=$?; echo cleaning; exit $rc' EXIT; exit 1",
		"trap_add, ERR":  trapAdd + "trap_add 'rc=$?; echo err $rc; exit $rc' ERR; (exit 3)",
		"appended, sourced": `sed "s/tr@p/tr""ap/" > lib.sh <<'X'
eval "set -- $(tr@p -p ERR)"
tr@p -- "${3-}
rc=\$?; echo err \$rc; exit \$rc" ERR
X
. ./lib.sh
(exit 3)`,
		"prepend":            prepend + "false",
		"prepend, exit":      prepend + "exit 1",
		"trap unless set":    `[ -n "$(trap -p EXIT)" ] || trap 'echo cleaning' EXIT; false`,
		"set -x":             "set -x; false",
		"set -x, sourced":    "echo 'set -x' > lib.sh; . ./lib.sh; test -d src",
		"set -v":             "set -v\nfalse",
		"own trap on DEBUG":  "trap 'echo \"> $BASH_COMMAND\"' DEBUG; true; (exit 4)",
		"in the background":  "set -E; (false) & wait; exit 1",
		"exit in a function": "f() { exit 4; }; f",
		"no descriptors":     "ulimit -n 3; (exit 7)",
		"alias":              "shopt -s expand_aliases; alias builtin='echo A' case='echo C'\nfalse",
		"last argument":      "set +e; true a b; false x y; echo \"$_ $?\"; (exit 5); echo $_",
		"conditions":         "if false; then echo a; fi; false || echo b; ! true; while false; do :; done; echo $?",
		"set +e":             "set +e; false x y; echo \"$? $_\"; true | false | true; echo \"${PIPESTATUS[*]} $?\"",
		"set -e in a shell": "(set +e; false; echo c); bash -c 'false; echo d'; x=$(false; echo e); echo $x; (false; " +
			"echo no)",
		"functions":    "f() { false; echo no; }; f || echo $?; if f; then echo yes; fi; g() { return 3; }; g",
		"own traps":    "trap 'echo err $? $LINENO' ERR; trap 'echo exit $?' EXIT; f() { false; }; set -E; f",
		"trap on EXIT": "trap 'echo exit $?; exit 8' EXIT; false",
		"trap on ERR":  "trap 'echo err $?' ERR; (exit 4); echo no",
		"errtrace":     "set -E; f() { (false); echo no; }; f",
		"environment": "env | sort; declare -F; set -o; shopt; echo $- $0 $# $BASH_ENV \"${BASH_SOURCE[*]}\"; " +
			"compgen -v | grep -v _",
		"jobs":               "false & wait $! || echo $?; sleep 0 & wait; coproc cat; false",
		"a signal":           "kill -TERM $$; sleep 5",
		"another signal":     "trap 'echo term; exit 5' TERM; kill -TERM $$; sleep 5",
		"exec":               "exec false",
		"sourced":            "echo 'return 6' > lib.sh; . ./lib.sh; echo no",
		"redefined commands": "builtin() { echo no; echo no >&2; }; printf() { echo no; }; :() { echo no; }; false",
		"set -u, EXIT":       "set -u; x() { :; }; exit 2",
		"set -u":             "set -u; f() { echo $nope; }; f 2>/dev/null",
		"descriptors":        `ls -l /proc/$$/fd > fds; sed -n "s/:.*//; s/.* \\([0-9]* -> .*\\)/\\1/p" fds`,
		"extdebug":           "shopt -s extdebug inherit_errexit; x=$(false; true)",
		"posix":              "set -o posix; false",
		"eval":               "eval 'true; (exit 3)'",
		"nested": "bash -e -c 'trap -p ERR EXIT; false' || echo $?; bash -c 'trap -p ERR EXIT; echo " +
			"${BASH_ENV-unset}'",
	}
	shells := map[string][]string{
		"bash -ex":     {"bash", "-ex"},
		"bash -v":      {"bash", "-ev"},
		"bash --posix": {"bash", "--posix", "-e"},
	}
	for name := range shells {
		scripts[name] = "echo a; test -d src"
	}
	var plans []runner.StepPlan
	for _, name := range slices.Sorted(maps.Keys(scripts)) {
		p := bash(scripts[name])
		if shell := shells[name]; shell != nil {
			p.Command = shell
		}
		plans = append(plans, p)
	}
	pod := newPodOf(t, plans...)
	for i, name := range slices.Sorted(maps.Keys(scripts)) {
		t.Run(name, func(t *testing.T) {
			code, log, _ := pod.runStep(i)
			os.Remove(filepath.Join(pod.dir, "workspace", "fds"))
			bare := exec.Command("bash", append(plans[i].Command[1:], filepath.Join(pod.dir, "bin", plans[i].Script))...)
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

// TestC13Secrets holds that no part of a secret that a script expands gets into the log or a file that other steps can
// read.
func TestC13Secrets(t *testing.T) {
	needBash(t)
	key := strings.Repeat("S3cretTokenPart", 20) // longer than a line that is shown
	scripts := map[string]string{
		"eval":               `eval "false --header 'Authorization: Bearer $KEY'"`,
		"eval of lines":      "eval \"true\nfalse '$KEY'\"",
		"sourced":            `. <(echo "false --header $KEY")`,
		"source by its name": `echo false > "${KEY:0:100}"; . "./${KEY:0:100}"`,
		"in a trap":          `trap "false $KEY" USR1; kill -USR1 $$`,
		"an argument":        `false "$KEY"`,
		"in the script":      "false " + key,
		"behind a long text": "false " + strings.Repeat("x", maxShownCommand-20) + key,
		"a pipeline":         `eval "echo '$KEY' | false" | cat`,
	}
	var plans []runner.StepPlan
	for _, name := range slices.Sorted(maps.Keys(scripts)) {
		p := bash(scripts[name])
		p.Mask, p.Quiet = []string{"KEY"}, false
		plans = append(plans, p)
	}
	pod := newPodOf(t, plans...)
	for i, name := range slices.Sorted(maps.Keys(scripts)) {
		t.Run(name, func(t *testing.T) {
			code, log, _ := pod.runStep(i, "KEY="+key)
			if code == 0 || strings.Contains(log, key[:8]) {
				t.Errorf("exit code %d and %q", code, log)
			}
			err := filepath.WalkDir(filepath.Join(pod.dir, "sync"), func(path string, entry fs.DirEntry, err error) error {
				if err != nil || !entry.Type().IsRegular() {
					return err
				}
				data, err := os.ReadFile(path)
				if strings.Contains(string(data), key[:8]) {
					t.Errorf("%s has %q", path, data)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}
