package citest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Request is one request that reached this GitHub, REST or git.
type Request struct {
	Method string
	Path   string // with the query, as sent; REST paths without /api/v3
	Auth   string // AuthNone, AuthApp, ...
	Status int    // of the answer; 0 while under way or when the connection was dropped
}

// record keeps a request and returns its place.
func (gh *GitHub) record(r *http.Request, by caller) int {
	path := strings.TrimPrefix(r.URL.RequestURI(), strings.TrimSuffix(apiPrefix, "/"))
	gh.mu.Lock()
	defer gh.mu.Unlock()
	gh.requests = append(gh.requests, Request{Method: r.Method, Path: path, Auth: by.kind})
	return len(gh.requests) - 1
}

// finish notes the status of a request.
func (gh *GitHub) finish(place, status int) {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	gh.requests[place].Status = status
}

// Requests are all requests so far, oldest first.
func (gh *GitHub) Requests() []Request {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	return slices.Clone(gh.requests)
}

// Violations are the ways in which somebody did not speak GitHub's protocol:
// requests that GitHub would refuse with 422 or does not know, and answers of
// this package that GitHub would not give.
func (gh *GitHub) Violations() []string {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	return slices.Clone(gh.violations)
}

// ForgetViolations is for a test that broke the protocol on purpose.
func (gh *GitHub) ForgetViolations() {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	gh.violations = nil
}

func (gh *GitHub) violate(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	gh.mu.Lock()
	defer gh.mu.Unlock()
	gh.violations = append(gh.violations, text)
}
