package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/runner"
)

// workingTree makes a git repository with a pipeline and a large uncommitted file, and returns its directory.
func workingTree(t *testing.T, yaml string) string {
	t.Helper()
	if os.Getenv("YACI_LOCAL_HOST") == "" || os.Getenv("YACI_IMAGE") == "" {
		t.Skip("no cluster: run make cluster image, then eval \"$(bin/local env)\"; make test does both")
	}
	dir := t.TempDir()
	if out, err := exec.Command("git", "-C", dir, "init", "-q", "-b", "main").CombinedOutput(); err != nil {
		t.Fatalf("git init: %v: %s", err, out)
	}
	for name, text := range map[string]string{
		".yaci.yml":   strings.ReplaceAll(yaml, "IMAGE", os.Getenv("YACI_RUN_IMAGE")),
		"uncommitted": strings.Repeat("0123456789abcde\n", 100_000),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// execCommand is yaci exec in a directory, not started, and what it writes to standard error.
func execCommand(t *testing.T, dir string, args ...string) (cmd *exec.Cmd, stderr *LockedBuffer) {
	t.Helper()
	cmd = exec.Command(must(filepath.Abs("../../bin/yaci"))(t), append([]string{"exec"}, args...)...)
	stderr = &LockedBuffer{}
	cmd.Dir, cmd.Stderr = dir, stderr
	return cmd, stderr
}

// exitCode returns the exit code of a command that ran. A command that could not run fails the test.
func exitCode(t *testing.T, err error) int {
	t.Helper()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

// leftBehind returns the names of the Jobs of yaci exec that are not being deleted.
func leftBehind(t *testing.T) (names []string) {
	t.Helper()
	options := metav1.ListOptions{LabelSelector: runner.LabelManagedBy + "=" + runner.ExecManager}
	jobs := must(Clientset(t).BatchV1().Jobs(BuildNamespace).List(t.Context(), options))(t)
	for _, j := range jobs.Items {
		if j.DeletionTimestamp == nil {
			names = append(names, j.Name)
		}
	}
	return names
}

func TestExec(t *testing.T) {
	dir := workingTree(t, `
image: IMAGE
matrix: {N: ["1", "2"]}
services: [{name: side, image: IMAGE, command: [sh, -c, "trap exit TERM; while :; do sleep 0.1; done"]}]
steps:
  - {name: count, run: "wc -c < uncommitted; echo $MATRIX_N $KEY"}
  - {name: fail, run: "exit 3", needs: []}
`)
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"one step of one cell": {[]string{"--step", "count", "--matrix", "N=2", "--env", "KEY=a,b"}, 0, "1600000\n2 a,b\n"},
		"a failure":            {[]string{"--matrix", "N=1", "--env", "KEY=c"}, 2, "1600000\n1 c\n"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd, stderr := execCommand(t, dir, c.args...)
			out, err := cmd.Output()
			if code := exitCode(t, err); code != c.code {
				t.Errorf("exit code %d, want %d\n%s", code, c.code, stderr)
			}
			if string(out) != c.want {
				t.Errorf("stdout %q, want %q\n%s", out, c.want, stderr)
			}
			if names := leftBehind(t); len(names) > 0 {
				t.Errorf("left behind: %q", names)
			}
		})
	}
}

// Secrets that steps ask for come from the environment or a file, are in no
// manifest, and are masked in the log. --json writes one object a line.
func TestExecSecretsAndJSON(t *testing.T) {
	dir := workingTree(t, "image: IMAGE\nclone: false\nsteps:\n"+
		"  - {name: one, run: 'test $TOKEN$FILE = hidden-1hidden-2; echo it is $TOKEN', secrets: [TOKEN, FILE]}\n  - exit 3\n")
	if err := os.WriteFile(filepath.Join(dir, "value"), []byte("hidden-2"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, stderr := execCommand(t, dir, "--json", "--secret", "TOKEN", "--secret", "FILE=@value")
	cmd.Env = append(os.Environ(), "TOKEN=hidden-1")
	out, err := cmd.Output()
	if code := exitCode(t, err); code != 2 {
		t.Fatalf("exit code %d, want 2\n%s", code, stderr)
	}
	var got []string
	for line := range bytes.Lines(out) {
		var e struct {
			Step, State, Message string
			Line                 *string
			Exit                 *int
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		switch {
		case e.Line != nil:
			got = append(got, e.Step+": "+*e.Line)
		case e.Exit != nil:
			got = append(got, fmt.Sprintf("%s %s %d", e.Step, e.State, *e.Exit))
		default:
			got = append(got, e.State)
		}
	}
	if want := []string{"one: it is ***", "one success 0", "exit 3 failure 3", "failure"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q\n%s", got, want, stderr)
	}
	if names := leftBehind(t); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}

// firstWrite closes a channel when something is written.
type firstWrite struct{ written chan struct{} }

func (f firstWrite) Write(p []byte) (int, error) {
	select {
	case f.written <- struct{}{}:
	default:
	}
	return len(p), nil
}

func TestExecIsCancelled(t *testing.T) {
	dir := workingTree(t, "image: IMAGE\nsteps: [\"echo begun; sleep 600\"]\n")
	cmd, stderr := execCommand(t, dir)
	output := firstWrite{make(chan struct{}, 1)}
	cmd.Stdout = output
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; make build first", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill() })
	select {
	case <-output.written:
	case err := <-ended:
		t.Fatalf("yaci exec ended: %v\n%s", err, stderr)
	case <-time.After(time.Minute):
		t.Fatalf("no output within a minute\n%s", stderr)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := exitCode(t, <-ended); code != 5 {
		t.Errorf("exit code %d, want 5\n%s", code, stderr)
	}
	if !strings.Contains(stderr.String(), "Cancelled") {
		t.Errorf("stderr does not say that the run was cancelled:\n%s", stderr)
	}
	if names := leftBehind(t); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}
