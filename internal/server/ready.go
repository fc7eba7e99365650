package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	readyFor  = 5 * time.Second // an answer stands, however often somebody asks
	readyTime = 5 * time.Second // for all that is asked at once
)

// need is something that the server cannot work without.
type need struct {
	name, mend string
	ask        func(context.Context) error
}

// readiness tells whether all of it answers. A server that is not ready still takes
// deliveries, if only its database works, so this is for those who watch it and not
// for what leads requests to it.
type readiness struct {
	needs []need

	mu    sync.Mutex
	until time.Time
	errs  []error
}

func (r *readiness) look(ctx context.Context) []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Now().Before(r.until) {
		return r.errs
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTime) // the next who asks gets this answer too
	defer cancel()
	errs := make([]error, len(r.needs))
	var wg sync.WaitGroup
	for i, n := range r.needs {
		wg.Go(func() { errs[i] = n.ask(ctx) })
	}
	wg.Wait()
	r.errs, r.until = errs, time.Now().Add(readyFor)
	return errs
}

// answer tells it: 200, or 503 with what to do about it. Errors can name addresses
// within, so only those who operate the server get them.
func (r *readiness) answer(errorsToo bool) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		errs := r.look(req.Context())
		w.Header().Set("Cache-Control", "no-store")
		word := "ready"
		if errors.Join(errs...) != nil {
			word = "not ready"
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintln(w, word)
		for i, n := range r.needs {
			switch {
			case errs[i] == nil:
				fmt.Fprintf(w, "%s: ok\n", n.name)
			case errorsToo:
				fmt.Fprintf(w, "%s: %s (%v)\n", n.name, n.mend, errs[i])
			default:
				fmt.Fprintf(w, "%s: %s\n", n.name, n.mend)
			}
		}
	}
}
