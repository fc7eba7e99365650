package github

import (
	"net/http"
	"strconv"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// metered tells what GitHub says with each answer of the calls that are left.
type metered struct {
	next http.RoundTripper
	note func(http.Header)
}

func (m metered) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := m.next.RoundTrip(r)
	if err == nil {
		m.note(res.Header)
	}
	return res, err
}

// meter keeps until when an installation has less than a fifth of its hour's
// calls left (docs.github.com, "Rate limits for the REST API").
func (c *Client) meter(installation int64, h http.Header) {
	limit, err1 := strconv.Atoi(h.Get("X-RateLimit-Limit"))
	left, err2 := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	reset, err3 := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if left*5 < limit {
		c.short[installation] = time.Unix(reset, 0)
	} else {
		delete(c.short, installation)
	}
}

// Short is until when few calls are left for a repository's installation, so
// that they are for what matters; a time that is past: there are enough.
func (c *Client) Short(repo ci.Repo) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.short[repo.Installation]
}
