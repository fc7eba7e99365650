package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// unwell is what git says of a network or a server that may be well again soon,
// and behind of a commit, a repository or a token that GitHub's copies may learn of a moment later.
func unwell() []string {
	return []string{"RPC failed", "early EOF", "hung up unexpectedly", "unexpected disconnect", "expected 'packfile'",
		"Could not resolve", "Failed to connect", "Couldn't connect", "onnection ", "imed out", "imeout", "Empty reply", "transfer closed", "too slow",
		"Recv failure", "Send failure", "SSL_", "TLS", "HTTP/2", "returned error: 408", "returned error: 429", "returned error: 5"}
}

func behind() []string {
	return []string{
		"not our ref",
		"couldn't find remote ref",
		"not found",
		"could not read Username",
		"Authentication failed",
		"returned error: 403",
	}
}

// pauses are how long to wait before each further try of what ended with these words.
func pauses(words string) []time.Duration {
	if left := transientPauses(words); left != nil {
		return left
	}
	if slices.ContainsFunc(behind(), func(text string) bool { return strings.Contains(words, text) }) {
		return []time.Duration{time.Second, 4 * time.Second}
	}
	return nil
}

// transientPauses is pauses for what is no matter of access.
func transientPauses(words string) []time.Duration {
	if slices.ContainsFunc(unwell(), func(text string) bool { return strings.Contains(words, text) }) {
		return []time.Duration{time.Second, 4 * time.Second, 15 * time.Second, 40 * time.Second}
	}
	return nil
}

// remote runs a git command that talks to a server, again when that may help.
func (g *repository) remote(args ...string) error { return g.retry(pauses, args...) }

// retry runs a git command again after each of the pauses for what it said.
func (g *repository) retry(pauses func(words string) []time.Duration, args ...string) error {
	for try := 0; ; try++ {
		err := g.git(args...)
		if err == nil {
			return nil
		}
		left := pauses(err.Error())
		if try >= len(left) {
			if try > 0 {
				err = fmt.Errorf("%w (tried %d times)", err, try+1)
			}
			return err
		}
		g.note("fetched again after " + err.Error())
		g.wait(left[try])
	}
}
