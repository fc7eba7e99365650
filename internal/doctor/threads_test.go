package doctor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestMain is the command that starts threads, too.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_START_THREADS") == "" {
		os.Exit(m.Run())
	}
	if err := StartThreads(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// limited makes a cgroup with a limit on processes, and returns the command line of a shell that joins it and goes on
// as the command behind it.
func limited(t *testing.T, limit int) []string {
	t.Helper()
	for _, root := range []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup"} {
		dir := filepath.Join(root, fmt.Sprintf("yaci-test-%d-%d", os.Getpid(), limit))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { os.Remove(dir) })
		if os.WriteFile(filepath.Join(dir, "pids.max"), []byte(fmt.Sprint(limit)), 0) == nil {
			return []string{"sh", "-c", `echo $$ >"$0"/cgroup.procs && exec "$@"`, dir}
		}
	}
	t.Skip("this test may make no cgroup with a limit on processes")
	return nil
}

// S15: a limit on processes is met, though no file of the container shows it.
func TestS15ALimitOnThreadReportIsMet(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const limit = 200
	line := append(limited(t, limit), self)
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	cmd.Env = append(os.Environ(), "TEST_START_THREADS=1", "GOTRACEBACK=none")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	p := ThreadRun{Stdout: out.String(), Stderr: errs.String(), Err: err}.report()
	if !p.Refused || p.Started < limit/2 || p.Started > limit || p.Err != "" {
		t.Errorf("under a limit of %d: %+v", limit, p)
	}
	f := checkProcessLimit(p)
	if f.Level != Good || !strings.Contains(f.Summary, fmt.Sprint(p.Started)) {
		t.Errorf("%+v", f)
	}
}

func TestS15WhatAProcessCameTo(t *testing.T) {
	for name, c := range map[string]struct {
		run  ThreadRun
		want ThreadReport
	}{
		"all started":            {ThreadRun{Stdout: "1\n2\n3\n"}, ThreadReport{Started: 3}},
		"cut while it printed":   {ThreadRun{Stdout: "1\n2", Stderr: "runtime: failed to create new OS thread (have 9 already; errno=11)", Err: errors.New("exit status 2")}, ThreadReport{Started: 2, Refused: true}},
		"not even one process":   {ThreadRun{Err: &os.PathError{Op: "fork/exec", Path: "yaci", Err: syscall.EAGAIN}}, ThreadReport{Refused: true}},
		"killed, out of memory":  {ThreadRun{Stdout: "1\n", Err: errors.New("signal: killed")}, ThreadReport{Started: 1, Err: "signal: killed: "}},
		"a program that is gone": {ThreadRun{Err: os.ErrNotExist, Stderr: ""}, ThreadReport{Err: "file does not exist: "}},
	} {
		if got := c.run.report(); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
