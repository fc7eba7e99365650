package pipeline_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/yaci-ci/yaci/pipeline"
)

// FuzzParse: every input is a file that compiles, or problems with positions.
func FuzzParse(f *testing.F) {
	cases, _ := filepath.Glob("../testdata/pipeline/*/.yaci.yml")
	for _, path := range cases {
		data, _ := os.ReadFile(path)
		f.Add(data)
	}
	for _, text := range []string{
		"image: a\nsteps: [! x]\n", "image: a\nsteps:\n- &a !!str x\n- *a\n", "!<a> image: a\nsteps: [\"\\b\"]\n",
		"image: a\nsteps:\n- |2-\n    [[\n   {\n- >\n x\n", "a: &b\n # c\n !\n", "? ! a\n: ! b\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := pipeline.Parse(data)
		if err != nil {
			var ps pipeline.Problems
			if !errors.As(err, &ps) || len(ps) == 0 || ps[0].Line < 1 || ps[0].Column < 1 {
				t.Fatalf("error without a position: %#v", err)
			}
			return
		}
		var doc yaml.Node
		if yaml.Unmarshal(data, &doc) == nil && tagged(&doc) {
			t.Fatal("a file with a tag is accepted")
		}
		compiles(t, file, input())
	})
}

func tagged(n *yaml.Node) bool {
	return n.Style&yaml.TaggedStyle != 0 || slices.ContainsFunc(n.Content, tagged)
}

// FuzzCompile: nothing that an event says breaks the rules of the pod.
func FuzzCompile(f *testing.F) {
	for _, branch := range []string{"main", `zzz";echo${IFS}"hello";#`, "--upload-pack=x", "a\nb", "$(HOME)", "release/1"} {
		f.Add(branch, "push", "ada", "cmd/main.go", "env: {A: '$(B)'}\nsteps: [make]\n")
	}
	f.Add(
		"topic",
		"pull_request",
		"eve",
		"a.go",
		"clone: {merge: true}\nsteps:\n  - {run: x, when: {branch: 'r*', paths: '**/*.go'}}\n",
	)
	f.Fuzz(func(t *testing.T, branch, event, actor, path, text string) {
		file, err := pipeline.Parse([]byte("image: a\n" + text))
		if err != nil {
			return
		}
		in := input()
		in.Branch = branch
		in.Ref = "refs/heads/" + branch
		in.Event = event
		in.Actor = actor
		in.PRBase = branch
		in.Tag = branch
		in.Paths = []string{path}
		compiles(t, file, in)
	})
}

// FuzzNames: any two steps get different names that Kubernetes takes.
func FuzzNames(f *testing.F) {
	for _, pair := range [][2]string{{"clone", "Clone"}, {"🚀", "🎉"}, {"a b", "a-b"}, {strings.Repeat("x", 300), strings.Repeat("x", 299) + "y"}, {"", "-"}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		file, err := pipeline.OneCommand("a", "true")
		if err != nil {
			t.Fatal(err)
		}
		step := *file.Jobs[0].Steps[0]
		file.Jobs[0].Steps[0].Name, step.Name = one, two
		file.Jobs[0].Steps = append(file.Jobs[0].Steps, &step)
		file.Jobs[0].Services = []*pipeline.Service{{Name: one, Image: "a"}, {Name: two, Image: "a"}}
		for _, c := range compiles(t, file, input()) {
			if c.Steps[0].Name != one || c.Steps[1].Name != two {
				t.Errorf("shown as %q, %q", c.Steps[0], c.Steps[1])
			}
		}
	})
}

func compiles(t *testing.T, file *pipeline.File, in pipeline.Input) []*pipeline.Compiled {
	t.Helper()
	jobs, err := pipeline.Compile(file, in, operator())
	var problems pipeline.Problems
	if err != nil && !errors.As(err, &problems) {
		t.Fatal(err)
	}
	for _, c := range jobs {
		if broken := brokenRule(c.Job); broken != "" {
			t.Fatal(broken)
		}
	}
	return jobs
}
