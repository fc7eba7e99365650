package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// refs are the names below refs/ of a clone.
func (o *origin) refs(dir string) []string {
	o.t.Helper()
	return strings.Fields(o.run(dir, "for-each-ref", "--format=%(refname:lstrip=1)"))
}

// TestC2Refs: which tags and branches a clone has.
func TestC2Refs(t *testing.T) {
	o := newOrigin(t)
	first := o.commit("a", "1\n")
	o.run(o.work, "tag", "v0.9")
	o.commit("b", "2\n")
	o.run(o.work, "tag", "-a", "-m", "One", "v1.0")
	tagged := o.run(o.work, "rev-parse", "HEAD")
	base := o.commit("c", "3\n")
	o.run(o.work, "checkout", "-q", "-b", "topic/x")
	topic := o.commit("d", "4\n")
	o.run(o.work, "checkout", "-q", "main")
	o.commit("e", "5\n")

	pull := func(env map[string]string) map[string]string {
		env["YACI_CLONE_SHA"], env["YACI_CLONE_BASE"], env["YACI_CLONE_BASE_SHA"] = topic, "main", base
		return env
	}
	all := []string{"remotes/origin/HEAD", "remotes/origin/main", "remotes/origin/topic/x", "tags/v0.9", "tags/v1.0"}
	for _, c := range []struct {
		name     string
		env      map[string]string
		refs     []string
		describe string // git describe --tags; empty: there is no name
		commits  string
	}{
		{"shallow push", map[string]string{"YACI_CLONE_SHA": base}, nil, "", "1"},
		{"a tag", map[string]string{"YACI_CLONE_SHA": tagged, "YACI_CLONE_TAG": "v1.0"}, []string{"tags/v1.0"}, "v1.0", "1"},
		{"a tag with depth 0", map[string]string{"YACI_CLONE_SHA": tagged, "YACI_CLONE_TAG": "v1.0", "YACI_CLONE_DEPTH": "0"}, all, "v1.0", "2"},
		{"a push with depth 0", map[string]string{"YACI_CLONE_SHA": base, "YACI_CLONE_DEPTH": "0"}, all, "v1.0-1-g" + base[:7], "3"},
		{"tags", map[string]string{"YACI_CLONE_SHA": tagged, "YACI_CLONE_TAGS": "true"}, []string{"tags/v0.9", "tags/v1.0"}, "v1.0", "1"},
		{"tags with depth 2", map[string]string{"YACI_CLONE_SHA": base, "YACI_CLONE_TAGS": "true", "YACI_CLONE_DEPTH": "2"},
			[]string{"remotes/origin/HEAD", "remotes/origin/main", "tags/v0.9", "tags/v1.0"}, "v1.0-1-g" + base[:7], "3"},
		{"a shallow pull request", pull(map[string]string{}), nil, "", "1"},
		{"a pull request with depth 2", pull(map[string]string{"YACI_CLONE_DEPTH": "2"}),
			[]string{"remotes/origin/HEAD", "remotes/origin/main"}, "", "3"},
		{"a pull request with depth 0", pull(map[string]string{"YACI_CLONE_DEPTH": "0"}), all, "v1.0-2-g" + topic[:7], "4"},
		{"a pull request that is merged", pull(map[string]string{"YACI_CLONE_MERGE": base}),
			[]string{"remotes/origin/HEAD", "remotes/origin/main"}, "", "4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, err := o.cloned(c.env)
			if err != nil {
				t.Fatal(err)
			}
			if got := o.refs(dir); !slices.Equal(got, c.refs) {
				t.Errorf("refs %q, want %q", got, c.refs)
			}
			cmd := exec.Command("git", "describe", "--tags")
			cmd.Dir = dir
			if out, _ := cmd.Output(); strings.TrimSpace(string(out)) != c.describe {
				t.Errorf("git describe --tags: %q, want %q", out, c.describe)
			}
			if got := o.run(dir, "rev-list", "--count", "HEAD"); got != c.commits {
				t.Errorf("%s commits, want %s", got, c.commits)
			}
			if len(o.notes) > 0 {
				t.Errorf("notes %q", o.notes)
			}
			if slices.Contains(c.refs, "remotes/origin/HEAD") {
				if got := o.run(dir, "symbolic-ref", "refs/remotes/origin/HEAD"); got != "refs/remotes/origin/main" {
					t.Errorf("origin/HEAD is %q", got)
				}
			}
			if c.env["YACI_CLONE_BASE"] != "" && len(c.refs) > 0 && c.env["YACI_CLONE_MERGE"] == "" {
				if got := o.run(dir, "diff", "--name-only", "origin/main...HEAD"); got != "d" {
					t.Errorf("changes since origin/main: %q", got)
				}
			}
			o.run(dir, "fetch", "--quiet", "--tags") // a step can, in a public repository
			o.run(dir, "rev-parse", "--verify", "v0.9^{commit}")
		})
	}

	o.run(o.work, "tag", "-f", "-a", "-m", "Moved", "v1.0", first)
	for name, tag := range map[string]string{"moved": "v1.0", "deleted": "v3"} {
		for _, depth := range []string{"1", "0"} {
			dir, err := o.cloned(map[string]string{"YACI_CLONE_SHA": tagged, "YACI_CLONE_TAG": tag, "YACI_CLONE_DEPTH": depth})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got := o.run(dir, "rev-parse", tag+"^{commit}")
			if got != tagged || len(o.notes) == 0 {
				t.Errorf("a tag that was %s names %.7s, not the commit of the run; notes %q", name, got, o.notes)
			}
		}
	}
}

// Names of refs are data, however they are written.
func TestC2HostileNames(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit("a", "1\n")
	for i, name := range []string{"--upload-pack=touch x", "-x", "a b", "a:b", "a..b", "a\nb", "+a", "a*", "../x", "a.lock", "a/", "@{x", "/a", "a//b", ".a", "a~1", "a^{}", `a\b`, "a?", "a[b", "a.", "$(touch x)"} {
		ok := exec.Command("git", "check-ref-format", "refs/tags/"+name).Run() == nil
		if isRefName(name) != ok {
			t.Errorf("isRefName(%q) = %v; git says %v", name, !ok, ok)
		}
		key := []string{"YACI_CLONE_TAG", "YACI_CLONE_BASE"}[i%2]
		env := map[string]string{"YACI_CLONE_SHA": sha, key: name, "YACI_CLONE_DEPTH": "2", "YACI_CLONE_BASE_SHA": sha}
		dir, err := o.cloned(env)
		if (err == nil) != ok {
			t.Errorf("%s=%q: %v", key, name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "x")); err == nil {
			t.Errorf("%s=%q ran a command", key, name)
		}
	}
	hostile := []string{"-x", "--upload-pack=touch${IFS}x", "$(id)", ";id", "ünïcode", strings.Repeat("long", 50)}
	for _, name := range hostile {
		o.run(o.work, "update-ref", "refs/tags/"+name, sha)
		o.run(o.work, "update-ref", "refs/heads/"+name, sha)
	}
	for _, name := range hostile {
		dir, err := o.cloned(map[string]string{"YACI_CLONE_SHA": sha, "YACI_CLONE_TAG": name, "YACI_CLONE_DEPTH": "0"})
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		got := o.run(dir, "rev-parse", "refs/tags/"+name)
		if got != sha || len(o.notes) > 0 {
			t.Errorf("%q: %s, notes %q", name, got, o.notes)
		}
	}
}
