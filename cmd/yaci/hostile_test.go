package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
	"github.com/yaci-ci/yaci/internal/citest/hostile"
)

// memoryLimit is a control group of version 1 or 2 that the kernel holds to a limit.
type memoryLimit struct {
	dir         string
	limit, peak string // file names
}

// limitMemory moves the server's process into a control group with a limit of memory.
func limitMemory(t *testing.T, pid int, limit int64) memoryLimit {
	t.Helper()
	groups := []memoryLimit{
		{dir: "/sys/fs/cgroup/memory", limit: "memory.limit_in_bytes", peak: "memory.max_usage_in_bytes"},
		{dir: "/sys/fs/cgroup", limit: "memory.max", peak: "memory.peak"},
	}
	var why error
	for _, g := range groups {
		g.dir = filepath.Join(g.dir, fmt.Sprintf("yaci-test-%d", pid))
		if why = os.Mkdir(g.dir, 0o755); why != nil {
			continue
		}
		t.Cleanup(func() { os.Remove(g.dir) }) // empty by then: the server is killed first
		if why = os.WriteFile(filepath.Join(g.dir, g.limit), []byte(strconv.FormatInt(limit, 10)), 0o644); why != nil {
			continue
		}
		if why = os.WriteFile(filepath.Join(g.dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644); why == nil {
			return g
		}
	}
	t.Skipf("no control group for memory, which needs root and a writable /sys/fs/cgroup: %v", why)
	return memoryLimit{}
}

func (m memoryLimit) used(t *testing.T) int64 {
	t.Helper()
	data := must(os.ReadFile(filepath.Join(m.dir, m.peak)))(t)
	return must(strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64))(t)
}

// TestS1HostileCorpus: a server with 512 MiB gets each file of the hostile corpus
// as a stranger's pull request that nobody approved. It survives, says what is
// wrong with each file, and serves another repository meanwhile.
func TestS1HostileCorpus(t *testing.T) {
	if inCluster() {
		t.Skip("the server is a pod, whose limit is the manifest's")
	}
	w := newWorld(t)
	group := limitMemory(t, w.cmd.Process.Pid, 512<<20)
	r, other := w.repo("victim", false), w.repo("bystander", false)
	w.push(r, "")
	eve := w.github.CreateUser("eve")
	clone := must(must(w.github.Fork(r, eve))(t).Clone(t.TempDir(), eve))(t)
	corpus := hostile.Corpus()
	heads := map[string]string{}
	for i, name := range slices.Sorted(maps.Keys(corpus)) {
		branch := fmt.Sprintf("b%d", i)
		must(clone.Git("switch", "--quiet", "-c", branch, "origin/main"))(t)
		files := map[string]string{".yaci.yml": corpus[name]}
		if strings.HasPrefix(name, "patterns:") {
			for n, path := range hostile.Paths()[:300] {
				files[path] = strconv.Itoa(n)
			}
		}
		heads[name] = must(clone.Push("Change "+name, files))(t)
		must(r.OpenPull("eve:"+branch, "main", "Change", eve))(t)
	}
	begin := time.Now()
	sha := w.push(other, passing)
	must(other.WaitStatus(citesttest.Context(t, time.Minute), sha, "yaci", nil))(t)
	t.Logf("the other repository's first status came after %v", time.Since(begin).Round(time.Millisecond))
	for name, sha := range heads {
		judged := func(s citest.Status) bool {
			return s.State == "error" || s.State == "success" || strings.HasPrefix(s.Description, "Waiting for approval")
		}
		if _, err := r.WaitStatus(citesttest.Context(t, 2*time.Minute), sha, "yaci", judged); err != nil {
			t.Errorf("%s: %v, statuses %+v", name, err, r.Statuses(sha))
		}
	}
	if st := w.final(other, sha); st.State != "success" {
		t.Errorf("the other repository: %+v", st)
	}
	if log := w.log.String(); strings.Contains(log, "set aside") {
		t.Error("a delivery was set aside")
	}
	t.Logf("%d files, peak %d MiB of 512", len(corpus), group.used(t)>>20)
	if w.cmd.ProcessState != nil {
		t.Errorf("the server ended: %v", w.cmd.ProcessState)
	}
}
