package github

import (
	"io"
	"net/http"
	"sync"
)

// minting makes calls with a token that is minted anew, once for each call, when
// GitHub does not take it any more before its time: somebody revoked it.
type minting struct {
	mint func() http.RoundTripper

	mu  sync.Mutex
	now http.RoundTripper
}

func newMinting(mint func() http.RoundTripper) *minting {
	return &minting{mint: mint, now: mint()}
}

func (m *minting) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	used := m.now
	m.mu.Unlock()
	res, err := used.RoundTrip(r)
	if err != nil || res.StatusCode != http.StatusUnauthorized || r.Body != nil && r.GetBody == nil {
		return res, err
	}
	again := r.Clone(r.Context())
	if r.GetBody != nil {
		if again.Body, err = r.GetBody(); err != nil {
			return res, nil //nolint:nilerr // GitHub's answer is the better news
		}
	}
	io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16))
	res.Body.Close()
	return m.renewed(used).RoundTrip(again)
}

// renewed is the transport that follows one, the same for all who used that.
func (m *minting) renewed(used http.RoundTripper) http.RoundTripper {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now == used {
		m.now = m.mint()
	}
	return m.now
}
