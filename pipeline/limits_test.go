package pipeline_test

import (
	"errors"
	"fmt"
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
	in.Event = "pull_request"
	in.PRAction = "opened"
	in.PRBase = "main"
	in.Paths, in.PathsKnown = hostile.Paths(), true
	for name, text := range corpus {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		shown, size := meet([]byte(text), in)
		runtime.ReadMemStats(&after)
		most := uint64(light)
		file, err := pipeline.Parse([]byte(text))
		if shown == "" && err == nil && file.JobBytes() >= 1<<20 {
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
	in.Event = "pull_request"
	in.PRAction = "opened"
	in.PRBase = "main"
	in.Paths, in.PathsKnown = hostile.Paths(), true
	for name, want := range map[string]string{
		"matrix: 1000 bytes, many cells, image": ":1:8: the expanded values of the matrix have more than 4194304 bytes",
		"cells: 50 jobs of 50":                  ":3:3: there are 2500 jobs; at most 50 are allowed",
		"cells: with env":                       "the 50 jobs of the file need about 535184000 bytes",
		"cells: many axes":                      "the matrix has 300 variables; at most 50 are allowed",
		"exclude: many":                         "exclude has 5000 combinations; at most 200 are allowed",
		"include: wide":                         "a combination has 3000 variables; at most 50 are allowed",
		"words: aliases":                        "run has more than 65536 bytes",
		"lists: of exit codes":                  "on_exit has 15001 values; at most 200 are allowed",
		"patterns: many":                        "the file has more than 2000 patterns. Use fewer, more general ones",
		"patterns: stars": ":1:5: matching the patterns of on.pull_request.paths (1001 of them) and " +
			"those before against 3000 changed paths",
		"patterns: alternatives":           "Write several patterns of at most 500 bytes and 64 alternatives",
		"env: of many jobs":                ":4904:3: there are 4900 jobs; at most 50 are allowed",
		"scripts: aliases in jobs, titles": ":2:6: more than 16777216 bytes of text after aliases are expanded",
		"working_directory: of cells":      "working_directory has 160000 bytes; at most 1000 are allowed",
		"amounts: exponents":               `:3:30: cpu "1e9999999" is not a quantity. Write for example 500m, 2 or 512Mi`,
		"amounts: largest":                 `:2:18: cpu "9E" is more than any node has; at most 100k is allowed`,
		"problems: tags":                   "and at least 150 more problems. The rest of the file was not read",
		"problems: in each cell":           `image "-0x" is not the name of an image`,
	} {
		if shown, _ := meet([]byte(corpus[name]), in); !strings.Contains(shown, want) {
			t.Errorf("%s: %.400s\nwant %s", name, shown, want)
		}
	}
	const twice = "image: a\nmatrix: {a: ['1', '1']}\nsteps: [x]\n"
	if shown, _ := meet([]byte(twice), in); !strings.Contains(
		shown,
		`:2:9: two combinations of the matrix have the same name "1"`,
	) {
		t.Error(shown)
	}
}

// TestS1Amounts holds that the sums of what a file may ask for fit into the integers that they are counted in, and that
// amounts which no container can start with are refused.
func TestS1Amounts(t *testing.T) {
	var text strings.Builder
	text.WriteString("image: a\nresources: {cpu: 100k, memory: 1Pi, disk: 1Pi}\nsteps:\n")
	for i := range pipeline.MaxSteps {
		fmt.Fprintf(&text, "- {name: s%d, run: x, needs: []}\n", i)
	}
	file, err := pipeline.Parse([]byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	op := operator()
	op.MaxCPU = ""
	op.MaxMemory = ""
	op.MaxDisk = ""
	jobs, err := pipeline.Compile(file, input(), op)
	if err != nil {
		t.Fatal(err)
	}
	cpu, memory := jobs[0].Requests()
	if cpu != 100*100_000_000 || memory != 100<<50 || jobs[0].Disk() != 1<<50 {
		t.Errorf("%d thousandths of a core, %d bytes of memory, %d of disk", cpu, memory, jobs[0].Disk())
	}
	for resources, want := range map[string]string{
		"{memory: 512}":  `memory "512" is less than 1Mi, which is too little for any container. Add a unit, for example 512Mi or 10Gi`,
		"{memory: 512m}": `memory "512m" is less than 1Mi`,
		"{disk: 10}":     `disk "10" is less than 1Mi`,
		"{memory: 2Pi}":  `memory "2Pi" is more than any node has; at most 1Pi is allowed`,
		"{cpu: 1u}":      `cpu "1u" is less than 1m, a thousandth of a core`,
		"{cpu: 1e999}":   `cpu "1e999" is not a quantity`,
		"{cpu: -1}":      `cpu "-1" is not a quantity`,
		"{memory: '0'}":  `memory "0" is not a quantity`,
		"{memory: '000000000000000000000000001'}": `is not a quantity`,
	} {
		_, err := pipeline.Parse([]byte("image: a\nsteps: [{run: x, resources: " + resources + "}]\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", resources, err, want)
		}
	}
	for _, resources := range []string{"{cpu: 0.5, memory: 1e9}", "{cpu: 100m, memory: 1.5Gi, disk: 20G}", "{memory: 128974848}"} {
		if _, err := pipeline.Parse([]byte("image: a\nresources: " + resources + "\nsteps: [x]\n")); err != nil {
			t.Errorf("%s: %v", resources, err)
		}
	}
}
