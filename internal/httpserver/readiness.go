package httpserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	readinessFresh   = 5 * time.Second // results are reused for this long, however often somebody asks
	readinessTimeout = 5 * time.Second // for all checks together
)

// Check tests something that the server cannot work without.
type Check struct {
	Name   string
	Advice string // shown if Run fails: the effect, and what to do
	Run    func(ctx context.Context) error
}

// Readiness reports whether all checks pass. A server that is not ready may still accept webhooks, so /readyz is for
// monitoring and must not decide where requests are routed.
type Readiness struct {
	checks []Check

	mu         sync.Mutex
	freshUntil time.Time
	errs       []error // of the checks, in their order
}

// NewReadiness returns a Readiness of some checks. Without checks it is always ready.
func NewReadiness(checks ...Check) *Readiness { return &Readiness{checks: checks} }

// run returns the error of each check, which may be up to readinessFresh old.
func (r *Readiness) run(ctx context.Context) []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Now().Before(r.freshUntil) {
		return r.errs
	}

	// Other callers get this result too, so it does not depend on whether this one stays.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readinessTimeout)
	defer cancel()
	errs := make([]error, len(r.checks))
	var wg sync.WaitGroup
	for i, c := range r.checks {
		wg.Go(func() { errs[i] = c.Run(ctx) })
	}
	wg.Wait()
	r.errs = errs
	r.freshUntil = time.Now().Add(readinessFresh)
	return errs
}

// Handler answers 200 if all checks pass, otherwise 503 with the advice of those that fail. Errors can contain internal
// addresses, so withErrors must be false where everybody can ask.
func (r *Readiness) Handler(withErrors bool) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		errs := r.run(req.Context())
		w.Header().Set("Cache-Control", "no-store")

		summary := "ready"
		if errors.Join(errs...) != nil {
			summary = "not ready"
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintln(w, summary)
		for i, c := range r.checks {
			switch {
			case errs[i] == nil:
				fmt.Fprintf(w, "%s: ok\n", c.Name)
			case withErrors:
				fmt.Fprintf(w, "%s: %s (%v)\n", c.Name, c.Advice, errs[i])
			default:
				fmt.Fprintf(w, "%s: %s\n", c.Name, c.Advice)
			}
		}
	}
}
