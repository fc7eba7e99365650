package pipeline_test

import (
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/pipeline"
)

// TestC23 holds that each word of another CI is answered with the key of YACI, where it stands.
func TestC23(t *testing.T) {
	places := map[string]string{ // with the word's line as %
		"file":         "%\nimage: a\nsteps: [x]\n",
		"job":          "image: a\njobs:\n  test:\n    %\n    steps: [x]\n",
		"step":         "image: a\nsteps:\n  - run: b\n    %\n",
		"bare step":    "image: a\nsteps:\n  - name: b\n    %\n",
		"on":           "on:\n  %\nimage: a\nsteps: [x]\n",
		"push":         "on:\n  push:\n    %\nimage: a\nsteps: [x]\n",
		"pull_request": "on:\n  pull_request:\n    %\nimage: a\nsteps: [x]\n",
		"service":      "image: a\nservices:\n  - name: db\n    image: b\n    %\nsteps: [x]\n",
		"resources":    "image: a\nresources:\n  %\nsteps: [x]\n",
		"clone":        "image: a\nclone:\n  %\nsteps: [x]\n",
	}
	for _, c := range []struct{ place, line, want string }{
		{"file", "runs-on: ubuntu-latest", "write image"}, {"job", "runs-on: ubuntu-latest", "write image"},
		{"job", "container: golang", "write image"}, {"job", "container: {image: golang}", "write image"},
		{
			"job",
			"strategy: {matrix: {go: ['1']}}",
			"write matrix"}, {"job",
			"if: always()",
			"when"}, {"step",
			"if: always()",
			"when on a step",
		},
		{"bare step", "uses: actions/checkout@v4", "write run"}, {"bare step", "with: {go-version: 1}", "write run"},
		{
			"step",
			"working-directory: web",
			"write working_directory"}, {"step",
			"continue-on-error: true",
			"write allow_failure: true",
		},
		{
			"step",
			"timeout-minutes: 5",
			"write timeout with a unit"}, {"job",
			"timeout-minutes: 5",
			"write timeout with a unit",
		},
		{
			"bare step",
			"commands: [make]",
			"write run"}, {"bare step",
			"script: make",
			"write run"}, {"job",
			"script: [make]",
			"write steps",
		},
		{"file", "script: [make]", "write steps"}, {"file", "commands: [make]", "write steps"},
		{"job", "only: [main]", "write on"}, {"job", "except: [main]", "write on"}, {"job", "rules: [{if: x}]", "write on"},
		{
			"job",
			"depends_on: [x]",
			"write needs"}, {"step",
			"depends_on: [x]",
			"write needs"}, {"job",
			"dependencies: [x]",
			"write needs",
		},
		{"job", "stage: test", "needs"}, {"file", "stages: [test]", "needs"}, {"file", "variables: {A: b}", "write env"},
		{
			"job",
			"variables: {A: b}",
			"write env"}, {"step",
			"environment: {A: b}",
			"write env"}, {"job",
			"environment: production",
			"write env",
		},
		{
			"job",
			"artifacts: {paths: [x]}",
			"/workspace"}, {"file",
			"cache: {paths: [x]}",
			"/workspace"}, {"step",
			"cache: x",
			"/workspace",
		},
		{
			"file",
			"before_script: [x]",
			"first steps"}, {"job",
			"before_script: [x]",
			"first steps"}, {"job",
			"after_script: [x]",
			"when: {status: always}",
		},
		{
			"on",
			"workflow_dispatch:",
			"yaci run BRANCH"}, {"on",
			"schedule: [{cron: x}]",
			"yaci run BRANCH"}, {"on",
			"release:",
			"push: {tags",
		},
		{
			"on",
			"pull_request_target:",
			"write pull_request"}, {"on",
			"merge_request:",
			"write pull_request"}, {"on",
			"tag:",
			"push: {tags",
		},
		{"push", "paths-ignore: [docs]", `paths: ["**", "!docs/**"]`}, {"push", "branches-ignore: [x]", "write branches"},
		{"push", "tags-ignore: [x]", "write tags"}, {"pull_request", "paths-ignore: [docs]", "write paths"},
		{"pull_request", "branches-ignore: [x]", "write branches"},
		{
			"service",
			"ports: [1]",
			"ready: {tcp: PORT}"}, {"service",
			"environment: {A: b}",
			"write env"}, {"service",
			"healthcheck: {}",
			"ready: {tcp: PORT}",
		},
		{"service", "options: x", "ready: {tcp: PORT}"}, {"resources", "limits: {cpu: 1}", "write cpu and memory here"},
		{"clone", "fetch-depth: 0", "write depth"}, {"file", "name: CI", "no name"}, {"step", "id: x", "write name"},
		{
			"file",
			"defaults: {run: {shell: bash}}",
			"anchor"}, {"file",
			"permissions: {}",
			"remove it"}, {"file",
			"orbs: {}",
			"no actions or plugins",
		},
		{
			"step",
			"failure: ignore",
			"write allow_failure"}, {"step",
			"detach: true",
			"services"}, {"bare step",
			"settings: {}",
			"no actions or plugins",
		},
		{
			"bare step",
			"entrypoint: [x]",
			"write run"}, {"job",
			"extends: x",
			"anchor"}, {"job",
			"parallel: 3",
			"write matrix",
		},
	} {
		text := strings.Replace(places[c.place], "%", c.line, 1)
		before, _, _ := strings.Cut(text, c.line)
		_, err := pipeline.Parse([]byte(text))
		if err == nil {
			t.Errorf("accepted:\n%s", text)
			continue
		}
		first, _, _ := strings.Cut(err.Error(), "\n")
		key, _, _ := strings.Cut(c.line, ":")
		row := strings.Count(before, "\n") + 1
		place := strings.HasPrefix(first, ".yaci.yml:"+string(rune('0'+row))+":")
		if !place || !strings.Contains(first, `unknown key "`+key+`"`) || !strings.Contains(first, c.want) {
			t.Errorf("%s in %s: %v\nwant %q first", c.line, c.place, err, c.want)
		}
		for _, consequence := range []string{"steps is missing", "run is missing", "has no image"} {
			if strings.Contains(err.Error(), consequence) && c.place != "job" {
				t.Errorf("%s: its consequence is a problem too: %v", c.line, err)
			}
		}
	}
}

// TestC14 holds that each mistake is named first, with what to write instead.
func TestC14(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a list of commands": {"image: a\nsteps:\n  - name: test\n    run:\n      - echo one\n      - echo two\n",
			`:5:9: run as a list is one program and its arguments, and no program is named "echo one". For a script of 2 lines, write run: |`},
		"a list in a list": {
			"image: a\nsteps:\n  - [echo one, echo two]\n",
			":3:5: a step must be a mapping (key: value), not a list. Write each command as its own step",
		},
		"a shell of one word": {
			"image: a\nsteps: [{run: x, shell: ['python3 -u']}]\n",
			`:2:26: shell is one program and its arguments, and no program is named "python3 -u"`,
		},
		"a colon": {
			"image: a\nsteps:\n  - echo \"key: value\"\n",
			`:3:5: YAML reads this line as a key and its value, because of the colon. Quote the line: 'echo "key: value"'`,
		},
		"a colon in run": {
			"image: a\nsteps:\n  - run: echo key: value\n",
			":3:1: invalid YAML: a colon and a space separate a key from its value. Quote the whole value",
		},
		"python": {
			"image: a\nsteps:\n  - |\n    #!/usr/bin/env python3\n    print('hi')\n",
			`:3:5: the line "#!/usr/bin/env python3" has no effect, because sh runs the script. Write shell: [python3] on the step`,
		},
		"env -S": {
			"image: a\nsteps:\n  - |\n    #!/usr/bin/env -S deno run -A\n    x\n",
			"Write shell: [deno, run, -A]",
		},
		"bash": {"image: a\nsteps:\n  - |\n    #!/bin/bash\n    x\n", "Write shell: bash"},
		"a time without unit": {
			"image: a\ntimeout: 30\nsteps: [x]\n",
			":2:10: timeout needs a unit. Write 30s for seconds, or 30m for minutes",
		},
		"of a step": {
			"image: a\nsteps: [{run: x, timeout: 5}]\n",
			"timeout needs a unit. Write 5s for seconds, or 5m for minutes",
		},
		"a key typed wrong": {"image: a\nstpes: [x]\n", `:2:1: unknown key "stpes" in the file. Did you mean "steps"?`},
		"of a job": {
			"image: a\njobs: {b: {setps: [x]}}\n",
			`:2:12: unknown key "setps" in a job. Did you mean "steps"?`,
		},
		"of run":   {"image: a\nsteps: [{rnu: x}]\n", `:2:10: unknown key "rnu" in a step. Did you mean "run"?`},
		"of image": {"imgae: a\nsteps: [x]\n", `:1:1: unknown key "imgae" in the file. Did you mean "image"?`},
		"of a service": {
			"image: a\nservices: [{naem: b, image: c}]\nsteps: [x]\n",
			`:2:13: unknown key "naem" in a service. Did you mean "name"?`,
		},
		"no space": {"image: a\nsteps:\n  - run:make\n", `:3:5: a space is missing after the colon of "run:make"`},
		"two lines": {
			"image: a\nsteps:\n  - go vet ./...\n    go test ./...\n",
			":3:5: this command continues on the next line, and YAML joins the lines into one",
		},
		"two lines of run": {
			"image: a\nsteps:\n  - run: go vet ./... \\\n      -x\n",
			":3:10: this command continues on the next line",
		},
		"a comment in quotes": {
			"image: a\nsteps:\n  - echo 'a # b'\n",
			":3:5: a YAML comment begins inside the quotes of this command",
		},
		"a glob": {"on: {push: {paths: [*.go]}}\nimage: a\nsteps: [x]\n", "invalid YAML"},
		"a glob in a list": {
			"on:\n  push:\n    paths:\n      - *.go\nimage: a\nsteps: [x]\n",
			":4:1: invalid YAML: a value that begins with * must be in quotes, for example '*.go'",
		},
		"yes": {
			"image: a\nsteps: [{run: x, allow_failure: yes}]\n",
			":2:33: allow_failure must be true or false, not a string. Write true",
		},
		"off": {
			"image: a\nclone: {submodules: off}\nsteps: [x]\n",
			"must be true or false, not a string. Write false",
		},
		"env as a list": {
			"image: a\nenv:\n  - A=b\nsteps: [x]\n",
			":3:3: env must be a mapping (key: value), not a list. Write NAME: value, without dashes",
		},
		"an image's name": {
			"image: {name: golang, entrypoint: ['']}\nsteps: [x]\n",
			":1:8: image must be a string, not a mapping. Write image: golang",
		},
		"an image's version": {
			"image: 1.26\nsteps: [x]\n",
			`:1:8: image must be a string, not a number. Write "1.26" in quotes`,
		},
		"events in one word": {
			"on: push, pull_request\nimage: a\nsteps: [x]\n",
			"Write several events as a list: on: [push, pull_request]",
		},
		"branches of push": {
			"on: {push: [main]}\nimage: a\nsteps: [x]\n",
			":1:12: push must be a mapping (key: value), not a list. Write push: {branches: [main]}",
		},
		"services by name": {
			"image: a\nservices: {db: {image: b}}\nsteps: [x]\n",
			":2:11: services must be a list, not a mapping. Write a dash and the name, for example - name: db",
		},
		"jobs as a list": {
			"image: a\njobs: [{name: x, steps: [y]}]\n",
			":2:7: jobs must be a mapping (key: value), not a list. Write the name of each job as a key",
		},
		"steps as text": {
			"image: a\nsteps: make\n",
			":2:8: steps must be a list, not a string. Write a dash before each command",
		},
		"steps as a mapping": {
			"image: a\nsteps: {run: make}\n",
			":2:8: steps must be a list, not a mapping. Write a dash before each step, for example - run: make",
		},
		"a quoted word first": {
			"image: a\nsteps:\n  - \"$HOME/x\" --version\n",
			`invalid YAML: a value that begins with " ends at the next one`,
		},
		"an open quote": {"image: a\nsteps: [x]\nenv: {A: \"b}\n", "invalid YAML"},
		"a test in brackets": {
			"image: a\nsteps:\n  - [ -f x ] && echo y\n",
			"invalid YAML: a value that begins with [ is a list or a mapping. Quote a command",
		},
		"an at sign": {
			"image: a\nsteps:\n  - @make\n",
			"invalid YAML: a value that begins with @ must be in quotes",
		},
		"a tab":       {"image: a\nsteps:\n\t- x\n", "invalid YAML: tabs cannot indent. Use spaces"},
		"a key twice": {"image: a\nimage: b\nsteps: [x]\n", `"image" is already set on line 1`},
		"a wordy time": {
			"image: a\ntimeout: 5 minutes\nsteps: [x]\n",
			`:2:10: timeout "5 minutes" is not a duration. Write 5m (from 1s to 168h)`,
		},
		"a long time": {"image: a\ntimeout: 169h\nsteps: [x]\n", `timeout "169h" is out of range`},
		"half a minute": {
			"image: a\ntimeout: 1.5\nsteps: [x]\n",
			":2:10: timeout needs a unit. Write 1.5s for seconds, or 1.5m for minutes",
		},
		"an empty list": {
			"on: {pull_request: {types: []}}\nimage: a\nsteps: [x]\n",
			":1:28: types is empty, so nothing can match. Remove it",
		},
		"no events": {"image: a\nsteps: [{run: x, when: {event: []}}]\n", ":2:32: event is empty"},
		"no image": {
			"image: a\nsteps: [{run: x, image: ''}]\n",
			":2:25: image is empty. Write the name of an image",
		},
		"a service's image": {"image: a\nservices: [{name: db, image: ''}]\nsteps: [x]\n", ":2:30: image is empty"},
		"failure first": {
			"image: a\nsteps: [{run: x, when: {status: failure}}]\n",
			":2:33: this step never runs: when.status is failure, but no step comes before it",
		},
		"failure of nothing": {
			"image: a\nsteps: [x, {run: y, needs: [], when: {status: failure}}]\n",
			"this step never runs: when.status is failure",
		},
		"exclude": {
			"image: a\nmatrix: {go: ['1'], exclude: [{goo: '1'}]}\nsteps: [x]\n",
			`:2:30: exclude names "goo", but the matrix has no list of values for it. Did you mean "go"?`,
		},
		"exclude of include": {
			"image: a\nmatrix: {include: [{go: '1'}], exclude: [{go: '1'}]}\nsteps: [x]\n",
			`exclude names "go", but the matrix has no list of values for it`,
		},
		"names of a matrix": {
			"image: a\nmatrix: {go-v: ['1'], include: [{GO_V: '2'}]}\nsteps: [x]\n",
			`:2:9: the matrix variables "go-v" and "GO_V" are both $MATRIX_GO_V in scripts`,
		},
		"a job's setting": {
			"image: a\njobs: {b: {cancel_superseded: true, steps: [x]}}\n",
			"cancel_superseded belongs at the top of the file",
		},
		"a redirection": {"image: a\nsteps:\n  - > out.txt echo hi\n", "invalid YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pipeline.Parse([]byte(c.text))
			if err == nil {
				t.Fatalf("accepted:\n%s", c.text)
			}
			if first, _, _ := strings.Cut(err.Error(), "\n"); !strings.Contains(first, c.want) {
				t.Errorf("%v\nwant first %s", err, c.want)
			}
			if strings.HasPrefix(name, "of ") && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than the cause: %v", err)
			}
		})
	}
	for _, text := range []string{
		"image: a\nsteps: [{run: [sh, -c, 'echo a b']}, {run: [ls, '-l x']}]\n",
		"image: a\nsteps:\n  - |\n    #!/bin/sh\n    x\n  - {run: \"#!/usr/bin/env python3\\nprint(1)\", shell: [python3, " +
			"-u]}\n  - {run: \"#!/bin/bash\\nx\", shell: bash}\n" +
			"  - {run: \"#!/bin/sh\\ny\", shell: bash}\n",
		"image: a\nsteps:\n  - >-\n    go test\n    ./...\n  - |\n    a\n    b\n",
		"image: a\nsteps:\n  - echo hi # it's a comment\n  - &x make # don't\n  - echo 'a#b' \"c\"\n  - \"echo 'a # b'\"\n" +
			"  - echo it\\'s\n",
		"on: push\nimage: a\nsteps: ['npm run test:unit', make]\n",
		"on: [push, pull_request]\nimage: a\ntimeout: 30s\nsteps: [\"echo 'key: value'\"]\n",
	} {
		if _, err := pipeline.Parse([]byte(text)); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

// TestC14Globs holds that filters are refused which GitHub, GitLab or .gitignore would read otherwise, and which here
// would silently match nothing: a path filter that never matches reports success for what was never built.
func TestC14Globs(t *testing.T) {
	for _, c := range []struct{ key, glob, want string }{
		{"paths", "**.go", "Write ** between slashes, for example **/*.go"},
		{"paths", "src/**.go", "Write ** between slashes"},
		{"paths", "docs**", "Write ** between slashes"},
		{"paths", "!**.md", "Write ** between slashes"},
		{"paths", "{src,lib}/**x", "Write ** between slashes"},
		{"paths", "./src/**", "paths are relative to the root of the repository. Write for example src/**"},
		{"paths", "/src/**", "paths are relative to the root"},
		{"paths", "../x", "paths are relative to the root"},
		{"paths", ".", "paths are relative to the root"},
		{"paths", "docs/", "matches no file, because it names a directory. Write docs/**"},
		{"paths", "!docs/", "Write docs/**"},
		{"paths", "${{matrix.dir}}/**", "patterns are used literally"},
		{"branches", "release**", "Write ** between slashes"},
		{"branches", "refs/heads/main", "Write it without refs/heads/ or refs/tags/"},
		{"branches", "main, develop", "Write several patterns as a list, for example [main, develop]"},
		{"branches", "/^main$/", "is a glob, not a regular expression"},
		{"branches", "^main", "is a glob, not a regular expression"},
		{"tags", "v[0-9]+.[0-9]+", "contains a +, which is a literal character in a glob. Write * instead"},
		{"tags", "refs/tags/v*", "Write it without refs/heads/ or refs/tags/"},
		{"branch", "refs/heads/main", "Write it without"},
	} {
		text := "on: {push: {" + c.key + ": ['" + c.glob + "']}}\nimage: a\nsteps: [x]\n"
		if c.key == "branch" {
			text = "image: a\nsteps: [{run: x, when: {branch: '" + c.glob + "'}}]\n"
		}
		_, err := pipeline.Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), c.key+" \""+c.glob+"\" ") ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v\nwant %s", c.key, c.glob, err, c.want)
		}
	}
	for key, globs := range map[string]string{
		"paths": `["**", "**/*.go", "docs/**", "!docs/**", "{src,lib}/**", "{**/,}x", "a/**/b", "*.md", "file?.txt", "c++/x", ".github/**", "[^a]*", "a b"]`,
		"tags":  `["v*", "v[0-9]*", "!*-rc*", "release/**", "v1+build", "[!v]*"]`,
	} {
		if _, err := pipeline.Parse([]byte("on: {push: {" + key + ": " + globs + "}}\nimage: a\nsteps: [x]\n")); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// TestC23Expressions holds that expressions of GitHub Actions are refused wherever nothing is filled in: as they are
// written they would reach a program, or make jobs share a concurrency group.
func TestC23Expressions(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a script": {
			"image: a\nsteps: [\"echo '${{ github.sha }}'\"]\n",
			`:2:9: expressions are not expanded in scripts. Use variables such as "$YACI_SHA"`,
		},
		"a secret": {
			"image: a\nsteps: [\"echo ${{ secrets.TOKEN }}\"]\n",
			`Write secrets: [TOKEN] on the step, and use "$TOKEN"`,
		},
		"env":       {"image: a\nsteps: [\"echo ${{ env.A }}\"]\n", `Set A in env, and use "$A"`},
		"no matrix": {"image: a\nsteps: [\"echo ${{ matrix.go }}\"]\n", "this job has no matrix"},
		"a list": {
			"image: a\nmatrix: {go: ['1']}\nsteps: [{run: [echo, '${{ matrix.go }}']}]\n",
			`Use "$MATRIX_GO" instead of ${{ matrix.go }}`,
		},
		"a service": {
			"image: a\nmatrix: {go: ['1']}\nservices: [{name: b, image: c, args: ['${{ matrix.go }}']}]\nsteps: [x]\n",
			"is not expanded in the args of a service",
		},
		"its command": {
			"image: a\nmatrix: {go: ['1']}\nservices: [{name: b, image: c, command: [x, '${{ matrix.go }}']}]\nsteps: [x]\n",
			"in the command of a service",
		},
		"a group": {
			"image: a\nconcurrency: {group: '${{ github.workflow }}-${{ github.ref }}'}\nsteps: [x]\n",
			":2:22: group \"${{ github.workflow }}-${{ github.ref }}\": expressions are not expanded here",
		},
		"a group's matrix": {
			"image: a\nmatrix: {go: ['1']}\nconcurrency: {group: 'x-${{ matrix.go }}'}\nsteps: [x]\n",
			"Write variables, for example deploy-$YACI_BRANCH",
		},
		"a variable": {
			"image: a\nconcurrency: {group: x-$YACI_BRNCH}\nsteps: [x]\n",
			`$YACI_BRNCH is not expanded; only variables that YACI sets are, such as $YACI_BRANCH. Did you mean "YACI_BRANCH"?`,
		},
		"of GitLab": {
			"image: a\nconcurrency: {group: 'x-${CI_COMMIT_REF_NAME}'}\nsteps: [x]\n",
			"$CI_COMMIT_REF_NAME is not expanded",
		},
		"a function": {
			"image: a\nenv: {A: \"${{ format('{0}', github.sha) }}\"}\nsteps: [x]\n",
			"${{ format('{0}', github.sha) }} cannot be expanded",
		},
		"one brace": {
			"image: a\nmatrix: {go: ['1']}\nenv: {A: '${{ matrix.go }'}\nsteps: [x]\n",
			"${{ matrix.go } cannot be expanded. Write ${{ matrix.NAME }}, with two closing braces",
		},
	} {
		_, err := pipeline.Parse([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
	}
	for _, text := range []string{
		"image: a\nsteps: [\"awk '{ print ${{1}} }'\", \"helm template '${{ .Values.x }}'\"]\n",
		"image: a\nconcurrency: {group: 'x-$YACI_BRANCH-${YACI_PR_NUMBER}-$GITHUB_REF', limit: 2}\nsteps: [x]\n",
	} {
		if _, err := pipeline.Parse([]byte(text)); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

// TestC11MatrixVariables holds that the file's own variables go before those of its matrix.
func TestC11MatrixVariables(t *testing.T) {
	file, err := pipeline.Parse(
		[]byte("image: a\nmatrix: {go: [\"1\\n2\"]}\nenv: {MATRIX_GO: top}\nsteps: [x, {run: y, env: {MATRIX_GO: step}}]\n"),
	)
	if err != nil {
		t.Fatal(err)
	}
	job := file.Jobs[0]
	if got := job.Steps[0].Env["MATRIX_GO"] + " " + job.Steps[1].Env["MATRIX_GO"]; got != "top step" {
		t.Errorf("%q", got)
	}
	if job.Title() != "1 2" { // a title is one line of a status
		t.Errorf("title %q", job.Title())
	}
}
