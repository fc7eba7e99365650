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

// initialize writes a first file.
type initialize struct {
	File string `arg:"" optional:"" default:".yaci.yml" help:"File to write."`
	URL  string `name:"url" env:"YACI_URL" help:"Address of the server; editors then complete the file by its schema."`
}

// Help has examples.
func (initialize) Help() string {
	return `Looks for go.mod, package.json, Cargo.toml, pyproject.toml and Makefile, and writes the steps that such projects usually have.
A file that is there is never overwritten.

Examples:
  yaci init && yaci lint && yaci exec`
}

// Run writes the file, which passes lint.
func (c initialize) Run(out output) error {
	jobs, err := propose(os.DirFS("."))
	if err != nil {
		return err
	}
	text := written(jobs, c.URL)
	if _, err := pipeline.Parse([]byte(text)); err != nil {
		return fmt.Errorf("what would be written is no good .yaci.yml: %w", err)
	}
	f, err := os.OpenFile(c.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; edit it, or remove it first", c.File)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	var found []string
	for _, j := range jobs {
		found = append(found, j.found)
	}
	_, err = fmt.Fprintf(
		out.stdout,
		"Wrote %s (%s). Edit it, check it with yaci lint, try it with yaci exec.\n",
		c.File,
		strings.Join(found, ", "),
	)
	return err
}

// proposal is a job for one kind of project.
type proposal struct {
	name, found, image string
	steps              []string
}

// propose looks at a directory.
func propose(dir fs.FS) ([]proposal, error) {
	var jobs []proposal
	for _, kind := range []struct {
		file string
		of   func(fs.FS, string) proposal
	}{{"go.mod", goProject}, {"package.json", nodeProject}, {"Cargo.toml", rustProject}, {"pyproject.toml", pythonProject}} {
		text, err := fs.ReadFile(dir, kind.file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		p := kind.of(dir, string(text))
		p.found = kind.file
		jobs = append(jobs, p)
	}
	if len(jobs) > 0 {
		return jobs, nil
	}
	if text, err := fs.ReadFile(dir, "Makefile"); err == nil {
		return []proposal{makeProject(string(text))}, nil
	}
	return []proposal{
		{"build", "nothing known", "alpine:3", []string{"echo Write here what builds and tests this repository."}},
	}, nil
}

func goProject(_ fs.FS, text string) proposal {
	version := "1"
	if m := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(text); m != nil {
		version = m[1]
	}
	return proposal{name: "go", image: "golang:" + version, steps: []string{"go vet ./...", "go test ./..."}}
}

func nodeProject(dir fs.FS, text string) proposal {
	p := proposal{name: "node", image: "node:22"}
	run := "npm run "
	switch {
	case exists(dir, "pnpm-lock.yaml"):
		p.steps, run = []string{"npm install --global pnpm && pnpm install --frozen-lockfile"}, "npx pnpm run "
	case exists(dir, "yarn.lock"):
		p.steps, run = []string{"yarn install --frozen-lockfile"}, "yarn run "
	case exists(dir, "package-lock.json"):
		p.steps = []string{"npm ci"}
	default:
		p.steps = []string{"npm install"}
	}
	var pkg struct{ Scripts map[string]string }
	if err := json.Unmarshal([]byte(text), &pkg); err != nil {
		return p // which says so itself, once it runs
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

// pythonProject installs and tests in one step: what is installed stays in the step's own container.
func pythonProject(_ fs.FS, _ string) proposal {
	return proposal{name: "python", image: "python:3", steps: []string{"pip install . pytest && pytest"}}
}

func makeProject(text string) proposal {
	p := proposal{name: "make", found: "Makefile", image: "buildpack-deps:stable"}
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

// written is the file: one job at the top, several under jobs.
func written(jobs []proposal, url string) string {
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
