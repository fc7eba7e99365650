package citest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kinds of rate limits for Fault.RateLimit.
const (
	PrimaryLimit   = "primary"   // 403, x-ratelimit-remaining 0, x-ratelimit-reset after Fault.After
	SecondaryLimit = "secondary" // 403 and retry-after Fault.After
)

// Fault is something that goes wrong with requests, REST or git.
type Fault struct {
	Method string // which; any when empty
	// of the path (REST paths without /api/v3, like /repos/ada/hello/statuses/); any when empty
	Prefix string
	Match  func(*http.Request) bool // and this; any when nil
	Times  int                      // how many requests; 0 means until ClearFaults

	Delay     time.Duration // wait this long first; alone, the request then succeeds
	Status    int           // answer so, such as 502
	RateLimit string        // answer as rate limited: PrimaryLimit or SecondaryLimit
	After     time.Duration // when a rate limit ends; a minute when 0
	HangUp    bool          // close the connection without an answer
	Late      bool          // do what was asked first, and lose only the answer; REST only
}

// fault is a Fault at work; left is guarded by gh.mu.
type fault struct {
	Fault
	left int
}

// Inject makes requests go wrong from now on. Of several faults the first that matches counts.
func (gh *GitHub) Inject(f Fault) {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	setDefault(&f.After, time.Minute)
	gh.faults = append(gh.faults, &fault{f, f.Times})
}

// ClearFaults ends all faults.
func (gh *GitHub) ClearFaults() {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	gh.faults = nil
}

// fault returns what goes wrong with a request, nil when nothing does.
func (gh *GitHub) fault(r *http.Request) *fault {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, strings.TrimSuffix(apiPrefix, "/"))
	for _, f := range gh.faults {
		switch {
		case f.Times > 0 && f.left == 0,
			f.Method != "" && f.Method != r.Method,
			!strings.HasPrefix(path, f.Prefix),
			f.Match != nil && !f.Match(r):
			continue
		}
		f.left--
		return f
	}
	return nil
}

// act does the damage. It says whether the request may go on.
func (f *fault) act(w http.ResponseWriter, r *http.Request, now time.Time) bool {
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
		}
	}
	seconds := strconv.Itoa(int(f.After / time.Second))
	a := answer{}
	switch {
	case f.HangUp:
		panic(http.ErrAbortHandler) // net/http closes the connection without a word
	case f.RateLimit == PrimaryLimit:
		setRate(w.Header(), 5000, 0, now.Add(f.After))
		a = refusal(apiError{http.StatusForbidden, "API rate limit exceeded for installation."})
	case f.RateLimit == SecondaryLimit:
		w.Header().Set("Retry-After", seconds)
		a = refusal(
			apiError{
				http.StatusForbidden,
				"You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
			},
		)
		a.body.(object)["documentation_url"] = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
	case f.Status > 0:
		a = refusal(apiError{f.Status, http.StatusText(f.Status)})
	default:
		return true
	}
	body, _ := a.encode() // text only; it cannot fail
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(a.status)
	_, _ = w.Write(body)
	return false
}

// status is what the recorded request shows.
func (f *fault) status() int {
	if f.RateLimit != "" {
		return http.StatusForbidden
	}
	return f.Status
}
