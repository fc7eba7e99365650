package pipeline_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/yaci-ci/yaci/pipeline"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func input() pipeline.Input {
	return pipeline.Input{
		RunID: "k3x9v2m7qa", RunURL: "https://ci.example.com/ada/hello/runs/7", JobName: "yaci-k3x9v2m7qa-1", Attempt: 1,
		Repo: "ada/hello", CloneURL: "https://github.com/ada/hello.git", SHA: strings.Repeat("9c2", 13) + "9",
		Ref: "refs/heads/main", Branch: "main", Event: "push", Actor: "ada",
	}
}

func operator() pipeline.Operator {
	return pipeline.Operator{
		Image: "ghcr.io/yaci-ci/yaci:1", ServiceAccount: "default", TimeoutSeconds: 3600, TTLSeconds: 3600,
		CPURequest: "250m", MemoryRequest: "256Mi", MemoryLimit: "4Gi", DiskLimit: "10Gi", GraceSeconds: 10,
	}
}

// TestGolden compares each testdata/pipeline/<case>/.yaci.yml with the Job or the problems beside it.
func TestGolden(t *testing.T) {
	cases, err := filepath.Glob("../testdata/pipeline/*/.yaci.yml")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range cases {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			file, err := pipeline.Parse(data)
			if err != nil {
				golden(t, filepath.Join(dir, "error.golden.txt"), err.Error()+"\n")
				return
			}
			c, err := pipeline.Compile(file, input(), operator())
			if err != nil {
				t.Fatal(err)
			}
			job, err := yaml.Marshal(map[string]any{"job": c.Job, "files": c.Files})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join(dir, "job.golden.yaml"), string(job))
		})
	}
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

// TestHostile: what is not a pipeline is refused, soon.
func TestHostile(t *testing.T) {
	bomb := "x-a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'i'; c++ {
		p := string(c - 1)
		bomb += "x-" + string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+p+",", 8) + "*" + p + "]\n"
	}
	for name, text := range map[string]string{
		"alias bomb": bomb + "image: a\nsteps: *i\n", "deep flow": "steps: " + strings.Repeat("[", 100_000),
		"deep flow over lines": strings.Repeat("[[[[[\n", 20_000),
		"deep block":           strings.Repeat("- ", 50_000) + "x", "huge": strings.Repeat("#", pipeline.MaxFileBytes+1),
		"utf-16": "\xff\xfei\x00m\x00", "nul": "image: \"a\\0\"\nsteps: [x]\n", "tab": "steps:\n\t- x\n",
		"merge loop": "a: &a\n  <<: *a\n", "two documents": "image: a\nsteps: [x]\n---\nb: 1\n", "only a comment": "# hi\n",
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if _, err := pipeline.Parse([]byte(text)); err == nil {
				t.Error("accepted")
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

// FuzzParse: every input is a file that compiles, or problems with positions.
func FuzzParse(f *testing.F) {
	cases, _ := filepath.Glob("../testdata/pipeline/*/.yaci.yml")
	for _, path := range cases {
		data, _ := os.ReadFile(path)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := pipeline.Parse(data)
		if err != nil {
			ps, ok := err.(pipeline.Problems)
			if !ok || len(ps) == 0 || ps[0].Line < 1 || ps[0].Column < 1 {
				t.Fatalf("error without a position: %#v", err)
			}
			return
		}
		if _, err := pipeline.Compile(file, input(), operator()); err != nil {
			t.Fatal(err)
		}
	})
}
