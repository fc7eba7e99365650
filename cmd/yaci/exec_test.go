package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/internal/runner"
)

// tree is a working tree with a pipeline, and the current directory.
func tree(t *testing.T, yaml string) {
	t.Helper()
	if os.Getenv("YACI_LOCAL_HOST") == "" || os.Getenv("YACI_IMAGE") == "" {
		t.Skip("no cluster: run make cluster image, then eval \"$(bin/local env)\"; make test does both")
	}
	t.Chdir(t.TempDir())
	if out, err := exec.Command("git", "init", "-q", "-b", "main").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(".yaci.yml", []byte(strings.ReplaceAll(yaml, "IMAGE", os.Getenv("YACI_RUN_IMAGE"))), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("uncommitted", bytes.Repeat([]byte("0123456789abcde\n"), 100_000), 0o644); err != nil {
		t.Fatal(err)
	}
}

// left are the Jobs and Secrets of yaci exec that are not being deleted.
func left(t *testing.T) (names []string) {
	t.Helper()
	cluster, err := kube.Connect("", kube.Config{Namespace: "yaci-builds"})
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := cluster.Client.BatchV1().
		Jobs(cluster.Namespace).
		List(t.Context(), metav1.ListOptions{LabelSelector: runner.LabelManagedBy + "=" + runner.ExecManager})
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs.Items {
		if j.DeletionTimestamp == nil {
			names = append(names, j.Name)
		}
	}
	return names
}

func TestExec(t *testing.T) {
	tree(t, `
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
		"one step of one cell": {[]string{"exec", "--step", "count", "--matrix", "N=2", "--env", "KEY=a,b"}, 0, "1600000\n2 a,b\n"},
		"a failure":            {[]string{"exec", "--matrix", "N=1", "--env", "KEY=c"}, 2, "1600000\n1 c\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			err := run(t.Context(), c.args, &out, &errs)
			var code exitCode
			if errors.As(err, &code); int(code) != c.code || err != nil && code == 0 || out.String() != c.want {
				t.Errorf("error %v, stdout %q\n%s", err, out.String(), errs.String())
			}
			if names := left(t); len(names) > 0 {
				t.Errorf("left behind: %q", names)
			}
		})
	}
}

// What steps ask for by name comes from the environment or a file, is in no
// manifest, and is hidden in the log; --json says everything by the line.
func TestExecSecretsAndJSON(t *testing.T) {
	tree(
		t,
		"image: IMAGE\nclone: false\nsteps:\n  - {name: one, run: 'test $TOKEN$FILE = hidden-1hidden-2; echo it is $TOKEN', secrets: [TOKEN, FILE]}\n  - exit 3\n",
	)
	t.Setenv("TOKEN", "hidden-1")
	if err := os.WriteFile("value", []byte("hidden-2"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	var code exitCode
	err := run(t.Context(), []string{"exec", "--json", "--secret", "TOKEN", "--secret", "FILE=@value"}, &out, &errs)
	if !errors.As(err, &code) || code != 2 {
		t.Fatalf("%v: %s", err, errs.String())
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		var e struct {
			Step, State, Message string
			Line                 *string
			Exit                 *int
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
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
		t.Errorf("got %q, want %q\n%s", got, want, errs.String())
	}
	if names := left(t); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}

// A secret that is not given is asked for before anything is made.
func TestExecAsksForSecrets(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile(".yaci.yml", []byte("image: x\nsteps: [{name: one, run: make, secrets: [NOT_GIVEN]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"":                           `step "one" needs the secret NOT_GIVEN: give it with --secret NOT_GIVEN`,
		" --secret NOT_GIVEN":        "--secret NOT_GIVEN: write the name alone",
		" --secret NOT_GIVEN=@gone":  "no such file",
		" --secret NOT_GIVEN=itself": "write the name alone",
	} {
		var out, errs bytes.Buffer
		err := run(t.Context(), strings.Fields("exec"+args), &out, &errs)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
}

// shout tells when something was written.
type shout struct{ heard chan struct{} }

func (s shout) Write(p []byte) (int, error) {
	select {
	case s.heard <- struct{}{}:
	default:
	}
	return len(p), nil
}

func TestExecIsCancelled(t *testing.T) {
	tree(t, "image: IMAGE\nsteps: [\"echo begun; sleep 600\"]\n")
	ctx, cancel := context.WithCancel(t.Context())
	begun := make(chan struct{}, 1)
	ended := make(chan error, 1)
	var errs bytes.Buffer
	go func() { ended <- run(ctx, []string{"exec"}, shout{begun}, &errs) }()
	select {
	case <-begun:
	case err := <-ended:
		t.Fatalf("%v: %s", err, errs.String())
	case <-time.After(time.Minute):
		t.Fatal("no output")
	}
	cancel()
	var code exitCode
	err := <-ended
	if !errors.As(err, &code) || code != 5 || !strings.Contains(errs.String(), "Cancelled") {
		t.Errorf("error %v\n%s", err, errs.String())
	}
	if names := left(t); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}
