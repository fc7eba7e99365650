package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// TestFastSteps: of 1,000 steps that end as soon as they begin, each keeps its
// log, and the log says that it is complete. It is a part of make soak.
func TestFastSteps(t *testing.T) {
	if os.Getenv("YACI_SOAK") == "" {
		t.Skip("make soak runs it")
	}
	const jobs, steps = 20, 50
	w := newWorld(t)
	r := w.repo("fast", false)
	var yaml strings.Builder
	yaml.WriteString("image: IMAGE\nquiet: true\nmatrix: {n: [")
	for n := range jobs {
		fmt.Fprintf(&yaml, "'%d', ", n)
	}
	yaml.WriteString("]}\nsteps:\n")
	for n := range steps {
		if n%2 == 0 {
			fmt.Fprintf(&yaml, "  - {name: s%d, run: echo %d}\n", n, n)
		} else {
			fmt.Fprintf(&yaml, "  - {name: s%d, run: 'true'}\n", n)
		}
	}
	begun := time.Now()
	sha := w.push(r, yaml.String())
	st := must(r.WaitStatus(citesttest.Context(t, 15*time.Minute), sha, "yaci", citest.Finished))(t)
	if st.State != "success" {
		t.Fatalf("%s: %s", st.State, st.Description)
	}
	t.Logf("%d steps in %s", jobs*steps, time.Since(begun).Round(time.Second))
	launched := regexp.MustCompile(`msg="launched job" run=(\w+) job=(\S+)`).FindAllStringSubmatch(w.log.String(), -1)
	if len(launched) != jobs {
		t.Fatalf("%d jobs were launched", len(launched))
	}
	for _, job := range launched {
		for n := range steps {
			want := ""
			if n%2 == 0 {
				want = fmt.Sprintln(n)
			}
			if got := string(must(io.ReadAll(w.jobLog(job[1], job[2], n+1, "follow=1").Body))(t)); got != want {
				t.Errorf("%s, step %d: %q, want %q", job[2], n+1, got, want)
			}
		}
	}
}
