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

const (
	unassignedAddress = "198.51.100.1:80" // TEST-NET-2 of RFC 5737
	dialTimeout       = 3 * time.Second

	// serviceAccountToken is where Kubernetes mounts a service account's token
	// (kubernetes.io/docs/tasks/run-application/access-api-from-pod).
	serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"
)

// InspectPod returns what this process sees of the pod that it runs in. targets maps names to host:port.
// startThreads runs a process that calls [StartThreads], and returns how it went.
func InspectPod(ctx context.Context, targets map[string]string, startThreads func(context.Context) ThreadRun) PodReport {
	status, _ := os.ReadFile("/proc/self/status") // without it, nothing counts as in force
	uidMap, _ := os.ReadFile("/proc/self/uid_map")
	_, tokenErr := os.Stat(serviceAccountToken)

	targets = maps.Clone(targets)
	targets[TargetUnassigned] = unassignedAddress
	return PodReport{
		Dials:         dialAll(ctx, targets),
		UserNamespace: hasUserNamespace(string(uidMap)),
		Seccomp:       statusField(string(status), "Seccomp") == "2",
		NoNewPrivs:    statusField(string(status), "NoNewPrivs") == "1",
		Token:         tokenErr == nil,
		Threads:       startThreads(ctx).report(),
	}
}

// dialAll connects to all targets at once and returns the result for each.
func dialAll(ctx context.Context, targets map[string]string) map[string]string {
	var mu sync.Mutex
	var wg sync.WaitGroup
	results := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		wg.Go(func() {
			result := dial(ctx, targets[name])
			mu.Lock()
			defer mu.Unlock()
			results[name] = result
		})
	}
	wg.Wait()
	return results
}

// dial returns Reached if an address answers, otherwise the reason. It waits for the first byte of an answer, since a
// middlebox may accept any connection. Servers that speak TLS answer a plain request as well.
func dial(ctx context.Context, address string) string {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
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
		return "connected, but no answer"
	}
	return Reached
}

// hasUserNamespace reports whether root is another user outside, according to a uid_map (user_namespaces(7)).
func hasUserNamespace(uidMap string) bool {
	var inside, outside, length int64
	n, err := fmt.Sscan(uidMap, &inside, &outside, &length)
	return n == 3 && err == nil && inside == 0 && outside != 0
}

// statusField returns the value of a line of /proc/self/status, or "".
func statusField(status, name string) string {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
