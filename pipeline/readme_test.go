package pipeline_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/yaci-ci/yaci/pipeline"
)

// What README shows can be copied and works.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(examples) != 3 {
		t.Fatalf("%d examples, want 3", len(examples))
	}
	for _, e := range examples {
		file, err := pipeline.Parse(e[1])
		if err != nil {
			t.Errorf("%v\n%s", err, e[1])
			continue
		}
		in := input()
		in.PathsKnown = false
		if compiled, err := pipeline.Compile(file, in, operator()); err != nil || len(compiled) == 0 {
			t.Errorf("%d jobs, %v\n%s", len(compiled), err, e[1])
		}
	}
}
