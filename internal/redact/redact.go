// Package redact removes secrets from what YACI logs and stores: everything that looks like a token, and the secret
// values of the configuration. internal/server wraps its log handler in it.
//
// Invariant: no attribute, group or message of a log record bypasses the handler.
package redact

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
)

// tokenShapes matches GitHub's tokens of any length (docs.github.com, "About authentication to GitHub"), YACI's API
// tokens, JWTs, Authorization headers, and passwords in URLs.
var tokenShapes = regexp.MustCompile(strings.Join([]string{
	`gh[a-z]_[A-Za-z0-9._-]{10,}`,
	`github_pat_[A-Za-z0-9_]{10,}`,
	`yaci_[A-Za-z0-9]{20,}`,
	`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`,
	`(?i:bearer|basic) [A-Za-z0-9._~+/=-]{8,}`,
	`://[^/@\s:]*:[^/@\s]+@`,
}, "|"))

const (
	replacement = "[redacted]"
	minSecret   = 6 // shorter values are not redacted: they could be ordinary words
)

// Handler is a slog.Handler that redacts every record before it passes it on. Make it with [New].
type Handler struct {
	next    slog.Handler
	secrets []string
}

// New returns a Handler that writes to next, which must not be nil. secrets are values to redact besides everything
// that looks like a token; empty ones and those with fewer than 6 bytes are ignored.
func New(next slog.Handler, secrets ...string) Handler {
	h := Handler{next: next}
	for _, s := range secrets {
		if len(s) >= minSecret {
			h.secrets = append(h.secrets, s)
		}
	}
	return h
}

// Text returns s with all secrets replaced.
func (h Handler) Text(s string) string {
	for _, secret := range h.secrets {
		s = strings.ReplaceAll(s, secret, replacement)
	}
	return tokenShapes.ReplaceAllStringFunc(s, func(match string) string {
		if strings.HasPrefix(match, "://") {
			return "://" + replacement + "@"
		}
		return replacement
	})
}

func (h Handler) attr(a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(h.Text(v.String()))
	case slog.KindGroup:
		a.Value = slog.GroupValue(h.attrs(v.Group())...)
	case slog.KindAny:
		a.Value = slog.StringValue(h.Text(fmt.Sprint(v.Any())))
	}
	return a
}

func (h Handler) attrs(list []slog.Attr) []slog.Attr {
	redacted := make([]slog.Attr, 0, len(list))
	for _, a := range list {
		redacted = append(redacted, h.attr(a))
	}
	return redacted
}

// Enabled reports what the wrapped handler reports.
func (h Handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle passes a redacted copy of a record on.
func (h Handler) Handle(ctx context.Context, rec slog.Record) error {
	clean := slog.NewRecord(rec.Time, rec.Level, h.Text(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

// WithAttrs returns a Handler whose records carry the redacted attributes.
func (h Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return Handler{next: h.next.WithAttrs(h.attrs(attrs)), secrets: h.secrets}
}

// WithGroup returns a Handler whose later attributes are in a group.
func (h Handler) WithGroup(name string) slog.Handler {
	return Handler{next: h.next.WithGroup(name), secrets: h.secrets}
}
