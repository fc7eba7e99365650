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

// The kubelet sets podPidsLimit on the cgroup of the pod, which a container does not see: its own cgroup has no limit.
// So a probe starts threads until it is refused one.

const (
	// usualLimit is how many processes a build may have where many people share a node.
	usualLimit  = 4096
	threadBytes = 64 << 10 // more than the kernel and the Go runtime keep for a thread that waits
)

// memoryLimits are the files with the memory limit of a container, of cgroup v2 and v1.
var memoryLimits = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// StartThreads starts up to usualLimit threads, fewer when their memory would be a quarter of the container's. It
// writes the number of threads after each start. The Go runtime ends the process when the kernel refuses a thread, so
// this is called in a process of its own. It returns when all have been started.
func StartThreads(out io.Writer) error {
	limit := usualLimit
	for _, file := range memoryLimits {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if memory, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64); err == nil { // not "max"
			limit = int(min(uint64(limit), memory/4/threadBytes))
		}
	}
	for n := range limit {
		running := make(chan struct{})
		go func() {
			runtime.LockOSThread() // the thread waits with its goroutine
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

// Filled is what a process that called StartThreads has printed, and how it ended.
type Filled struct {
	Out, Errs string
	Err       error // of starting it, or its end
}

// processes says how far it came.
func (f Filled) processes() (p Processes) {
	for line := range strings.Lines(f.Out) {
		if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
			p.Started = n
		}
	}
	// The Go runtime prints the first of these (newosproc in runtime/os_linux.go), with cgo the second
	// (runtime/cgo/gcc_libinit.c); EAGAIN says that not even a process was started.
	p.Refused = strings.Contains(f.Errs, "to create new OS thread") ||
		strings.Contains(
			f.Errs,
			"pthread_create failed: Resource temporarily unavailable",
		) || errors.Is(f.Err, syscall.EAGAIN)
	if f.Err != nil && !p.Refused {
		p.Err = fmt.Sprintf("%v: %.200s", f.Err, f.Errs)
	}
	return p
}

// processLimit judges what a build met that started many threads.
func processLimit(p Processes) Finding {
	const check, mend = "process limit", "Set podPidsLimit in the configuration of every node's kubelet, for example to 4096, and restart the kubelet. " +
		"Without it one build can use up the process ids of its node."
	switch {
	case p.Refused:
		return Finding{
			check,
			Good,
			fmt.Sprintf(
				"A build was refused its thread after %d others, so podPidsLimit of the kubelet is in force.",
				p.Started,
			),
			"",
		}
	case p.Err != "":
		return Finding{check, Unknown, "Not known: " + p.Err, "Run yaci doctor again. " + mend}
	case p.Started == 0:
		return Finding{
			check,
			Unknown,
			"Not looked at: YACI_IMAGE is older than this yaci doctor.",
			"Set YACI_IMAGE to the image of this version.",
		}
	}
	return Finding{
		check,
		Warning,
		fmt.Sprintf(
			"A build started %d threads and was refused none: podPidsLimit of the kubelet is not set, or is higher.",
			p.Started,
		),
		mend,
	}
}
