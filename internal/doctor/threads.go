package doctor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// The kubelet sets podPidsLimit on the cgroup of the pod, which a container cannot see: its own cgroup has no limit. So
// a probe finds the limit by starting threads until one is refused.

const (
	maxThreads      = 4096     // a limit above this does not protect a shared node
	memoryPerThread = 64 << 10 // more than the kernel and the Go runtime use for a waiting thread
)

// memoryLimitFiles are the files with the memory limit of a container, for cgroup v2 and v1.
var memoryLimitFiles = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// StartThreads starts 4096 threads, or fewer if they would use more than a quarter of the container's memory, and
// writes their number after each start. It returns when all have been started. The Go runtime ends the process if the
// kernel refuses a thread, so this needs a process of its own.
func StartThreads(out io.Writer) error {
	for n := range threadCount() {
		running := make(chan struct{})
		go func() {
			runtime.LockOSThread() // the goroutine keeps its thread
			close(running)
			select {}
		}()
		<-running
		if _, err := fmt.Fprintln(out, n+1); err != nil {
			return err
		}
	}
	return nil
}

// threadCount returns how many threads StartThreads starts.
func threadCount() int {
	count := maxThreads
	for _, file := range memoryLimitFiles {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		memory, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
		if err == nil { // not "max"
			count = int(min(uint64(count), memory/4/memoryPerThread))
		}
	}
	return count
}

// ThreadRun is the result of a process that called [StartThreads].
type ThreadRun struct {
	Stdout string
	Stderr string
	Err    error // of starting the process, or its exit
}

// report returns how many threads were started and whether the kernel refused one.
func (r ThreadRun) report() ThreadReport {
	var t ThreadReport
	for line := range strings.Lines(r.Stdout) {
		if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
			t.Started = n
		}
	}
	// The Go runtime prints the first of these messages (newosproc in runtime/os_linux.go), with cgo the second
	// (runtime/cgo/gcc_libinit.c). With EAGAIN not even the process could be started.
	t.Refused = strings.Contains(r.Stderr, "to create new OS thread") ||
		strings.Contains(r.Stderr, "pthread_create failed: Resource temporarily unavailable") ||
		errors.Is(r.Err, syscall.EAGAIN)
	if r.Err != nil && !t.Refused {
		t.Err = fmt.Sprintf("%v: %.200s", r.Err, r.Stderr)
	}
	return t
}
