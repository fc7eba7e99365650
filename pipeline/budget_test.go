package pipeline_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/citest/hostile"
	"github.com/yaci-ci/yaci/pipeline"
)

// TestS1Budgets holds what each file of the hostile corpus can make the server
// produce, from the first byte to the text of the problems. All allocations count,
// those too that are garbage soon, so the figure does not depend on the collector.
func TestS1Budgets(t *testing.T) {
	const light, heavy = 32 << 20, 192 << 20 // an accepted file may have 50 jobs of 100 steps
	corpus := hostile.Corpus()
	if len(corpus) < 60 {
		t.Fatalf("%d files", len(corpus))
	}
	in := input()
	in.Event, in.PRAction, in.PRBase = "pull_request", "opened", "main"
	in.Paths, in.PathsKnown = hostile.Paths(), true
	for name, text := range corpus {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		shown, size := meet([]byte(text), in)
		runtime.ReadMemStats(&after)
		most := uint64(light)
		if file, err := pipeline.Parse([]byte(text)); shown == "" && err == nil && file.JobBytes() >= 1<<20 {
			most = heavy // internal/flow compiles one of these at a time
		}
		if made := after.TotalAlloc - before.TotalAlloc; made > most {
			t.Errorf("%s: %d MiB were allocated, want at most %d", name, made>>20, most>>20)
		}
		if size > 2*pipeline.MaxRunBytes {
			t.Errorf("%s: the jobs have %d bytes", name, size)
		}
		if len(shown) > 51*(300+40) {
			t.Errorf("%s: the problems have %d bytes", name, len(shown))
		}
		t.Logf("%-50s %4d MiB, %8d bytes of jobs: %.150s", name, (after.TotalAlloc-before.TotalAlloc)>>20, size, shown)
	}
}

// meet takes a file to its jobs, and returns its problems and the size of the jobs.
func meet(data []byte, in pipeline.Input) (shown string, size int) {
	file, err := pipeline.Parse(data)
	if err != nil {
		return err.Error(), 0
	}
	if s := file.Select(in); len(s.Problems) > 0 {
		return s.Problems.Error(), 0
	}
	jobs, err := pipeline.Compile(file, in, operator())
	var problems pipeline.Problems
	if errors.As(err, &problems) {
		return problems.Error(), 0
	}
	for _, j := range jobs {
		n, err := j.Job.Marshal()
		if err != nil {
			return err.Error(), 0
		}
		size += len(n)
		for _, f := range j.Files {
			size += len(f)
		}
	}
	return "", size
}

// TestS1Limits holds the sentence and the place of each budget.
func TestS1Limits(t *testing.T) {
	corpus := hostile.Corpus()
	in := input()
	in.Event, in.PRAction, in.PRBase = "pull_request", "opened", "main"
	in.Paths, in.PathsKnown = hostile.Paths(), true
	for name, want := range map[string]string{
		"matrix: 1000 bytes, many cells, image": ":1:8: the values of the matrix, filled in, come to more than 4194304 bytes",
		"cells: 50 jobs of 50":                  ":3:3: there are 2500 jobs; at most 50 are allowed",
		"cells: with env":                       "the 50 jobs of the file come to about 535184000 bytes with their scripts and variables; at most 16777216 are allowed",
		"cells: many axes":                      "the matrix has 300 variables; at most 50 are allowed",
		"exclude: many":                         "exclude has 5000 combinations; at most 200 are allowed",
		"include: wide":                         "a combination has 3000 variables; at most 50 are allowed",
		"words: aliases":                        "run has more than 65536 bytes",
		"lists: of exit codes":                  "on_exit has 15001 values; at most 200 are allowed",
		"patterns: many":                        "the file has more than 2000 patterns; use fewer, or wider ones",
		"patterns: stars":                       ":1:5: comparing the patterns of on.pull_request.paths (1001 of them) and those before with 3000 changed paths",
		"patterns: alternatives":                "at most 500 bytes and 64 alternatives are allowed: write several patterns",
		"problems: tags":                        "and at least 150 more problems; the rest of the file was not read",
		"problems: in each cell":                `image "-0x" is not the name of an image`,
	} {
		if shown, _ := meet([]byte(corpus[name]), in); !strings.Contains(shown, want) {
			t.Errorf("%s: %.400s\nwant %s", name, shown, want)
		}
	}
	const twice = "image: a\nmatrix: {a: ['1', '1']}\nsteps: [x]\n"
	if shown, _ := meet([]byte(twice), in); !strings.Contains(shown, `:2:9: two combinations of the matrix are shown as "1"`) {
		t.Error(shown)
	}
}
