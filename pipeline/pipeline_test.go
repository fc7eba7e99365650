package pipeline_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/yaci-ci/yaci/internal/citest/hostile"
	"github.com/yaci-ci/yaci/pipeline"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func input() pipeline.Input {
	return pipeline.Input{

		RunID:    "k3x9v2m7qa",
		RunURL:   "https://ci.example.com/ada/hello/runs/7",
		JobName:  "yaci-k3x9v2m7qa-1",
		Attempt:  1,
		Repo:     "ada/hello",
		CloneURL: "https://github.com/ada/hello.git",
		SHA:      strings.Repeat("9c2", 13) + "9",
		Ref:      "refs/heads/main",
		Branch:   "main",
		Event:    "push",
		Actor:    "ada",
	}
}

func operator() pipeline.Operator {
	return pipeline.Operator{

		Image:             "ghcr.io/yaci-ci/yaci:1",
		ServiceAccount:    "default",
		TimeoutSeconds:    3600,
		TTLSeconds:        3600,
		CPURequest:        "250m",
		MemoryRequest:     "256Mi",
		MemoryLimit:       "4Gi",
		DiskLimit:         "10Gi",
		GraceSeconds:      10,
		MaxTimeoutSeconds: 6 * 3600,
		MaxCPU:            "8",
		MaxMemory:         "16Gi",
		MaxDisk:           "50Gi",
	}
}

// TestGolden compares each testdata/pipeline/<case>/.yaci.yml, met by event.json
// (fields of Input), with the Jobs, the reason for none, or the problems beside it.
func TestGolden(t *testing.T) {
	cases, err := filepath.Glob("../testdata/pipeline/*/.yaci.yml")
	if err != nil || len(cases) < 60 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	for _, path := range cases {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			kind, text := outcome(t, dir)
			for _, other := range []string{"job.golden.yaml", "skip.golden.txt", "error.golden.txt"} {
				_, err := os.Stat(filepath.Join(dir, other))
				if err == nil && other != kind {
					if !*update {
						t.Errorf("%s is there, and the outcome is now %s", other, kind)
					} else if err := os.Remove(filepath.Join(dir, other)); err != nil {
						t.Fatal(err)
					}
				}
			}
			golden(t, filepath.Join(dir, kind), text)
		})
	}
}

// outcome is what a case leads to, and the name of its golden file.
func outcome(t *testing.T, dir string) (kind, text string) {
	t.Helper()
	file, in := load(t, dir)
	if file == nil {
		return "error.golden.txt", in.Ref
	}
	jobs, err := pipeline.Compile(file, in, operator())
	var problems pipeline.Problems
	switch {
	case errors.As(err, &problems):
		return "error.golden.txt", problems.Error() + "\n"
	case err != nil:
		t.Fatal(err)
	case len(jobs) == 0:
		return "skip.golden.txt", file.Select(in).Why + "\n"
	}
	var out []map[string]any
	for _, c := range jobs {
		out = append(
			out,
			map[string]any{"name": c.Name, "needs": c.Needs, "concurrency": c.Concurrency, "files": c.Files, "job": c.Job},
		)
	}
	data, err := yaml.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return "job.golden.yaml", string(data)
}

// load reads a case. A file that does not parse is nil, with its problems in Input.Ref.
func load(t *testing.T, dir string) (*pipeline.File, pipeline.Input) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, ".yaci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	in := input()
	if event, err := os.ReadFile(filepath.Join(dir, "event.json")); err == nil {
		if err := json.Unmarshal(event, &in); err != nil {
			t.Fatal(err)
		}
	}
	file, err := pipeline.Parse(data)
	if err != nil {
		return nil, pipeline.Input{Ref: err.Error() + "\n"}
	}
	return file, in
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; to write it: go test ./pipeline -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s\nif this is meant: go test ./pipeline -update", path, diff)
	}
}

// TestHostile: what is not a pipeline is refused; BenchmarkHostile says how soon.
func TestHostile(t *testing.T) {
	for name, text := range hostile.Shapes() {
		t.Run(name, func(t *testing.T) {
			if _, err := pipeline.Parse([]byte(text)); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// BenchmarkHostile: each must stay under 100 ms and 32 MiB.
func BenchmarkHostile(b *testing.B) {
	for name, text := range hostile.Shapes() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				pipeline.Parse([]byte(text))
			}
		})
	}
}
