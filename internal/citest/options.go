package citest

import (
	"io"
	"log/slog"
	"maps"
	"time"
)

// Options says what kind of GitHub to start. The zero value is useful.
type Options struct {
	Addr       string            // where to listen; "127.0.0.1:0" when empty
	URL        string            // how clients reach it, without a path; http://<listening address> when empty
	Dir        string            // where the repositories are; a temporary directory, removed by Close, when empty
	HookURL    string            // where the App's webhooks go; none are sent while empty
	HookSecret string            // what they are signed with
	AppID      int64             // of the one GitHub App; 4711 when 0
	AppSlug    string            // its name; "yaci" when empty
	Events     []string          // what the App subscribes to; push, pull_request and issue_comment when nil
	Permission map[string]string // what the installation grants; DefaultPermission when nil
	RateLimit  int               // calls an hour and token; 5000 when 0
	Now        func() time.Time  // the clock of token lifetimes and rate limits; time.Now when nil
	Log        *slog.Logger      // nowhere when nil
}

// DefaultPermission is what the installation of YACI's App grants.
func DefaultPermission() map[string]string {
	return map[string]string{
		"metadata": "read", "contents": "read", "statuses": "write",
		"checks": "write", "pull_requests": "write", "issues": "write",
	}
}

func (o Options) withDefaults() Options {
	setDefault(&o.Addr, "127.0.0.1:0")
	setDefault(&o.AppSlug, "yaci")
	setDefault(&o.AppID, 4711)
	setDefault(&o.RateLimit, 5000)
	if o.Events == nil {
		o.Events = []string{"push", "pull_request", "issue_comment"}
	}
	if o.Permission == nil {
		o.Permission = DefaultPermission()
	}
	o.Permission = maps.Clone(o.Permission)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return o
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
