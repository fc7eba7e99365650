package ci

import "time"

// App is a GitHub App that was made by /setup: all that GitHub tells of it once and never again.
type App struct {
	ID            int64
	Slug          string // of its pages at GitHub
	Page          string // its address there
	Key           []byte // PEM
	WebhookSecret string
	ClientID      string
	ClientSecret  string
	Created       time.Time
}
