package api

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// A client that fails to authenticate more often than this is answered shortly.
const (
	failuresAllowed = 30
	failuresWithin  = time.Minute
	maxClients      = 10_000 // remembered at once; beyond it counting starts anew
)

// Failures counts failed authentications by address. The address is that of the
// connection: X-Forwarded-For is what a client says of itself. The zero value is ready.
type Failures struct {
	mu     sync.Mutex
	since  time.Time
	counts map[string]int
}

// tooMany counts a failure and reports whether there were too many.
func (f *Failures) tooMany(r *http.Request, now time.Time) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.since) > failuresWithin || len(f.counts) >= maxClients {
		f.since, f.counts = now, map[string]int{}
	}
	f.counts[host]++
	return f.counts[host] > failuresAllowed
}
