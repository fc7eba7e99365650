package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
func TestS15ALimitOnProcessesIsMet(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if p := countProcesses(t.Context(), []string{"/nowhere"}); p.Err == "" || p.Refused {
		t.Errorf("a command that is not there: %+v", p)
	}
	t.Setenv("TEST_START_THREADS", "1")
	const limit = 200
	p := countProcesses(t.Context(), append(limited(t, limit), self))
	if !p.Refused || p.Started < limit/2 || p.Started > limit || p.Err != "" {
		t.Errorf("under a limit of %d: %+v", limit, p)
	}
	if f := processLimit(p); f.Level != Good || !strings.Contains(f.Found, fmt.Sprint(p.Started)) {
		t.Errorf("%+v", f)
	}
}
