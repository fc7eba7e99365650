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
	HookURL    string            // where the App's webhooks go; none are sent while empty
	HookSecret string            // what they are signed with
	Events     []string          // what the App subscribes to; push and pull_request when nil
	Permission map[string]string // what the installation grants; DefaultPermission when nil
	RateLimit  int               // calls an hour and token; 5000 when 0
	Now        func() time.Time  // the clock of token lifetimes and rate limits; time.Now when nil
	Log        *slog.Logger      // nowhere when nil
}

// DefaultPermission is what the installation of YACI's App grants.
func DefaultPermission() map[string]string {
	return map[string]string{
		"metadata": "read", "contents": "read", "statuses": "write",
		"pull_requests": "write",
	}
}

func (o Options) withDefaults() Options {
	setDefault(&o.Addr, "127.0.0.1:0")
	setDefault(&o.RateLimit, 5000)
	if o.Events == nil {
		o.Events = []string{"push", "pull_request"}
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
