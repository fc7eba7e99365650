package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// What a commit brought into .git, as by a submodule whose path is a link
// (CVE-2024-32002, CVE-2025-48384), runs nothing, and no submodule is a path of this machine.
func TestGitRunsNothingOfTheRepository(t *testing.T) {
	dir := t.TempDir()
	g := repository{dir: dir, home: t.TempDir()}
	if err := g.git("init", "--quiet"); err != nil {
		t.Fatal(err)
	}
	ran := filepath.Join(dir, "ran")
	for _, hook := range []string{"post-checkout", "post-commit", "pre-commit", "reference-transaction"} {
		path := filepath.Join(dir, ".git", "hooks", hook)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho "+hook+" >>"+ran+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"commit", "--quiet", "--allow-empty", "-m", "First"}, {"checkout", "--quiet", "-b", "topic"}} {
		if err := g.git(args...); err != nil {
			t.Fatal(err)
		}
	}
	if hooks, err := os.ReadFile(ran); err == nil {
		t.Errorf("hooks ran: %s", hooks)
	}
	err := g.git("submodule", "add", dir, "sub")
	if err == nil || !strings.Contains(err.Error(), "sub") {
		t.Errorf("a submodule of a path of this machine: %v", err)
	}
	o := origin{t: t} // the hooks would run otherwise
	o.run(dir, "commit", "--quiet", "--allow-empty", "-m", "Second")
	if _, err := os.Stat(ran); err != nil {
		t.Errorf("the hooks of this test do not run at all: %v", err)
	}
}

// A fetch is made again when GitHub or the network was unwell, a while, and
// when a copy of GitHub's may not know the commit yet, for a moment.
func TestFetchAgain(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit("a", "1\n")
	const s = time.Second
	for name, c := range map[string]struct {
		fail   []int
		sha    string
		waited []time.Duration
		err    string
	}{
		"well":           {nil, sha, nil, ""},
		"502 once":       {[]int{502}, sha, []time.Duration{1 * s}, ""},
		"too many calls": {[]int{429, 429, 503}, sha, []time.Duration{1 * s, 4 * s, 15 * s}, ""},
		"down": {
			[]int{500, 500, 500, 500, 500},
			sha,
			[]time.Duration{1 * s, 4 * s, 15 * s, 40 * s},
			"returned error: 500 (tried 5 times)",
		},
		"unknown yet":   {[]int{404}, sha, []time.Duration{1 * s}, ""},
		"token unknown": {[]int{401, 401}, sha, []time.Duration{1 * s, 4 * s}, ""},
		"gone": {
			nil,
			strings.Repeat("0", 40),
			[]time.Duration{1 * s, 4 * s},
			"not our ref " + strings.Repeat("0", 40) + " (tried 3 times)",
		},
		"bad answer": {[]int{400}, sha, nil, "returned error: 400"},
	} {
		o.fail = c.fail
		_, err := o.cloned(map[string]string{"YACI_CLONE_SHA": c.sha})
		if fmt.Sprint(err) != "<nil>" && !strings.HasSuffix(err.Error(), c.err) || (err == nil) != (c.err == "") {
			t.Errorf("%s: %v, want %q", name, err, c.err)
		}
		if !slices.Equal(o.waited, c.waited) || len(o.notes) != len(c.waited) {
			t.Errorf("%s: waited %v, want %v; told %q", name, o.waited, c.waited, o.notes)
		}
	}
}

func TestPauses(t *testing.T) {
	for words, tries := range map[string]int{
		"unable to access 'http://hub/x/': Could not resolve host: hub":                                              4,
		"unable to access 'http://hub/x/': Failed to connect to hub port 443 after 0 ms: Couldn't connect to server": 4,
		"unable to access 'http://hub/x/': transfer closed with 970 bytes remaining to read":                         4,
		"unable to access 'http://hub/x/': Empty reply from server":                                                  4,
		"unable to access 'http://hub/x/': The requested URL returned error: 504":                                    4,
		"RPC failed; HTTP 502 curl 22 The requested URL returned error: 502; the remote end hung up unexpectedly":    4,
		"unable to access 'http://hub/x/': The requested URL returned error: 403":                                    2,
		"repository 'http://hub/x/' not found":                                                                       2,
		"remote error: upload-pack: not our ref 0000":                                                                2,
		"could not read Username for 'http://hub': terminal prompts disabled":                                        2,
		"unable to access 'http://hub/x/': The requested URL returned error: 400":                                    0,
		"write error: No space left on device":                                                                       0,
		"unable to write file a: Permission denied":                                                                  0,
	} {
		if got := len(retryDelays(words)); got != tries {
			t.Errorf("%q: %d further tries, want %d", words, got, tries)
		}
	}
}

func TestLastWords(t *testing.T) {
	for out, want := range map[string]string{
		"fatal: repository 'x' not found\n": "repository 'x' not found",
		"error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502\nfatal: the remote end hung up " +
			"unexpectedly\n": "RPC failed; HTTP 502 curl 22 The requested URL returned error: 502; the remote end hung up " +
			"unexpectedly",
		"Auto-merging b\nAutomatic merge failed; fix " +
			"conflicts.\n": "Automatic merge failed; fix conflicts.",
		"": "",
	} {
		if got := errorLines(out); got != want {
			t.Errorf("%q: %q, want %q", out, got, want)
		}
	}
}
