package server

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
)

// tokenShapes are GitHub's tokens, of any length, bearer words, JWTs and
// credentials in URLs (docs.github.com, "About authentication to GitHub").
var tokenShapes = regexp.MustCompile(
	`gh[a-z]_[A-Za-z0-9._-]{10,}|github_pat_[A-Za-z0-9_]{10,}|yaci_[A-Za-z0-9]{20,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*|(?i:bearer|basic) [A-Za-z0-9._~+/=-]{8,}|://[^/@\s:]*:[^/@\s]+@`,
)

const redacted = "[redacted]"

// redactor is a slog.Handler that writes no secret: neither what has the shape
// of a token, nor the values that the server was started with.
type redactor struct {
	next   slog.Handler
	values []string
}

// newRedactor leaves out empty values and those so short that they are words.
func newRedactor(next slog.Handler, values ...string) redactor {
	r := redactor{next: next}
	for _, v := range values {
		if len(v) >= 6 {
			r.values = append(r.values, v)
		}
	}
	return r
}

func (r redactor) text(s string) string {
	for _, v := range r.values {
		s = strings.ReplaceAll(s, v, redacted)
	}
	return tokenShapes.ReplaceAllStringFunc(s, func(match string) string {
		if strings.HasPrefix(match, "://") {
			return "://" + redacted + "@"
		}
		return redacted
	})
}

func (r redactor) attr(a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(r.text(v.String()))
	case slog.KindGroup:
		var list []slog.Attr
		for _, inner := range v.Group() {
			list = append(list, r.attr(inner))
		}
		a.Value = slog.GroupValue(list...)
	case slog.KindAny:
		a.Value = slog.StringValue(r.text(fmt.Sprint(v.Any())))
	}
	return a
}

func (r redactor) Enabled(ctx context.Context, l slog.Level) bool { return r.next.Enabled(ctx, l) }

// Handle writes a record without its secrets.
func (r redactor) Handle(ctx context.Context, rec slog.Record) error {
	clean := slog.NewRecord(rec.Time, rec.Level, r.text(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool { clean.AddAttrs(r.attr(a)); return true })
	return r.next.Handle(ctx, clean)
}

// WithAttrs redacts what every record will carry.
func (r redactor) WithAttrs(attrs []slog.Attr) slog.Handler {
	var list []slog.Attr
	for _, a := range attrs {
		list = append(list, r.attr(a))
	}
	return redactor{r.next.WithAttrs(list), r.values}
}

// WithGroup passes a group on.
func (r redactor) WithGroup(name string) slog.Handler {
	return redactor{r.next.WithGroup(name), r.values}
}
