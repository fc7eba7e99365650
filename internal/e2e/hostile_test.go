package e2e

import (
	"fmt"
	"maps"
	"net/http"
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

// heaviest are those of the accepted files of the hostile corpus that take most memory.
func heaviest() []string {
	return []string{
		"needs: weights", "cells: as large as is allowed", "patterns: of cells", "needs: a full graph of cells",
	}
}

// stranger opens pull requests with hostile files in a repository of its own.
type stranger struct {
	repo  *citest.Repo
	clone *citest.Clone
	eve   citest.User
	heads map[string]string // of its pull requests, by the name of the file
}

func (s *stranger) open(t *testing.T, branch, name, text string) {
	t.Helper()
	must(s.clone.Git("switch", "--quiet", "-c", branch, "origin/main"))(t)
	files := map[string]string{".yaci.yml": text}
	if strings.HasPrefix(name, "patterns:") {
		for n, path := range hostile.Paths()[:300] {
			files[path] = strconv.Itoa(n)
		}
	}
	s.heads[name] = must(s.clone.Push("Change "+name, files))(t)
	must(s.repo.OpenPull("eve:"+branch, "main", "Change", s.eve))(t)
}

// TestS1HostileCorpus: a server with 512 MiB gets each file of the hostile corpus as a stranger's pull request that
// nobody approved, in as many repositories as it handles side by side. Each begins with one of the files that take
// most memory, while the first file that GitHub hands out is slow, so that those are handled at the same moment. The
// server survives, says what is wrong with each file, and serves another repository meanwhile.
func TestS1HostileCorpus(t *testing.T) {
	if inCluster() {
		t.Skip("the server is a pod, whose limit is the manifest's")
	}
	w := NewWorld(t)
	group := limitMemory(t, w.Cmd.Process.Pid, 512<<20)
	other := w.Repo("bystander", false)
	eve := w.GitHub.CreateUser("eve")
	corpus := hostile.Corpus()
	names := slices.Sorted(maps.Keys(corpus))
	var strangers []*stranger
	for i := range 8 {
		s := &stranger{repo: w.Repo(fmt.Sprintf("victim%d", i), false), eve: eve, heads: map[string]string{}}
		w.push(s.repo, "")
		s.clone = must(must(w.GitHub.Fork(s.repo, eve))(t).Clone(t.TempDir(), eve))(t)
		strangers = append(strangers, s)
	}
	w.GitHub.Inject(citest.Fault{
		Prefix: "/repos/ada/victim",
		Match: func(r *http.Request) bool {
			return strings.Contains(r.URL.Path, "/contents/")
		},
		Times: len(strangers),
		Delay: 5 * time.Second,
	})
	for i, s := range strangers {
		name := heaviest()[i%len(heaviest())]
		s.open(t, "heavy", name, corpus[name])
	}
	for i, name := range names {
		strangers[i%len(strangers)].open(t, fmt.Sprintf("b%d", i), name, corpus[name])
	}
	begin := time.Now()
	sha := w.push(other, passing)
	must(other.WaitStatus(citesttest.Context(t, time.Minute), sha, "yaci", nil))(t)
	t.Logf("the other repository's first status came after %v", time.Since(begin).Round(time.Millisecond))
	for _, s := range strangers {
		for name, sha := range s.heads {
			judged := func(st citest.Status) bool {
				return st.State == "error" || st.State == "success" || strings.HasPrefix(st.Description, "Waiting for approval")
			}
			if _, err := s.repo.WaitStatus(citesttest.Context(t, 2*time.Minute), sha, "yaci", judged); err != nil {
				t.Errorf("%s: %v, statuses %+v", name, err, s.repo.Statuses(sha))
			}
		}
	}
	if st := w.Final(other, sha); st.State != "success" {
		t.Errorf("the other repository: %+v", st)
	}
	if log := w.Log.String(); strings.Contains(log, "set aside") {
		t.Error("a delivery was set aside")
	}
	t.Logf("%d files, peak %d MiB of 512", len(corpus), group.used(t)>>20)
	if w.Cmd.ProcessState != nil {
		t.Errorf("the server ended: %v", w.Cmd.ProcessState)
	}
}
