package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// TestLanguage runs what the keys of .yaci.yml promise, on the cluster. IMAGE has
// sh, TOOLS has bash and git.
func TestLanguage(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	big := "#" + strings.Repeat("x", 100<<10)
	cases := []struct{ name, yaml, state, description string }{
		{"service", `
image: IMAGE
services:
  - {name: web, image: IMAGE, command: [sh, -c, 'sleep 1; echo hi > /tmp/index.html; exec httpd -f -p 8080 -h /tmp'], ready: {tcp: 8080, timeout: 30s}}
steps:
  - test "$(wget -q -O - http://localhost:8080/)" = hi
`, "success", "Passed in "},
		{"service-dies", `
image: IMAGE
services:
  - {name: db, image: IMAGE, command: [sh, -c, 'exit 9'], ready: {tcp: 8080}}
steps: ['true']
`, "error", "Service db exited with code 9"},
		{"service-never-ready", `
image: IMAGE
services:
  - {name: db, image: IMAGE, command: [sleep, "600"], ready: {tcp: 8080, timeout: 1s}}
steps: ['true']
`, "error", "service db was not ready: port 8080 accepted no connection within 1s"},
		{"matrix", `
image: IMAGE
matrix: {v: ["1", "2", "3"]}
steps:
  - test "$MATRIX_V" -lt 3
`, "failure", "3: test "},
		{"jobs", `
image: IMAGE
jobs:
  build: {steps: ["test $YACI_JOB = build"]}
  ship: {needs: [build], steps: ["test $YACI_JOB = ship"]}
`, "success", "2 jobs"},
		{"jobs-skipped", `
image: IMAGE
jobs:
  build: {steps: ["exit 4"]}
  ship: {needs: [build], steps: ["true"]}
  after: {needs: [ship], steps: ["true"]}
`, "failure", "build: exit 4 failed in "},
		{"parallel", `
image: IMAGE
steps:
  - {name: a, needs: [], run: 'touch a; for i in $(seq 300); do test -e b && exit 0; sleep 0.1; done; exit 1'}
  - {name: b, needs: [], run: 'touch b; for i in $(seq 300); do test -e a && exit 0; sleep 0.1; done; exit 1'}
  - {name: c, needs: [a, b], run: test -e a -a -e b}
`, "success", "Passed in "},
		{"when-status", `
image: IMAGE
steps:
  - {name: red, run: exit 7}
  - {name: never, run: touch never}
  - {name: told, run: touch told, when: {status: failure}}
  - {name: last, run: test -e told -a ! -e never || exit 99, when: {status: always}}
`, "failure", "red failed in "},
		{"always-fails-too", `
image: IMAGE
steps:
  - 'true'
  - {name: not on green, run: exit 8, when: {status: failure}}
  - {name: last, run: exit 9, when: {status: always}}
`, "failure", "(exit 9)"},
		{"allow-failure", `
image: IMAGE
steps:
  - {name: lint, run: exit 1, allow_failure: true}
  - 'true'
`, "success", "lint failed, which is allowed"},
		{"retry", `
image: IMAGE
steps:
  - {name: flaky, run: 'echo x >> tries; test $(wc -l < tries) = 3 || exit 75', retry: {attempts: 3, on_exit: [75]}}
`, "success", "Passed in "},
		{"step-timeout", `
image: IMAGE
steps:
  - {name: slow, run: sleep 600, timeout: 1s}
`, "failure", ": timed out after 1s"},
		{"shells", `
image: TOOLS
steps:
  - {name: sh stops at the first failure, run: "false\necho on\n", allow_failure: true}
  - {name: bash, shell: bash, run: 'test -n "$BASH_VERSION"; if (false | true); then exit 0; fi'}
  - {name: pipefail, shell: bash, run: 'false | true', allow_failure: true}
  - {name: a list, shell: [bash, -c, 'test "$(cat $0)" = "not a script"'], run: not a script}
`, "success", "sh stops at the first failure failed, which is allowed"},
		{"words", `
image: IMAGE
steps:
  - {name: words, run: [test, '$(HOME) $$ "q"', '=', '$(HOME) $$ "q"']}
`, "success", "Passed in "},
		{"dollars", `
image: IMAGE
env: {D: '$(HOME) $$ ${X} "q" ''s'' \n'}
steps:
  - run: |
      cat > want <<'EOF'
      $(HOME) $$ ${X} "q" 's' \n
      EOF
      printf '%s\n' "$D" | cmp - want
`, "success", "Passed in "},
		{
			"long-script",
			"image: IMAGE\nsteps:\n  - |\n    " + big + "\n    test $(wc -c < $0) -gt 100000\n",
			"success",
			"Passed in ",
		},
		{"clone-false", `
image: IMAGE
clone: false
steps:
  - test -z "$(ls -A)"
`, "success", "Passed in "},
		{"clone-depth", `
image: TOOLS
clone: {depth: 0}
steps:
  - test "$(git rev-list --count HEAD)" = 2
`, "success", "Passed in "},
		{"filtered", `
image: IMAGE
steps:
  - {run: exit 1, when: {branch: stable}}
`, "success", "Skipped: no step matches a push to main."},
		{"paths", `
image: IMAGE
on: {push: {paths: ["*.yml"]}}
steps:
  - {run: 'exit 1', when: {paths: ["*.go"]}}
  - {run: 'true', when: {paths: [".yaci.*"]}}
`, "success", "Passed in "},
		{"no-shell", `
image: IMAGE
shell: [nosuchshell]
steps: ['true']
`, "failure", "nosuchshell: command not found in the image"},
	}
	repos, shas := map[string]*citest.Repo{}, map[string]string{}
	for _, c := range cases {
		repos[c.name] = w.Repo(c.name, false)
		clone := must(repos[c.name].Clone(t.TempDir(), w.Ada))(t)
		must(clone.Push("First", map[string]string{"README": "hello\n"}))(t)
		shas[c.name] = w.PushFrom(clone, tools(c.yaml))
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := *w
			w.T = t
			st := must(repos[c.name].WaitStatus(citesttest.Context(t, 3*time.Minute), shas[c.name], "yaci", citest.Finished))(t)
			if st.State != c.state || !strings.Contains(st.Description, c.description) {
				t.Errorf("%s: %s, want %s: …%s…", st.State, st.Description, c.state, c.description)
			}
		})
	}
	skipped := must(
		repos["jobs-skipped"].WaitStatus(
			citesttest.Context(t, time.Minute),
			shas["jobs-skipped"],
			"yaci/after",
			citest.Finished,
		),
	)(
		t,
	)
	if skipped.State != "failure" || skipped.Description != "Not run: build failed." {
		t.Errorf("yaci/after: %+v", skipped)
	}
}

// A job's time counts from its start, so a loaded machine may spend it before the steps: then the job gets more.
func TestJobTimeout(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	r := w.Repo("job-timeout", false)
	for _, timeout := range []time.Duration{15 * time.Second, time.Minute, 3 * time.Minute} {
		yaml := "image: IMAGE\ntimeout: " + timeout.String() + "\nsteps:\n  - {name: quick, run: 'true'}\n  - {name: slow, run: sleep 600}\n"
		sha := must(r.Commit("main", "Change", Files(yaml), w.Ada))(t)
		st := must(r.WaitStatus(citesttest.Context(t, 4*time.Minute), sha, "yaci", citest.Finished))(t)
		switch {
		case st.State == "error" && strings.HasPrefix(st.Description, "Timed out after "): // before the steps
			t.Logf("%s: %s", st.State, st.Description)
		case st.State != "failure" || !strings.HasPrefix(st.Description, "Timed out after "+ci.Duration(timeout)+" in slow"):
			t.Fatalf("%s: %s", st.State, st.Description)
		default:
			return
		}
	}
	t.Error("no step began within 3m")
}

// tools fills in the image with bash and git.
func tools(yaml string) string { return strings.ReplaceAll(yaml, "TOOLS", os.Getenv("YACI_IMAGE")) }

func TestSubmodulesAndLFS(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	library, r := w.Repo("library", false), w.Repo("app", true)
	must(must(library.Clone(t.TempDir(), w.Ada))(t).Push("First", map[string]string{"lib.txt": "library\n"}))(t)
	clone := must(r.Clone(t.TempDir(), w.Ada))(t)
	must(clone.Git("-c", "protocol.allow=always", "submodule", "--quiet", "add", library.PublicURL(), "lib"))(t)
	pointer := must(r.AddLFS("a large file\n"))(t)
	sha := must(
		clone.Push(
			"Use it",
			map[string]string{
				"big.bin":        pointer,
				".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
				".yaci.yml": tools(`
image: TOOLS
clone: {submodules: true, lfs: true}
steps:
  - test "$(cat lib/lib.txt)" = library
  - test "$(cat big.bin)" = "a large file"
  - test -z "$(git status --porcelain)"
`),
			},
		),
	)(
		t,
	)
	if st := w.Final(r, sha); st.State != "success" {
		t.Errorf("%+v", st)
	}
}

// A pull request runs merged into its base; a conflict is told, also when the
// clone container ends after the steps, since GitHub is slow to take its token back.
func TestMergeOfPullRequest(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	w.GitHub.Inject(citest.Fault{Method: http.MethodDelete, Prefix: "/installation/token", Delay: 2 * time.Second})
	for name, c := range map[string]struct{ file, state, description string }{
		"merges":   {"new.txt", "success", "Passed in "},
		"conflict": {"README", "error", "cannot be merged into"},
	} {
		r := w.Repo(name, false)
		main := must(r.Clone(t.TempDir(), w.Ada))(t)
		w.PushFrom(main, "")
		topic := must(r.Clone(t.TempDir(), w.Ada))(t)
		must(topic.Git("switch", "--quiet", "-c", "topic"))(t)
		sha := must(topic.Push("Change", map[string]string{c.file: "topic\n", ".yaci.yml": tools(`
on: pull_request
image: TOOLS
clone: {merge: true}
steps:
  - test -e on-main.txt -a -e new.txt
`)}))(t)
		must(main.Push("Meanwhile", map[string]string{"README": "changed\n", "on-main.txt": "x\n"}))(t)
		w.Drain()
		must(r.OpenPull("topic", "main", "Change", w.Ada))(t)
		w.Drain()
		done := func(st citest.Status) bool {
			return citest.Finished(st) && !strings.HasPrefix(st.Description, "Skipped")
		}
		st := must(r.WaitStatus(citesttest.Context(t, 90*time.Second), sha, "yaci", done))(t)
		if st.State != c.state || !strings.Contains(st.Description, c.description) {
			t.Errorf("%s: %s", name, fmt.Sprintf("%+v", st))
		}
	}
}
