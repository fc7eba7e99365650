package main

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

// memory is a figure of the server's memory in bytes: VmRSS or VmHWM, its peak (proc_pid_status(5)).
func (w *world) memory(what string) int64 {
	w.t.Helper()
	status := must(os.ReadFile(fmt.Sprintf("/proc/%d/status", w.cmd.Process.Pid)))(w.t)
	m := regexp.MustCompile(what + `:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		w.t.Fatalf("no %s in %s", what, status)
	}
	return must(strconv.ParseInt(string(m[1]), 10, 64))(w.t) << 10
}

// TestLargeLog: a log of 1 GiB, printed as fast as it can be, leaves the server
// small, and its head and tail are kept. It is a part of make soak.
func TestLargeLog(t *testing.T) {
	if os.Getenv("YACI_SOAK") == "" {
		t.Skip("make soak runs it")
	}
	w := newWorld(t)
	idle := w.memory("VmRSS")
	r := w.repo("large", false)
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
