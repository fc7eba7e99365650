package exec

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/pipeline"
)

// TestC17EnvironmentOfAPush: the steps of yaci exec get the variables of a push of the checked-out branch.
func TestC17EnvironmentOfAPush(t *testing.T) {
	const sha = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
	file, err := pipeline.Parse([]byte("image: alpine\nsteps: [env]\n"))
	if err != nil {
		t.Fatal(err)
	}
	for branch, ref := range map[string]string{"topic": "refs/heads/topic", "": sha} {
		in := compileInput("abc", &Snapshot{Commit: sha, Branch: branch, Repo: "ada/hello"})
		jobs, err := pipeline.Compile(file, in, pipeline.Operator{
			Image:          "yaci",
			ServiceAccount: "default",
			TimeoutSeconds: 60,
			TTLSeconds:     60,
			CPURequest:     "1",
			MemoryRequest:  "1Mi",
			MemoryLimit:    "1Mi",
			DiskLimit:      "1Mi",
		})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, v := range jobs[0].Job.Spec.Template.Spec.Containers[0].Env {
			got[v.Name] = v.Value
		}
		for name, want := range map[string]string{
			"YACI_SHA":          sha,
			"YACI_REF":          ref,
			"YACI_BRANCH":       branch,
			"YACI_REPO":         "ada/hello",
			"YACI_EVENT":        "push",
			"GITHUB_SHA":        sha,
			"GITHUB_REF":        ref,
			"GITHUB_REPOSITORY": "ada/hello",
			"CI":                "true",
		} {
			if got[name] != want {
				t.Errorf("branch %q: %s is %q, want %q", branch, name, got[name], want)
			}
		}
		if jobs[0].Job.Name == string(ci.JobNameOf("abc", 1)) {
			t.Errorf("the Job has a server's name: %s", jobs[0].Job.Name)
		}
	}
}

func TestC17RepositoryOfTheOrigin(t *testing.T) {
	for origin, want := range map[string]string{
		"https://github.com/ada/hello.git":               "ada/hello",
		"https://token@github.com/ada/hello":             "ada/hello",
		"git@github.com:ada/hello.git":                   "ada/hello",
		"ssh://git@ghe.example.com:2222/ada/he.llo.git/": "ada/he.llo",
		"":  "local/project",
		"x": "local/project",
	} {
		if got := repoName(origin, "/home/ada/project"); got != want {
			t.Errorf("%q: %q, want %q", origin, got, want)
		}
	}
	dir := t.TempDir()
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"},
		{"remote", "add", "origin", "git@github.com:ada/hello.git"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatal(string(out))
		}
	}
	s, err := TakeSnapshot(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Repo != "ada/hello" || s.Ref() != "refs/heads/main" || strings.TrimSpace(s.Commit) == "" {
		t.Errorf("%+v", s)
	}
}
