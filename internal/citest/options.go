package citest

import (
	"slices"
	"time"
)

// Options says what kind of GitHub to start. The zero value is useful.
type Options struct {
	Addr       string           // where to listen; "127.0.0.1:0" when empty
	HookURL    string           // where the App's webhooks go; none are sent while empty
	HookSecret string           // what they are signed with
	RateLimit  int              // calls an hour and token; 5000 when 0
	Now        func() time.Time // the clock of token lifetimes and rate limits; time.Now when nil

	Unsubscribed []string // events that the App does not get, of those that it usually gets
}

// granted is what the installation of YACI's App grants.
func granted() map[string]string {
	return map[string]string{
		"metadata":      "read",
		"contents":      "read",
		"statuses":      "write",
		"pull_requests": "write",
		"checks":        "write",
	}
}

// subscribed are the events that the App gets.
func (gh *GitHub) subscribed() []string {
	all := []string{"push", "pull_request", "issue_comment", "check_run", "repository", "public"}
	return slices.DeleteFunc(all, func(event string) bool { return slices.Contains(gh.opts.Unsubscribed, event) })
}

func (o Options) withDefaults() Options {
	setDefault(&o.Addr, "127.0.0.1:0")
	setDefault(&o.RateLimit, 5000)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
