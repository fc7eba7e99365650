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
	res := answer(err)
	if wait := asked(res); wait > 0 {
		return wait
	}
	if res != nil && slices.Contains([]int{http.StatusNotFound, http.StatusGone, http.StatusUnprocessableEntity}, res.StatusCode) {
		return hopeless
	}
	return 0
}

// denied reports whether GitHub's answer to the wish for a token was that the
// App may not have it, and no limit of rate.
func denied(err error) bool {
	res := answer(err)
	return res != nil && asked(res) == 0 &&
		slices.Contains([]int{http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity}, res.StatusCode)
}

// answer is the response in an error, of a call or of the token it needed; nil when there was none.
func answer(err error) *http.Response {
	var call *github.ErrorResponse
	var token *ghinstallation.HTTPError
	switch {
	case errors.As(err, &call):
		return call.Response
	case errors.As(err, &token):
		return token.Response
	}
	return nil
}

// asked is the wait of a Retry-After header.
func asked(res *http.Response) time.Duration {
	if res == nil {
		return 0
	}
	seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
	return time.Duration(seconds) * time.Second
}
