package kube

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/tools/leaderelection"
)

// hangingServer is an API server that never answers the first call about a Lease, as if its packets were dropped.
type hangingServer struct {
	mu    sync.Mutex
	calls int
	hung  time.Duration // until the client gave up the first call
	lease []byte
	kind  string // content type of lease
}

// ServeHTTP stores one Lease, in the encoding that the client sends.
func (s *hangingServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls++
	first := s.calls == 1
	s.mu.Unlock()
	if first {
		began := time.Now()
		<-r.Context().Done()
		s.mu.Lock()
		s.hung = time.Since(began)
		s.mu.Unlock()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method != http.MethodGet {
		s.kind = r.Header.Get("Content-Type")
		w.Header().Set("Content-Type", s.kind)
		s.lease, _ = io.ReadAll(r.Body)
		w.Write(s.lease)
		return
	}
	if s.lease == nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}`)
		return
	}
	w.Header().Set("Content-Type", s.kind)
	w.Write(s.lease)
}

// TestH8HangingElectionCall: a call of the election that gets no answer ends after half of the renew deadline, and the
// next one succeeds.
func TestH8HangingElectionCall(t *testing.T) {
	if callTimeout != renewDeadline/2 {
		t.Errorf("the timeout of a call is %v, which is not half of the renew deadline of %v", callTimeout, renewDeadline)
	}
	api := &hangingServer{}
	srv := httptest.NewServer(api)
	defer srv.Close()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(
		`{"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"contexts": [{"name": "c", "context": {"cluster": "c"}}],
		"clusters": [{"name": "c", "cluster": {"server": %q}}]}`,
		srv.URL,
	)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Connect(kubeconfig, Config{Namespace: "builds"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	elected := false
	err = c.Lead(
		ctx,
		"a",
		func(context.Context) error { return nil },
		func(context.Context) error { elected = true; return nil },
	)
	if err != nil || !elected {
		t.Fatalf("elected %v, %v", elected, err)
	}
	api.mu.Lock()
	defer api.mu.Unlock()
	if api.hung < callTimeout/2 || api.hung > 4*callTimeout { // the machine may be busy
		t.Errorf("the call that hung was given up after %v, want %v", api.hung, callTimeout)
	}
}

// TestH11TakeoverTimesInGuides: what the guides say about a takeover follows from the settings of the Lease.
func TestH11TakeoverTimesInGuides(t *testing.T) {
	// longest interval between two checks of a follower
	check := retryPeriod + time.Duration(leaderelection.JitterFactor*float64(retryPeriod))
	// the leader is killed just before it would have renewed
	soonest := leaseDuration - retryPeriod
	// the renewal is noticed late, and so is the end of the lease
	latest := leaseDuration + 2*check
	promise := time.Duration(0)
	for file, want := range map[string]string{
		"ARCHITECTURE.md": fmt.Sprintf("Leases last %.0f s and are renewed every second. "+
			"A leader that is killed is followed after %.0f to %.1f s,",
			leaseDuration.Seconds(), soonest.Seconds(), latest.Seconds()),
		"deploy/README.md": "Another server takes over within ([0-9]+) seconds, " +
			"usually [0-9]+ to 12, when the leader is killed, hangs",
	} {
		text, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(want).FindStringSubmatch(strings.Join(strings.Fields(string(text)), " "))
		if found == nil {
			t.Errorf("%s does not say: %s", file, want)
			continue
		}
		if len(found) > 1 {
			promise, _ = time.ParseDuration(found[1] + "s")
		}
	}
	usual := 12 * time.Second
	if latest > usual || usual-latest > time.Second {
		t.Errorf("a takeover takes %v at most, which is not rounded to %v", latest, usual)
	}
	// One call without an answer can add to that. The guide may add at most two seconds.
	worst := latest + callTimeout
	if promise < worst || promise > worst+2*time.Second {
		t.Errorf("the guide promises a takeover within %v; by the settings of the Lease it can take %v", promise, worst)
	}
}
