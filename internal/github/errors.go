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

// ClassifyError returns what an error of this package means for later calls. now is the time at which the call failed.
// Rate limits apply to an installation (docs.github.com, "Rate limits for the REST API").
func ClassifyError(err error, now time.Time) ci.APIError {
	var limit *github.RateLimitError
	var abuse *github.AbuseRateLimitError
	switch {
	case errors.As(err, &limit):
		return ci.APIError{Wait: max(limit.Rate.Reset.Sub(now), time.Second), InstallationWide: true}
	case errors.As(err, &abuse) && abuse.RetryAfter != nil:
		return ci.APIError{Wait: *abuse.RetryAfter, InstallationWide: true, Throttled: true}
	case errors.As(err, &abuse):
		return ci.APIError{Wait: time.Minute, InstallationWide: true, Throttled: true}
	}
	status, wait := answer(err)
	failure := ci.APIError{Wait: wait}
	switch {
	case errors.Is(err, ci.ErrGone):
		failure.Permanent, failure.InstallationWide = true, gone(err)
	case status == http.StatusTooManyRequests || status == http.StatusForbidden && wait > 0:
		failure.InstallationWide = true
		failure.Throttled = true
		failure.Wait = max(wait, time.Second)
	case wait == 0 && slices.Contains(permanentStatuses(), status):
		failure.Permanent = true
		failure.InstallationWide = gone(err)
	case status == 0 || status >= http.StatusInternalServerError:
		failure.NoResponse = true
	}
	return failure
}

// permanentStatuses returns the HTTP statuses with which GitHub refuses a call for good.
func permanentStatuses() []int {
	return []int{http.StatusForbidden, http.StatusNotFound, http.StatusGone, http.StatusUnprocessableEntity}
}

// gone reports whether no token was issued because the whole installation is gone or suspended. For a repository that
// was removed from it GitHub answers 422.
func gone(err error) bool {
	var token *ghinstallation.HTTPError
	return errors.As(err, &token) && token.Response != nil && token.Response.StatusCode != http.StatusUnprocessableEntity
}

// denied reports whether GitHub refused a token because the App is not allowed to have it, and not because of a rate
// limit.
func denied(err error) bool {
	status, wait := answer(err)
	return wait == 0 &&
		slices.Contains([]int{http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity}, status)
}

// answer returns the HTTP status of a failed call, or of the request for its token, and how long GitHub asks to wait.
// The status is 0 if GitHub did not answer.
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

// retryAfter returns how long an answer asks to wait, by either of GitHub's headers.
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
