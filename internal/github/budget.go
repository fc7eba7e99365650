package github

import (
	"net/http"
	"strconv"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// budgetTransport passes the headers of each answer to note, for the rate limit.
type budgetTransport struct {
	next http.RoundTripper
	note func(http.Header)
}

func (m budgetTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := m.next.RoundTrip(r)
	if err == nil {
		m.note(res.Header)
	}
	return res, err
}

// noteBudget records until when an installation has less than a fifth of its hourly calls left
// (docs.github.com, "Rate limits for the REST API").
func (c *Client) noteBudget(installation int64, h http.Header) {
	limit, err1 := strconv.Atoi(h.Get("X-RateLimit-Limit"))
	left, err2 := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	reset, err3 := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if left*5 < limit {
		c.lowUntil[installation] = time.Unix(reset, 0)
	} else {
		delete(c.lowUntil, installation)
	}
}

// LowUntil returns until when few calls are left for a repository's installation, so that they are kept for what
// matters most. It returns a past time if there are enough.
func (c *Client) LowUntil(repo ci.Repo) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lowUntil[repo.Installation]
}
