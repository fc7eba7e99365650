package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// finish prints the reason, and sets the time and the size of the output in a record.
func finish(r *runner.Record, out *output) {
	if r.Reason != "" && !r.Skipped {
		out.say(r.Reason)
	}
	r.Finished = now()
	r.Bytes, r.Lines = out.totals()
}

// report writes a record to the termination message, where the server reads it.
func report(r runner.Record, paths podPaths, budget int) error {
	if err := os.WriteFile(paths.termination, []byte(r.Encode(budget)), 0o666); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	return nil
}

// now returns the time of records: Unix milliseconds.
func now() int64 { return time.Now().UnixMilli() }

// recordUsage sets what the step used: the peak memory of its largest process, because the peak of
// the cgroup includes the page cache, and the CPU time of all processes.
func recordUsage(r *runner.Record, paths podPaths, killedBefore int) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u) == nil {
		r.Memory = u.Maxrss << 10 // KiB on Linux: getrusage(2)
		r.CPU = (u.Utime.Nano() + u.Stime.Nano()) / 1e6
	}
	r.OOM = max(0, countOOMKills(paths.cgroup)-killedBefore)
}

// countOOMKills returns how many processes of the container the kernel has killed because of a lack
// of memory, from memory.events of cgroup v2 or memory.oom_control of v1. It returns 0 if neither
// can be read.
func countOOMKills(cgroup string) int {
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
