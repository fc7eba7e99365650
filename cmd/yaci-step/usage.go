package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/yaci-ci/yaci/internal/runner"
)

// recordUsage writes down what the step took: the largest of its processes, since the
// cgroup's peak counts the page cache too, and the time of all.
func recordUsage(r *runner.Record, at layout, killedBefore int) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u) == nil {
		r.Memory = u.Maxrss << 10 // KiB on Linux: getrusage(2)
		r.CPU = (u.Utime.Nano() + u.Stime.Nano()) / 1e6
	}
	r.OOM = max(0, killedForMemory(at.cgroup)-killedBefore)
}

// killedForMemory counts the container's processes that the kernel has killed
// for memory: cgroup v2's memory.events, v1's memory.oom_control. 0 when neither can be read.
func killedForMemory(cgroup string) int {
	for _, file := range []string{"memory.events", "memory/memory.oom_control"} {
		data, err := os.ReadFile(filepath.Join(cgroup, file))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
				if n, err := strconv.Atoi(strings.TrimSpace(count)); err == nil {
					return n
				}
			}
		}
	}
	return 0
}
