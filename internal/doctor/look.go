package doctor

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// nobody is Nobody's address.
const nobody = "198.51.100.1:80"

// dialTime is how long a target may take to answer.
const dialTime = 3 * time.Second

// serviceToken is where Kubernetes mounts a service account's token
// (kubernetes.io/docs/tasks/run-application/access-api-from-pod).
const serviceToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// Look is what this process sees of where it runs. targets are names and host:port. fill runs a process that
// calls [StartThreads].
func Look(ctx context.Context, targets map[string]string, fill func(context.Context) Filled) Sight {
	targets = maps.Clone(targets)
	targets[Nobody] = nobody
	status, _ := os.ReadFile("/proc/self/status")
	mapped, err := os.ReadFile("/proc/self/uid_map")
	_, token := os.Stat(serviceToken)
	s := Sight{

		UserSpace:  err == nil && ownUsers(string(mapped)),
		Seccomp:    field(string(status), "Seccomp") == "2",
		NoNewPrivs: field(string(status), "NoNewPrivs") == "1",
		Token:      token == nil,
		Dials:      map[string]string{},
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		wg.Go(func() {
			result := dial(ctx, targets[name])
			mu.Lock()
			defer mu.Unlock()
			s.Dials[name] = result
		})
	}
	wg.Wait()
	s.Processes = fill(ctx).processes()
	return s
}

// dial connects and waits for a first byte: something in between may take any
// connection. Servers that speak TLS answer a plain request too.
func dial(ctx context.Context, address string) string {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err.Error()
	}
	defer context.AfterFunc(ctx, func() { c.Close() })()
	defer c.Close()
	if _, err := c.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
		return err.Error()
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		return "connected, without an answer"
	}
	return Open
}

// ownUsers reports whether 0 is mapped to another user outside (user_namespaces(7)).
func ownUsers(mapped string) bool {
	var inside, outside, length int64
	n, err := fmt.Sscan(mapped, &inside, &outside, &length)
	return n == 3 && err == nil && inside == 0 && outside != 0
}

// field is a line of /proc/self/status.
func field(status, name string) string {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
