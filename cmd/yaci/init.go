package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/yaci-ci/yaci/pipeline"
)

// initialize writes a first .yaci.yml.
type initialize struct {
	File string `arg:"" optional:"" default:".yaci.yml" help:"File to write."`
	URL  string `name:"url" env:"YACI_URL" help:"Address of the server; editors can then use its schema to complete the file."`
}

// Help returns examples.
func (initialize) Help() string {
	return `Looks for go.mod, package.json, Cargo.toml, pyproject.toml and Makefile, and writes the steps that such
projects usually have. An existing file is never overwritten.

Examples:
  yaci init && yaci lint && yaci exec`
}

// Run writes the file, which is always valid.
func (c initialize) Run(out output) error {
	jobs, err := proposeJobs(os.DirFS("."))
	if err != nil {
		return err
	}
	text := formatFile(jobs, c.URL)
	if _, err := pipeline.Parse([]byte(text)); err != nil {
		return fmt.Errorf("the proposed .yaci.yml is not valid: %w", err)
	}
	f, err := os.OpenFile(c.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already; edit it, or remove it first", c.File)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Close())
	if err != nil {
		return err
	}
	return c.report(jobs, out)
}

// report prints what was written, and for which build files.
func (c initialize) report(jobs []proposal, out output) error {
	var found []string
	for _, j := range jobs {
		if j.buildFile != "" {
			found = append(found, j.buildFile)
		}
	}
	result := fmt.Sprintf("Wrote %s (%s).", c.File, strings.Join(found, ", "))
	if len(found) == 0 {
		result = fmt.Sprintf("No known build files found; wrote a placeholder %s.", c.File)
	}
	_, err := fmt.Fprintf(out.stdout, "%s Edit it, check it with yaci lint, try it with yaci exec.\n", result)
	return err
}

// proposal is a job for one kind of project.
type proposal struct {
	name      string
	buildFile string // that it was made for; empty: none
	image     string
	steps     []string
}

// proposeJobs returns a job for each kind of project whose build file is in a directory. Without any it returns a job
// with a placeholder.
func proposeJobs(dir fs.FS) ([]proposal, error) {
	var jobs []proposal
	for _, kind := range []struct {
		file    string
		propose func(dir fs.FS, text string) proposal
	}{
		{"go.mod", goProject},
		{"package.json", nodeProject},
		{"Cargo.toml", rustProject},
		{"pyproject.toml", pythonProject},
	} {
		text, err := fs.ReadFile(dir, kind.file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		p := kind.propose(dir, string(text))
		p.buildFile = kind.file
		jobs = append(jobs, p)
	}
	if len(jobs) > 0 {
		return jobs, nil
	}
	if text, err := fs.ReadFile(dir, "Makefile"); err == nil {
		return []proposal{makeProject(string(text))}, nil
	}
	placeholder := proposal{
		name:  "build",
		image: "alpine:3",
		steps: []string{"echo Replace this by the commands that build and test this repository."},
	}
	return []proposal{placeholder}, nil
}

// goVersion matches the go directive of a go.mod.
var goVersion = regexp.MustCompile(`(?m)^go (\d+\.\d+)`)

func goProject(_ fs.FS, text string) proposal {
	version := "1"
	if m := goVersion.FindStringSubmatch(text); m != nil {
		version = m[1]
	}
	return proposal{name: "go", image: "golang:" + version, steps: []string{"go vet ./...", "go test ./..."}}
}

func nodeProject(dir fs.FS, text string) proposal {
	p := proposal{name: "node", image: "node:22"}
	run := "npm run "
	switch {
	case exists(dir, "pnpm-lock.yaml"):
		p.steps = []string{"npm install --global pnpm && pnpm install --frozen-lockfile"}
		run = "npx pnpm run "
	case exists(dir, "yarn.lock"):
		p.steps = []string{"yarn install --frozen-lockfile"}
		run = "yarn run "
	case exists(dir, "package-lock.json"):
		p.steps = []string{"npm ci"}
	default:
		p.steps = []string{"npm install"}
	}
	var pkg struct{ Scripts map[string]string }
	if err := json.Unmarshal([]byte(text), &pkg); err != nil {
		return p // npm reports the error when the steps run
	}
	for _, script := range []string{"lint", "build", "test"} {
		if pkg.Scripts[script] != "" {
			p.steps = append(p.steps, run+script)
		}
	}
	return p
}

func rustProject(dir fs.FS, _ string) proposal {
	locked := ""
	if exists(dir, "Cargo.lock") {
		locked = " --locked"
	}
	return proposal{name: "rust", image: "rust:1", steps: []string{"cargo build" + locked, "cargo test" + locked}}
}

// pythonProject installs and tests in one step, since installed packages stay in the step's own container.
func pythonProject(_ fs.FS, _ string) proposal {
	return proposal{name: "python", image: "python:3", steps: []string{"pip install . pytest && pytest"}}
}

func makeProject(text string) proposal {
	p := proposal{name: "make", buildFile: "Makefile", image: "buildpack-deps:stable"}
	for _, target := range []string{"check", "test"} {
		if regexp.MustCompile(`(?m)^` + target + `\s*:([^=]|$)`).MatchString(text) {
			p.steps = append(p.steps, "make "+target)
		}
	}
	if len(p.steps) == 0 {
		p.steps = []string{"make"}
	}
	return p
}

func exists(dir fs.FS, name string) bool {
	_, err := fs.Stat(dir, name)
	return err == nil
}

// formatFile returns the text of a file. A single job is written at the top level, several ones under jobs.
func formatFile(jobs []proposal, url string) string {
	var b strings.Builder
	if url != "" {
		fmt.Fprintf(&b, "# yaml-language-server: $schema=%s%s\n", strings.TrimSuffix(url, "/"), pipeline.SchemaURL)
	}
	indent := ""
	if len(jobs) > 1 {
		b.WriteString("jobs:\n")
		indent = "    "
	}
	for _, j := range jobs {
		if len(jobs) > 1 {
			fmt.Fprintf(&b, "  %s:\n", j.name)
		}
		fmt.Fprintf(&b, "%simage: %s\n%ssteps:\n", indent, j.image, indent)
		for _, s := range j.steps {
			fmt.Fprintf(&b, "%s  - %s\n", indent, s)
		}
	}
	return b.String()
}
