package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
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
		"lint":               {good, "lint", ".yaci.yml is good: 1 job, 2 steps\n", "", false},
		"lint, problems":     {bad, "lint", `.yaci.yml:2:1: unknown key "stesp" in the file. Did you mean "steps"?`, "", true},
		"lint, json":         {bad, "lint --output json", `{"line":2,"column":1,"text":"unknown key \"stesp\" in the file. Did you mean \"steps\"?"}`, "", true},
		"lint, json, good":   {good, "lint --output json", `"problems":[]`, "", false},
		"render":             {good, "render", "kind: Job\n", "", false},
		"render, nothing":    {good, "render --branch topic", "", "Skipped: branch \"topic\" does not match on.push.branches (main).\n", false},
		"render, problems":   {bad, "render", "", `did you mean "steps"?`, true},
		"render, ceiling":    {"image: a\nresources: {cpu: 9}\nsteps: [x]\n", "render --max-cpu 4", "", ".yaci.yml:2:18: cpu 9 is more than this server allows; at most 4", true},
		"explain":            {good, "explain", "✓ make: nothing excludes it\n  ✗ ship: branch \"main\" does not match when.branch (stable)\nRuns on a push to main.\n", "", false},
		"explain, a pull":    {good, "explain --event pull_request", "✗ on.pull_request: the file does not name on.pull_request\n", "", false},
		"explain, with path": {"image: a\nsteps: [{run: x, when: {paths: '*.go'}}]\n", "explain --path README", "none of 1 changed paths matches when.paths (*.go)", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, err := cli(t, c.yaml, strings.Fields(c.args)...)
			if errors.Is(err, errFound) != c.found || err != nil && !c.found {
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
