package github

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v62/github"
)

// hopeless is the wait after an answer that the next try hardly changes: the
// repository or the commit is gone, the App is not installed any more, or the
// commit has its thousand statuses.
const hopeless = time.Hour

// RetryAfter is how long to wait before the next call because of GitHub's
// answer; 0 leaves it to the caller.
func RetryAfter(err error, now time.Time) time.Duration {
	var limit *github.RateLimitError
	var abuse *github.AbuseRateLimitError
	switch {
	case errors.As(err, &limit):
		return max(limit.Rate.Reset.Sub(now), time.Second)
	case errors.As(err, &abuse) && abuse.RetryAfter != nil:
		return *abuse.RetryAfter
	case errors.As(err, &abuse):
		return time.Minute
	}
	status, wait := answer(err)
	if wait == 0 && slices.Contains([]int{http.StatusNotFound, http.StatusGone, http.StatusUnprocessableEntity}, status) {
		return hopeless
	}
	return wait
}

// denied reports whether GitHub's answer to the wish for a token was that the
// App may not have it, and no limit of rate.
func denied(err error) bool {
	status, wait := answer(err)
	return wait == 0 && slices.Contains([]int{http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity}, status)
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

func retryAfter(h http.Header) time.Duration {
	seconds, _ := strconv.Atoi(h.Get("Retry-After"))
	return time.Duration(seconds) * time.Second
}
