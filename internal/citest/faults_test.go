package citest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/citest"
)

func TestFaults(t *testing.T) {
	w := newWorld(t, citest.Options{})
	c := w.asUser(t, w.ada)
	get := func(ctx context.Context) error {
		_, _, err := c.Repositories.Get(ctx, "ada", "hello")
		return err
	}
	const here = "/repos/ada/hello"
	for name, tc := range map[string]struct {
		fault citest.Fault
		good  func(error) bool
	}{
		"status": {citest.Fault{Method: "GET", Prefix: here, Status: http.StatusBadGateway},
			func(err error) bool { return status(err) == http.StatusBadGateway }},
		"hang up": {citest.Fault{Prefix: here, HangUp: true},
			func(err error) bool { return err != nil && status(err) == -1 }},
		"primary": {citest.Fault{Prefix: here, RateLimit: citest.PrimaryLimit, After: time.Hour},
			func(err error) bool {
				var limit *github.RateLimitError
				return errors.As(err, &limit) && limit.Rate.Remaining == 0 && time.Until(limit.Rate.Reset.Time) > 59*time.Minute
			}},
		"secondary": {citest.Fault{Prefix: here, RateLimit: citest.SecondaryLimit, After: 7 * time.Second},
			func(err error) bool {
				var limit *github.AbuseRateLimitError
				return errors.As(err, &limit) && limit.GetRetryAfter() == 7*time.Second
			}},
		"another method": {citest.Fault{Method: "POST", Status: 500}, func(err error) bool { return err == nil }},
		"another path":   {citest.Fault{Prefix: "/app", Status: 500}, func(err error) bool { return err == nil }},
		"no match": {citest.Fault{Match: func(*http.Request) bool { return false }, Status: 500},
			func(err error) bool { return err == nil }},
	} {
		w.Inject(tc.fault)
		c = w.asUser(t, w.ada) // go-github remembers a limit and would not ask again
		if err := get(w.ctx); !tc.good(err) {
			t.Errorf("%s: %v", name, err)
		}
		w.ClearFaults()
		c = w.asUser(t, w.ada)
		if err := get(w.ctx); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
	w.Inject(citest.Fault{Status: 500, Times: 2})
	for i, want := range []int{500, 500, 0} {
		if err := get(w.ctx); status(err) != want {
			t.Errorf("call %d of a fault that happens twice: %v", i, err)
		}
	}
}

func TestSlow(t *testing.T) {
	w := newWorld(t, citest.Options{})
	w.Inject(citest.Fault{Delay: time.Hour})
	ctx, cancel := context.WithTimeout(w.ctx, 100*time.Millisecond)
	defer cancel()
	if _, _, err := w.asUser(t, w.ada).Repositories.Get(ctx, "ada", "hello"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call that takes an hour: %v", err)
	}
	w.ClearFaults()
	w.Inject(citest.Fault{Delay: 20 * time.Millisecond})
	start := time.Now()
	_, _, err := w.asUser(t, w.ada).Repositories.Get(w.ctx, "ada", "hello")
	if err != nil || time.Since(start) < 20*time.Millisecond {
		t.Errorf("a slow call: %v after %v", err, time.Since(start))
	}
}

// The answer gets lost after the work is done: the status is there, the caller does not know.
func TestLateFault(t *testing.T) {
	w := newWorld(t, citest.Options{})
	w.Inject(citest.Fault{
		Method: "POST",
		Prefix: "/repos/ada/hello/statuses/",
		Status: http.StatusBadGateway,
		Late:   true,
	})
	_, _, err := w.asUser(
		t,
		w.ada,
	).Repositories.CreateStatus(
		w.ctx,
		"ada",
		"hello",
		w.sha,
		&github.RepoStatus{State: str("success")},
	)
	if status(err) != http.StatusBadGateway || len(w.repo.Statuses(w.sha)) != 1 {
		t.Errorf("%v, statuses %v", err, w.repo.Statuses(w.sha))
	}
}

func TestGitFault(t *testing.T) {
	w := newWorld(t, citest.Options{})
	c := clone(t, w.repo, w.ada)
	w.Inject(citest.Fault{Prefix: "/ada/hello.git/", Status: http.StatusServiceUnavailable})
	if _, err := c.Git("fetch", "origin"); err == nil {
		t.Error("fetched from a GitHub that is down")
	}
	w.ClearFaults()
	mustGit(t, c, "fetch", "origin")
}

// The primary limit is counted for each caller, and ends with its hour.
func TestOwnRateLimit(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	w := newWorld(t, citest.Options{RateLimit: 2, Now: func() time.Time { return clock() }})
	bob := w.CreateUser("bob")
	w.repo.Grant(bob, "read")
	get := func(u citest.User) error {
		_, _, err := w.asUser(t, u).Repositories.Get(w.ctx, "ada", "hello")
		return err
	}
	for i, want := range []int{0, 0, http.StatusForbidden} {
		if err := get(w.ada); status(err) != want {
			t.Errorf("call %d: %v, want %d", i, err, want)
		}
	}
	if err := get(bob); err != nil {
		t.Errorf("another caller: %v", err)
	}
	clock = func() time.Time { return now.Add(61 * time.Minute) }
	if err := get(w.ada); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}
