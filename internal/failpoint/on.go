//go:build chaos

package failpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// armed reads YACI_FAILPOINT once: the name of a point and, behind =, at which
// time of coming there the process dies.
var armed = sync.OnceValue(func() *counter {
	name, count, _ := strings.Cut(os.Getenv("YACI_FAILPOINT"), "=")
	n, _ := strconv.Atoi(count)
	return &counter{point: Point(name), left: max(n, 1)}
})

type counter struct {
	mu    sync.Mutex
	point Point
	left  int
}

// Hit ends the process as kill -9 does, when it is the time for this point.
func Hit(p Point) {
	c := armed()
	c.mu.Lock()
	defer c.mu.Unlock()
	if p != c.point {
		return
	}
	if c.left--; c.left == 0 {
		fmt.Fprintln(os.Stderr, "failpoint", p)
		syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {}
	}
}
