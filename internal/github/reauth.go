package github

import (
	"io"
	"net/http"
	"sync"
)

// reauthTransport retries a request once with a fresh installation token when GitHub answers 401, for example because
// the token was revoked.
type reauthTransport struct {
	// authenticate returns a transport that requests a token of its own and uses it.
	authenticate func() http.RoundTripper

	mu      sync.Mutex
	current http.RoundTripper
}

func newReauthTransport(authenticate func() http.RoundTripper) *reauthTransport {
	return &reauthTransport{authenticate: authenticate, current: authenticate()}
}

func (t *reauthTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.mu.Lock()
	used := t.current
	t.mu.Unlock()
	res, err := used.RoundTrip(r)
	if err != nil || res.StatusCode != http.StatusUnauthorized || r.Body != nil && r.GetBody == nil {
		return res, err
	}
	again := r.Clone(r.Context())
	if r.GetBody != nil {
		if again.Body, err = r.GetBody(); err != nil {
			return res, nil //nolint:nilerr // GitHub's answer says more
		}
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16))
	res.Body.Close()
	return t.replace(used).RoundTrip(again)
}

// replace returns the transport that replaces one whose token was refused. It is the same for all who used that one.
func (t *reauthTransport) replace(refused http.RoundTripper) http.RoundTripper {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == refused {
		t.current = t.authenticate()
	}
	return t.current
}
