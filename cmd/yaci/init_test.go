package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestInit(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		args  []string
		want  string
	}{
		"go":      {map[string]string{"go.mod": "module m\n\ngo 1.26.0\n", "Makefile": "test:\n"}, nil, "image: golang:1.26\nsteps:\n  - go vet ./...\n  - go test ./...\n"},
		"node":    {map[string]string{"package.json": `{"scripts":{"test":"x","build":"y"}}`, "package-lock.json": "{}"}, nil, "image: node:22\nsteps:\n  - npm ci\n  - npm run build\n  - npm run test\n"},
		"yarn":    {map[string]string{"package.json": `{"scripts":{"lint":"x"}}`, "yarn.lock": ""}, nil, "image: node:22\nsteps:\n  - yarn install --frozen-lockfile\n  - yarn run lint\n"},
		"broken":  {map[string]string{"package.json": `{`}, nil, "image: node:22\nsteps:\n  - npm install\n"},
		"rust":    {map[string]string{"Cargo.toml": "", "Cargo.lock": ""}, nil, "image: rust:1\nsteps:\n  - cargo build --locked\n  - cargo test --locked\n"},
		"python":  {map[string]string{"pyproject.toml": ""}, nil, "image: python:3\nsteps:\n  - pip install . pytest && pytest\n"},
		"make":    {map[string]string{"Makefile": "test := x\ncheck: all\n"}, nil, "image: buildpack-deps:stable\nsteps:\n  - make check\n"},
		"nothing": {nil, nil, "image: alpine:3\nsteps:\n  - echo Replace this by the commands that build and test this repository.\n"},
		"two": {map[string]string{"go.mod": "module m", "Cargo.toml": ""}, []string{"--url", "https://ci.example.com/"},
			"# yaml-language-server: $schema=https://ci.example.com/schema.json\njobs:\n  go:\n    image: golang:1\n    steps:\n      - go vet ./...\n      - go test ./...\n  rust:\n    image: rust:1\n    steps:\n      - cargo build\n      - cargo test\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for file, text := range c.files {
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			var out, errs bytes.Buffer
			err := run(t.Context(), append([]string{"init"}, c.args...), &out, &errs)
			if err != nil || !strings.Contains(strings.ToLower(out.String()), "wrote ") {
				t.Fatalf("%v: %s", err, out.String())
			}
			got, err := os.ReadFile(".yaci.yml")
			if err != nil || string(got) != c.want {
				t.Errorf("%v\n%s\nwant\n%s", err, got, c.want)
			}
			if err := run(t.Context(), []string{"lint"}, &out, &errs); err != nil {
				t.Errorf("lint: %v %s", err, errs.String())
			}
			err = run(t.Context(), []string{"init"}, &out, &errs)
			if err == nil || !strings.Contains(err.Error(), "exists already") {
				t.Errorf("again: %v", err)
			}
		})
	}
}
