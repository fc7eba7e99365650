package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// cli runs a command in a directory that holds a .yaci.yml.
func cli(t *testing.T, yaml string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".yaci.yml"), []byte(yaml), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	var out, errs bytes.Buffer
	err = run(t.Context(), args, &out, &errs)
	return out.String(), errs.String(), err
}

func TestCommands(t *testing.T) {
	const good, bad = "on: {push: {branches: [main]}}\nimage: a\nsteps:\n  - make\n  - {run: ship, when: {branch: stable}}\n", "image: a\nstesp: [x]\n"
	for name, c := range map[string]struct {
		yaml, args, stdout, stderr string
		found                      bool
	}{
		"lint":               {good, "lint", ".yaci.yml is valid: 1 job, 2 steps\n", "", false},
		"lint, problems":     {bad, "lint", `.yaci.yml:2:1: unknown key "stesp" in the file. Did you mean "steps"?`, "", true},
		"lint, json":         {bad, "lint --output json", `{"line":2,"column":1,"text":"unknown key \"stesp\" in the file. Did you mean \"steps\"?"}`, "", true},
		"lint, json, good":   {good, "lint --output json", `"problems":[]`, "", false},
		"render":             {good, "render", "kind: Job\n", "", false},
		"render, nothing":    {good, "render --branch topic", "", "Skipped: branch \"topic\" does not match on.push.branches (main).\n", false},
		"render, problems":   {bad, "render", "", `Did you mean "steps"?`, true},
		"render, ceiling":    {"image: a\nresources: {cpu: 9}\nsteps: [x]\n", "render --max-cpu 4", "", ".yaci.yml:2:18: cpu 9 is more than this server allows; at most 4", true},
		"explain":            {good, "explain", "✓ make: nothing excludes it\n  ✗ ship: branch \"main\" does not match when.branch (stable)\nRuns on a push to main.\n", "", false},
		"explain, a pull":    {good, "explain --event pull_request", "✗ on.pull_request: the file does not name on.pull_request\n", "", false},
		"explain, with path": {"image: a\nsteps: [{run: x, when: {paths: '*.go'}}]\n", "explain --path README", "none of 1 changed paths matches when.paths (*.go)", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, err := cli(t, c.yaml, strings.Fields(c.args)...)
			if errors.Is(err, errProblems) != c.found || err != nil && !c.found {
				t.Errorf("error %v", err)
			}
			if !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) || c.stdout == "" && stdout != "" {
				t.Errorf("stdout %q, stderr %q", stdout, stderr)
			}
		})
	}
	_, _, err := cli(t, good, "serve")
	if err == nil || !strings.Contains(err.Error(), "YACI_WEBHOOK_SECRET is empty") {
		t.Errorf("serve without configuration: %v", err)
	}
}

// TestOwnFile: this repository's own file is good, and what it makes can be made.
func TestOwnFile(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile("../../.yaci.yml")
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, err := cli(t, string(own), "lint")
	if err != nil || !strings.Contains(stdout, "is valid: 1 job, 2 steps") {
		t.Errorf("lint: %v %s%s", err, stdout, stderr)
	}
	targets := regexp.MustCompile(`\bmake ([a-z-]+)`).FindAllStringSubmatch(string(own), -1)
	if len(targets) != 2 {
		t.Errorf("its targets: %q", targets)
	}
	for _, m := range targets {
		if !regexp.MustCompile(`(?m)^` + m[1] + `:`).Match(makefile) {
			t.Errorf("the Makefile has no target %s", m[1])
		}
	}
}

// A secret that is not given is asked for before anything is made.
func TestExecAsksForSecrets(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile(".yaci.yml", []byte("image: x\nsteps: [{name: one, run: make, secrets: [NOT_GIVEN]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"":                           `step "one" needs the secret NOT_GIVEN: pass it with --secret NOT_GIVEN`,
		" --secret NOT_GIVEN":        "--secret NOT_GIVEN: write only the name",
		" --secret NOT_GIVEN=@gone":  "no such file",
		" --secret NOT_GIVEN=itself": "write only the name",
	} {
		var out, errs bytes.Buffer
		err := run(t.Context(), strings.Fields("exec"+args), &out, &errs)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
}
