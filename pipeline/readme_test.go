package pipeline_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/yaci-ci/yaci/pipeline"
)

// TestReadme compiles the complete files that the documentation shows.
func TestReadme(t *testing.T) {
	shown := map[string]struct {
		pattern string
		count   int
	}{
		"../README.md":   {"(?s)```yaml\n(.*?)```", 1},
		"REFERENCE.md":   {"(?s)```yaml\n((?:# yaml-language-server|image: golang:1.26\njobs:\n  lint: { steps: .make lint. }\n  test: { steps).*?)```", 2},
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
