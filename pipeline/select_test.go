package pipeline_test

import (
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/runner"
	"github.com/yaci-ci/yaci/pipeline"
)

func TestPick(t *testing.T) {
	const text = `
jobs:
  test:
    image: alpine
    matrix: {GO: ["1.25", "1.26"], OS: [a, b]}
    steps: [{name: build, run: make}, {name: test, run: make test}, {name: lint, run: make lint, needs: [build]}]
  ship:
    needs: [test]
    image: alpine
    steps: [{name: ship, run: make ship}]
`
	for name, c := range map[string]struct {
		steps  []string
		values map[string]string
		want   string // jobs and their steps, or the error
	}{
		"nothing":         {nil, nil, "5 jobs"},
		"a cell":          {nil, map[string]string{"GO": "1.26", "OS": "b"}, "test (1.26, b): build test lint"},
		"a step":          {[]string{"ship"}, nil, "ship: ship"},
		"a step of cells": {[]string{"lint"}, map[string]string{"GO": "1.25", "OS": "a"}, "test (1.25, a): lint"},
		"no such step":    {[]string{"shop"}, nil, `the file has no step "shop"; it has: build, test, lint, ship`},
		"no such value":   {nil, map[string]string{"GO": "2"}, `GO has no value "2" in the file's matrix; it has 1.25, 1.26`},
		"no such name":    {nil, map[string]string{"RUST": "2"}, "no matrix of the file has a variable RUST"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := pipeline.Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := f.FilterSteps(c.steps, c.values); err != nil {
				got = err.Error()
			} else if jobs, err := pipeline.Compile(f, pipeline.Input{
				JobName: "j",
				Event:   "push",
				Branch:  "main",
				SHA:     "0",
			}, operator()); err != nil {
				got = err.Error()
			} else if len(jobs) == 5 {
				got = "5 jobs"
			} else {
				for _, j := range jobs {
					got += j.Name + ":"
					for _, s := range j.Steps {
						got += " " + s.Name
					}
				}
			}
			if !strings.Contains(got, c.want) || c.want == "" {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestPackComesOnStandardInput(t *testing.T) {
	f, err := pipeline.Parse([]byte("image: a\nsteps: [x]\n"))
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := pipeline.Compile(f, pipeline.Input{
		JobName: "j",
		Event:   "push",
		SHA:     "abc",
		Pack:    true,
	}, operator())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range jobs[0].Job.Spec.Template.Spec.Containers {
		want := c.Name == runner.CloneContainer
		if c.Stdin != want || c.StdinOnce != want {
			t.Errorf("%s: stdin %v, once %v", c.Name, c.Stdin, c.StdinOnce)
		}
	}
}
