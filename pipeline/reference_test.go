package pipeline_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/pipeline"
)

// examples has a piece of a file for each key; what a whole file needs beside it is added.
func examples() map[string]string {
	return map[string]string{
		"version":           "version: 1",
		"image":             "image: node:24",
		"shell":             "shell: bash",
		"env":               "env: { CGO_ENABLED: \"0\", GREETING: hello }",
		"timeout":           "timeout: 20m",
		"cancel_superseded": "cancel_superseded: true",
		"clone":             "clone: false",
		"clone.depth":       "clone: { depth: 0 }",
		"clone.lfs":         "clone: { lfs: true }",
		"clone.merge":       "clone: { merge: true }",
		"clone.tags":        "clone: { tags: true }",
		"user":              "user: 1000",
		"working_directory": "working_directory: services/api",
		"steps.user": "steps:\n  - { run: make install, user: 0 }\n  - { run: make check, user: " +
			"\"1000:1000\" }",
		"steps.working_directory": "steps:\n  - { run: npm ci, working_directory: web }",
		"clone.submodules":        "clone: { submodules: true }",
		"concurrency":             "concurrency: { group: deploy }",
		"concurrency.group":       "concurrency: { group: \"preview-$YACI_BRANCH\" }",
		"concurrency.limit":       "concurrency: { group: integration, limit: 2 }",
		"jobs": "jobs:\n  lint: { steps: [make lint] }\n  test: { image: golang:1.26, steps: [make " +
			"test] }",
		"when": "jobs:\n  unit: { steps: [make test] }\n  alarm: { needs: [unit], when: { status: " +
			"failure }, steps: [./alarm.sh] }",
		"when.status": "jobs:\n  unit: { steps: [make test] }\n  clean: { needs: [unit], when: { status: " +
			"always }, steps: [./clean.sh] }",
		"jobs.needs": "jobs:\n  test: { steps: [make test] }\n  ship: { needs: [test], steps: [make ship] }",
		"matrix":     "matrix:\n  go: [\"1.25\", \"1.26\"]\nimage: golang:${{ matrix.go }}",
		"matrix.exclude": "matrix:\n  os: [debian, alpine]\n  db: [\"16\", \"17\"]\n  exclude: [{ os: alpine, " +
			"db: \"16\" }]",
		"matrix.include":            "matrix:\n  go: [\"1.25\", \"1.26\"]\n  include: [{ go: \"1.27\", experiment: arenas }]",
		"on":                        "on: [push]",
		"on.merge_group":            "on: { merge_group: {} }",
		"on.pull_request":           "on: { pull_request: {} }",
		"on.pull_request.branches":  "on:\n  pull_request: { branches: [main, \"release/**\"] }",
		"on.pull_request.paths":     "on:\n  pull_request: { paths: [\"**/*.go\", \"!docs/**\"] }",
		"on.pull_request.types":     "on:\n  pull_request: { types: [opened, synchronize, ready_for_review] }",
		"on.push":                   "on: { push: {} }",
		"on.push.branches":          "on:\n  push: { branches: [\"**\", \"!wip/**\"] }",
		"on.push.paths":             "on:\n  push: { paths: [\"cmd/**\", go.mod] }",
		"on.push.tags":              "on:\n  push: { tags: [\"v*\"] }",
		"resources":                 "resources: { cpu: 500m, memory: 2Gi }",
		"resources.cpu":             "resources: { cpu: \"2\" }",
		"resources.disk":            "resources: { disk: 10Gi }",
		"resources.memory":          "resources: { memory: 512Mi }",
		"services":                  "services:\n  - { name: cache, image: redis:8, ready: { tcp: 6379 } }",
		"services.args":             "services:\n  - { name: db, image: postgres:17, args: [-c, \"max_connections=500\"] }",
		"services.command":          "services:\n  - { name: web, image: python:3, command: [python, -m, http.server] }",
		"services.env":              "services:\n  - { name: db, image: postgres:17, env: { POSTGRES_PASSWORD: x } }",
		"services.image":            "services:\n  - { name: queue, image: rabbitmq:4 }",
		"services.name":             "services:\n  - { name: search, image: opensearch:3 }",
		"services.ready":            "services:\n  - { name: db, image: mysql:9, ready: { tcp: 3306 } }",
		"services.ready.tcp":        "services:\n  - { name: db, image: mongo:8, ready: { tcp: 27017 } }",
		"services.ready.timeout":    "services:\n  - { name: db, image: oracle:23, ready: { tcp: 1521, timeout: 5m } }",
		"services.resources":        "services:\n  - { name: db, image: postgres:17, resources: { memory: 1Gi } }",
		"services.resources.cpu":    "services:\n  - { name: db, image: postgres:17, resources: { cpu: 250m } }",
		"services.resources.disk":   "services:\n  - { name: db, image: postgres:17, resources: { disk: 20Gi } }",
		"services.resources.memory": "services:\n  - { name: db, image: postgres:17, resources: { memory: 2Gi } }",
		"steps":                     "steps:\n  - go vet ./...\n  - go test ./...",
		"quiet":                     "quiet: true",
		"steps.quiet":               "steps:\n  - { run: \"./generated.sh\", quiet: true }",
		"steps.allow_failure":       "steps:\n  - { run: make lint, allow_failure: true }",
		"steps.args":                "steps:\n  - { image: \"aquasec/trivy:0.66.0\", args: [fs, --exit-code, \"1\", .] }",
		"steps.env":                 "steps:\n  - { run: make test, env: { VERBOSE: \"1\" } }",
		"steps.image":               "steps:\n  - { run: hadolint Dockerfile, image: \"hadolint/hadolint:v2-debian\" }",
		"steps.name":                "steps:\n  - { name: unit tests, run: make test }",
		"steps.needs": "steps:\n  - { name: build, run: make }\n  - { name: lint, needs: [], run: make lint " +
			"}\n  - { needs: [build, lint], run: make dist }",
		"steps.resources":        "steps:\n  - { run: make link, resources: { memory: 6Gi } }",
		"steps.resources.cpu":    "steps:\n  - { run: make -j4, resources: { cpu: \"4\" } }",
		"steps.resources.disk":   "steps:\n  - { run: make image, resources: { disk: 30Gi } }",
		"steps.resources.memory": "steps:\n  - { run: make link, resources: { memory: 6Gi } }",
		"steps.retry":            "steps:\n  - { run: make e2e, retry: { attempts: 2 } }",
		"steps.retry.attempts":   "steps:\n  - { run: make e2e, retry: { attempts: 3 } }",
		"steps.retry.on_exit":    "steps:\n  - { run: make e2e, retry: { attempts: 3, on_exit: [75, 110] } }",
		"steps.run":              "steps:\n  - run: |\n      make\n      make install\n  - run: [ls, -l]",
		"steps.secrets":          "steps:\n  - { run: ./publish.sh, secrets: [REGISTRY_TOKEN] }",
		"steps.shell":            "steps:\n  - { run: \"print(1)\", shell: [python3] }",
		"steps.timeout":          "steps:\n  - { run: make fuzz, timeout: 5m }",
		"steps.when":             "steps:\n  - make\n  - { run: ./notify.sh, when: { status: failure, branch: main } }",
		"steps.when.branch":      "steps:\n  - { run: make ship, when: { branch: main } }",
		"steps.when.event":       "steps:\n  - { run: make release, when: { event: tag } }",
		"steps.when.paths":       "steps:\n  - { run: make docs, when: { paths: [\"docs/**\"] } }",
		"steps.when.status":      "steps:\n  - make test\n  - { run: ./report.sh, when: { status: always } }",
	}
}

// whole makes a file of a piece.
func whole(piece string) string {
	has := func(key string) bool {
		return strings.HasPrefix(piece, key+":") || strings.Contains(piece, "\n"+key+":")
	}
	if !has("image") {
		piece = "image: golang:1.26\n" + piece
	}
	if !has("steps") && !has("jobs") {
		piece += "\nsteps: [make]"
	}
	return piece + "\n"
}

// keys are those of the schema with what it says of them, in its order. A job has the keys of the file.
func keys(s object, path string, top object, each func(path, doc string)) {
	for _, k := range slices.Sorted(maps.Keys(properties(s))) {
		p := strings.TrimPrefix(path+"."+k, ".")
		_, same := top[k]
		if path == "jobs" && same {
			continue
		}
		sub := properties(s)[k].(map[string]any)
		doc, _ := sub["description"].(string)
		each(p, doc)
		for _, form := range forms(sub) {
			keys(form, p, top, each)
		}
	}
}

func properties(s object) map[string]any {
	p, _ := s["properties"].(map[string]any)
	return p
}

// forms are the ways in which a value can be written.
func forms(s object) []object {
	all := []object{s}
	for _, word := range []string{"anyOf", "oneOf"} {
		list, _ := s[word].([]any)
		for _, f := range list {
			all = append(all, forms(f.(map[string]any))...)
		}
	}
	for _, word := range []string{"items", "additionalProperties"} {
		if f, ok := s[word].(map[string]any); ok {
			all = append(all, forms(f)...)
		}
	}
	return all
}

// TestReference holds the second half of REFERENCE.md, which has every key of the schema with its description and an
// example that is accepted.
func TestReference(t *testing.T) {
	var schema object
	if err := json.Unmarshal([]byte(pipeline.Schema()), &schema); err != nil {
		t.Fatal(err)
	}
	var b, contents strings.Builder
	shown := map[string]bool{}
	all := examples()
	keys(schema, "", properties(schema), func(key, doc string) {
		example, known := all[key]
		if shown[key] {
			return
		}
		shown[key] = true
		if !known {
			t.Errorf("%s has no example", key)
			return
		}
		if doc == "" {
			t.Errorf("%s has no description", key)
		}
		if _, err := pipeline.Parse([]byte(whole(example))); err != nil {
			t.Errorf("%s: %v\n%s", key, err, whole(example))
		}
		if last := key[strings.LastIndex(key, ".")+1:]; !strings.Contains(example, last) {
			t.Errorf("the example of %s does not have it", key)
		}
		fmt.Fprintf(&contents, "[`%s`](#%s) · ", key, strings.ReplaceAll(key, ".", ""))
		fmt.Fprintf(&b, "\n### `%s`\n\n%s\n\n```yaml\n%s\n```\n", key, doc, example)
	})
	for key := range all {
		if !shown[key] {
			t.Errorf("%s is no key", key)
		}
	}
	text, err := os.ReadFile("REFERENCE.md")
	if err != nil {
		t.Fatal(err)
	}
	guide, _, found := strings.Cut(string(text), generated)
	if !found {
		t.Fatalf("REFERENCE.md has no line %q; the keys come after it", generated)
	}
	golden(t, "REFERENCE.md", guide+generated+"\n\n## All keys\n\n"+
		"Each example is a part of a file. In `jobs`, a job has the keys of the file except `on`, `version` and `jobs`.\n\n"+
		strings.TrimSuffix(contents.String(), " · ")+"\n"+b.String())
}

// generated is the line of REFERENCE.md after which TestReference writes the keys.
const generated = "<!-- The rest is made from schema.json and examples(): go test ./pipeline -update -->"

// TestReadme compiles the complete files that the documentation shows.
func TestReadme(t *testing.T) {
	shown := map[string]struct {
		pattern string
		count   int
	}{
		"../README.md": {"(?s)```yaml\n(.*?)```", 1},
		"REFERENCE.md": {
			"(?s)```yaml\n((?:# yaml-language-server|image: golang:1.26\njobs:\n  lint: { steps: .make lint. }\n  test: { " +
				"steps).*?)```",
			2,
		},
		"COMING-FROM.md": {"(?s)```yaml\n(# .yaci.yml\n.*?)```", 4},
	}
	for file, want := range shown {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(want.pattern).FindAllSubmatch(text, -1)
		if len(found) != want.count {
			t.Errorf("%s: %d examples, want %d", file, len(found), want.count)
		}
		compileAll(t, found)
	}
}

func compileAll(t *testing.T, examples [][][]byte) {
	t.Helper()
	for _, e := range examples {
		file, err := pipeline.Parse(e[1])
		if err != nil {
			t.Errorf("%v\n%s", err, e[1])
			continue
		}
		in := input()
		in.PathsKnown = false
		compiled, err := pipeline.Compile(file, in, operator())
		if err != nil || len(compiled) == 0 {
			t.Errorf("%d jobs, %v\n%s", len(compiled), err, e[1])
		}
	}
}
