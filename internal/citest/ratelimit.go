package citest

import (
	"net/http"
	"strconv"
	"time"
)

// rate is how much of the primary rate limit one caller has used.
type rate struct {
	used  int
	reset time.Time
}

// rateOf is the caller's present window. gh.mu must be held.
func (gh *GitHub) rateOf(by caller) *rate {
	now := gh.opts.Now()
	r := gh.rates[by.key]
	if r == nil || !now.Before(r.reset) {
		r = &rate{reset: now.Add(time.Hour)}
		gh.rates[by.key] = r
	}
	return r
}

// spend counts one call, or refuses it.
func (gh *GitHub) spend(by caller) error {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	r := gh.rateOf(by)
	if r.used >= gh.opts.RateLimit {
		return apiError{http.StatusForbidden, "API rate limit exceeded for " + by.key + "."}
	}
	r.used++
	return nil
}

// refund gives a call back: an answer 304 costs nothing.
func (gh *GitHub) refund(by caller) {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	gh.rateOf(by).used--
}

// rateHeaders are on every answer.
func (gh *GitHub) rateHeaders(h http.Header, by caller) {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	r := gh.rateOf(by)
	setRate(h, gh.opts.RateLimit, gh.opts.RateLimit-r.used, r.reset)
}

func setRate(h http.Header, limit, remaining int, reset time.Time) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(remaining))
	h.Set("X-RateLimit-Used", strconv.Itoa(limit-remaining))
	h.Set("X-RateLimit-Reset", itoa(reset.Unix()))
	h.Set("X-RateLimit-Resource", "core")
}
