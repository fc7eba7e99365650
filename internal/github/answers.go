package github

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Explain says what an error of this package means for the calls to come. The
// limits of rate are an installation's (docs.github.com, "Rate limits for the REST API").
func Explain(err error, now time.Time) ci.Setback {
	var limit *github.RateLimitError
	var abuse *github.AbuseRateLimitError
	switch {
	case errors.As(err, &limit):
		return ci.Setback{Wait: max(limit.Rate.Reset.Sub(now), time.Second), Whole: true}
	case errors.As(err, &abuse) && abuse.RetryAfter != nil:
		return ci.Setback{Wait: *abuse.RetryAfter, Whole: true, Slow: true}
	case errors.As(err, &abuse):
		return ci.Setback{Wait: time.Minute, Whole: true, Slow: true}
	}
	status, wait := answer(err)
	back := ci.Setback{Wait: wait}
	switch {
	case errors.Is(err, ci.ErrGone):
		back.Hopeless, back.Whole = true, gone(err)
	case status == http.StatusTooManyRequests || status == http.StatusForbidden && wait > 0:
		back.Whole = true
		back.Slow = true
		back.Wait = max(wait, time.Second)
	case slices.Contains([]int{http.StatusForbidden, http.StatusNotFound, http.StatusGone, http.StatusUnprocessableEntity}, status) && wait == 0:
		back.Hopeless = true
		back.Whole = gone(err)
	case status == 0 || status >= http.StatusInternalServerError:
		back.Silent = true
	}
	return back
}

// gone reports that there was no token because the whole installation is gone or
// suspended. Of a repository that was taken out of it GitHub says 422.
func gone(err error) bool {
	var token *ghinstallation.HTTPError
	return errors.As(err, &token) && token.Response != nil && token.Response.StatusCode != http.StatusUnprocessableEntity
}

// denied reports whether GitHub's answer to the wish for a token was that the
// App may not have it, and no limit of rate.
func denied(err error) bool {
	status, wait := answer(err)
	return wait == 0 &&
		slices.Contains([]int{http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity}, status)
}

// answer is what GitHub said to a call, or to the wish for the token that it
// needed: the HTTP status, 0 when it said nothing, and the wait that it asks for.
func answer(err error) (status int, wait time.Duration) {
	var call *github.ErrorResponse
	var token *ghinstallation.HTTPError
	switch {
	case errors.As(err, &call) && call.Response != nil:
		return call.Response.StatusCode, retryAfter(call.Response.Header)
	case errors.As(err, &token) && token.Response != nil:
		return token.Response.StatusCode, retryAfter(token.Response.Header)
	}
	return 0, 0
}

// retryAfter is the wait that an answer asks for, in either of GitHub's ways.
func retryAfter(h http.Header) time.Duration {
	if seconds, err := strconv.Atoi(h.Get("Retry-After")); err == nil {
		return time.Duration(seconds) * time.Second
	}
	reset, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err == nil && h.Get("X-RateLimit-Remaining") == "0" {
		return max(time.Until(time.Unix(reset, 0)), time.Second)
	}
	return 0
}
