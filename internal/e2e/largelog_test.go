package e2e

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// TestFastSteps: of 1,000 steps that end as soon as they begin, each keeps its
// log, and the log says that it is complete. It is a part of make soak.
func TestFastSteps(t *testing.T) {
	if os.Getenv("YACI_SOAK") == "" {
		t.Skip("make soak runs it")
	}
	const jobs, steps = 20, 50
	w := NewWorld(t)
	r := w.Repo("fast", false)
	var yaml strings.Builder
	yaml.WriteString("image: IMAGE\nquiet: true\nmatrix: {n: [")
	for n := range jobs {
		fmt.Fprintf(&yaml, "'%d', ", n)
	}
	yaml.WriteString("]}\nsteps:\n")
	for n := range steps {
		if n%2 == 0 {
			fmt.Fprintf(&yaml, "  - {name: s%d, run: echo %d}\n", n, n)
		} else {
			fmt.Fprintf(&yaml, "  - {name: s%d, run: 'true'}\n", n)
		}
	}
	begun := time.Now()
	sha := w.push(r, yaml.String())
	st := must(r.WaitStatus(citesttest.Context(t, 15*time.Minute), sha, "yaci", citest.Finished))(t)
	if st.State != "success" {
		t.Fatalf("%s: %s", st.State, st.Description)
	}
	t.Logf("%d steps in %s", jobs*steps, time.Since(begun).Round(time.Second))
	launched := regexp.MustCompile(`msg="launched job" run=(\w+) job=(\S+)`).FindAllStringSubmatch(w.Log.String(), -1)
	if len(launched) != jobs {
		t.Fatalf("%d jobs were launched", len(launched))
	}
	for _, job := range launched {
		for n := range steps {
			want := ""
			if n%2 == 0 {
				want = fmt.Sprintln(n)
			}
			if got := string(must(io.ReadAll(w.jobLog(job[1], job[2], n+1, "follow=1").Body))(t)); got != want {
				t.Errorf("%s, step %d: %q, want %q", job[2], n+1, got, want)
			}
		}
	}
}

// memory is a figure of the server's memory in bytes: VmRSS or VmHWM, its peak (proc_pid_status(5)).
func (w *World) memory(what string) int64 {
	w.T.Helper()
	status := must(os.ReadFile(fmt.Sprintf("/proc/%d/status", w.Cmd.Process.Pid)))(w.T)
	m := regexp.MustCompile(what + `:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		w.T.Fatalf("no %s in %s", what, status)
	}
	return must(strconv.ParseInt(string(m[1]), 10, 64))(w.T) << 10
}

// TestLargeLog: a log of 1 GiB, printed as fast as it can be, leaves the server
// small, and its head and tail are kept. It is a part of make soak.
func TestLargeLog(t *testing.T) {
	if os.Getenv("YACI_SOAK") == "" {
		t.Skip("make soak runs it")
	}
	w := NewWorld(t)
	idle := w.memory("VmRSS")
	r := w.Repo("large", false)
	begun := time.Now()
	sha := w.push(
		r,
		"image: IMAGE\nresources: {disk: 8Gi}\nsteps: [{name: print, run: 'yes a line of a log that is very long | head -c 1073741824'}]\n",
	)
	st := must(r.WaitStatus(citesttest.Context(t, 10*time.Minute), sha, "yaci", citest.Finished))(t)
	if st.State != "success" {
		t.Fatalf("%s: %s", st.State, st.Description)
	}
	body := must(io.ReadAll(io.LimitReader(w.stepLog(1, "follow=1").Body, 1<<30)))(t)
	for line := range strings.Lines(string(body)) {
		if text, ok := strings.CutPrefix(line, "[yaci] "); ok {
			t.Logf("the log says: %s", text)
		}
	}
	peak := w.memory("VmHWM")
	t.Logf("1 GiB in %s (%s); %d MiB are stored; the server takes %d MiB idle and %d MiB at most: %d MiB more",
		time.Since(begun).Round(time.Second/10), st.Description, len(body)>>20, idle>>20, peak>>20, (peak-idle)>>20)
	if peak-idle > 128<<20 {
		t.Errorf("%d MiB above idle, at most 128 are allowed", (peak-idle)>>20)
	}
}
