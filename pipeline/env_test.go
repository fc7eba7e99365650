package pipeline_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/pipeline"
)

// variables are those of the step of a file with one step, as Kubernetes hands them on.
func variables(t *testing.T, text string) map[string]string {
	t.Helper()
	file, err := pipeline.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := pipeline.Compile(file, input(), operator())
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, c := range steps(jobs[0]) {
		for _, v := range c.Env {
			env[v.Name] = v.Value
		}
	}
	return env
}

// steps are the containers of a job's steps.
func steps(c *pipeline.Compiled) (list []corev1.Container) {
	for _, one := range c.Job.Spec.Template.Spec.Containers {
		for _, s := range c.Steps {
			if s.Container == one.Name {
				list = append(list, one)
			}
		}
	}
	return list
}

// TestC11 holds that what a file says wins over the variables that YACI sets besides, and that its own stay.
func TestC11(t *testing.T) {
	for name, c := range map[string]struct {
		env  string
		want map[string]string
	}{
		"nothing": {"{A: b}", map[string]string{"A": "b", "CI": "true", "YACI": "true", "YACI_BRANCH": "main", "GITHUB_REF": "refs/heads/main",
			"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}},
		"CI": {"{CI: 'false'}", map[string]string{"CI": "false", "YACI": "true"}},
		"GitHub": {
			"{GITHUB_SHA: mine, GITHUB_TOKEN: x}",
			map[string]string{"GITHUB_SHA": "mine", "GITHUB_TOKEN": "x", "GITHUB_REPOSITORY": "ada/hello"},
		},
		"git": {"{GIT_CONFIG_COUNT: '2', GIT_CONFIG_KEY_0: user.name, GIT_CONFIG_VALUE_0: x, GIT_CONFIG_KEY_1: a.b, " +
			"GIT_CONFIG_VALUE_1: y}",
			map[string]string{"GIT_CONFIG_COUNT": "3", "GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "x", "GIT_CONFIG_KEY_1": "a.b",
				"GIT_CONFIG_VALUE_1": "y", "GIT_CONFIG_KEY_2": "safe.directory", "GIT_CONFIG_VALUE_2": "*"}},
		"git without a count": {"{GIT_CONFIG_KEY_0: user.name, GIT_CONFIG_VALUE_0: x}",
			map[string]string{"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "x", "GIT_CONFIG_KEY_1": "safe.directory"}},
		"git's wrong count": {"{GIT_CONFIG_COUNT: many}", map[string]string{"GIT_CONFIG_COUNT": "many"}},
	} {
		for where, text := range map[string]string{
			"of the file": "image: a\nenv: " + c.env + "\nsteps: [x]\n",
			"of a job":    "image: a\nenv: {CI: other}\njobs: {j: {env: " + c.env + ", steps: [x]}}\n",
			"of a step":   "image: a\nsteps: [{run: x, env: " + c.env + "}]\n",
		} {
			got := variables(t, text)
			for k, want := range c.want {
				if got[k] != want && (k != "CI" || where != "of a job") {
					t.Errorf("%s %s: %s=%q, want %q", name, where, k, got[k], want)
				}
			}
		}
	}
	if _, err := pipeline.Parse([]byte("image: a\nenv: {YACI_SHA: x}\nsteps: [x]\n")); err == nil {
		t.Error("YACI's own names are accepted")
	}
}

// TestS11RunnerEnvironment holds that no variable that a file sets for a step reaches
// the Go runtime of yaci-step, whose container it is.
func TestS11RunnerEnvironment(t *testing.T) {
	file, err := pipeline.Parse([]byte("image: golang:1.26\nenv: {GOMEMLIMIT: 64MiB, GOGC: 'off'}\n" +
		"steps: [{run: go test, env: {GODEBUG: gctrace=1, GOMAXPROCS: '1', GOFLAGS: -v}, secrets: [GOTRACEBACK]}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	in := pipeline.Input{
		RunID:   "r",
		JobName: "r",
		Event:   "api",
		Secrets: map[string]pipeline.SecretRef{"GOTRACEBACK": {Name: "s", Key: "k"}},
	}
	jobs, err := pipeline.Compile(file, in, operator())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, v := range jobs[0].Job.Spec.Template.Spec.Containers[0].Env {
		got[v.Name] = true
	}
	for _, name := range []string{"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK"} {
		if got[name] || !got["YACI_PASS_"+name] {
			t.Errorf("%s is not passed under another name", name)
		}
	}
	if !got["GOFLAGS"] || got["YACI_PASS_GOFLAGS"] {
		t.Error("GOFLAGS is not what the file says")
	}
}
