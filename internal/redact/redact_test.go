package redact

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// Canary scan of the log [CVE-2024-52009; #4551; PAC 2c03760fd; CVE-2025-23216].
func TestNoSecretIsLogged(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(New(slog.NewTextHandler(&out, nil), "hook-canary", "", "ab"))
	canaries := []string{
		"ghs_4711_" + strings.Repeat("Canary1", 20) + "." + strings.Repeat("Canary2", 20) + ".Canary3",
		"ghp_" + strings.Repeat("Canary4", 5), "github_pat_11CANARY" + strings.Repeat("x", 40), "hook-canary",
		"eyJhbGciOiJSUzI1NiJ9.eyJDYW5hcnkiOjF9.Canary5",
	}
	for _, c := range canaries {
		log.Info(
			"message "+c,
			"text",
			c,
			"err",
			fmt.Errorf("github: %w", errors.New(c)),
			slog.Group("g", "inner", c),
			"list",
			[]string{c},
		)
		log.With("always", c).WithGroup("h").Warn("x", "bearer", "Authorization: Bearer "+c)
	}
	log.Info(
		"x",
		"url",
		"postgres://yaci:p4ssw0rd-canary@db/yaci?sslmode=disable",
		"git",
		"https://x-access-token:canarytoken@github.com/a/b.git",
	)
	if got := out.String(); strings.Contains(strings.ToLower(got), "canary") {
		t.Errorf("logged a secret:\n%s", got)
	}
	out.Reset()
	log.Info("launched", "job", "yaci-abc-1", "repo", "ada/hello", "sha", "6113728", "listen", "127.0.0.1:4000", "n", 7)
	got := out.String()
	if strings.Contains(got, replacement) || !strings.Contains(got, "repo=ada/hello") {
		t.Errorf("took away what is no secret: %s", got)
	}
}
