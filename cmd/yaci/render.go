package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/pipeline"
)

// event has the flags that describe an event for render and explain.
type event struct {
	File   string   `arg:"" optional:"" default:".yaci.yml" help:"File to read."`
	Event  string   `enum:"push,tag,pull_request,merge_group" default:"push" help:"Event: push, tag, pull_request or merge_group."`
	Branch string   `default:"main" help:"Branch that was pushed, or the head of the pull request."`
	Tag    string   `help:"Tag that was pushed."`
	Base   string   `default:"main" help:"Branch that the pull request would be merged into."`
	PR     int      `name:"pr" default:"1" help:"Number of the pull request."`
	Action string   `default:"opened" help:"Action of the pull request event."`
	Repo   string   `default:"owner/name" help:"Repository."`
	SHA    string   `name:"sha" default:"0000000000000000000000000000000000000000" help:"Commit."`
	Paths  []string `name:"path" sep:"none" help:"A path that the event changed; can be repeated. Without it, the changed paths are unknown, and filters on them match."`
}

// parse reads the file and returns it with the input of the event.
func (e event) parse() (*pipeline.File, pipeline.Input, error) {
	in := pipeline.Input{
		RunID:      "render",
		JobName:    "yaci-render-1",
		Attempt:    1,
		Repo:       e.Repo,
		CloneURL:   "https://github.com/" + e.Repo + ".git",
		SHA:        e.SHA,
		Event:      e.Event,
		Paths:      e.Paths,
		PathsKnown: len(e.Paths) > 0,
	}
	switch e.Event {
	case "push":
		in.Branch = e.Branch
		in.Ref = "refs/heads/" + e.Branch
	case "tag":
		in.Tag = e.Tag
		in.Ref = "refs/tags/" + e.Tag
	case "pull_request":
		in.Branch = e.Branch
		in.PR = e.PR
		in.PRBase = e.Base
		in.PRBaseSHA = e.SHA
		in.PRAction = e.Action
		in.Ref = fmt.Sprintf("refs/pull/%d/head", e.PR)
	case "merge_group":
		in.Branch = e.Branch
		in.PRBase = e.Base
		in.Ref = "refs/heads/" + e.Branch
	}
	data, err := os.ReadFile(e.File)
	if err != nil {
		return nil, in, err
	}
	file, err := pipeline.Parse(data)
	return file, in, err
}

// printProblems prints problems of a file and returns errProblems. It returns any other error unchanged.
func printProblems(path string, err error, out output) error {
	var problems pipeline.Problems
	if !errors.As(err, &problems) {
		return err
	}
	fmt.Fprintln(out.stderr, withPath(path, problems))
	return errProblems
}

// render prints the Jobs that the server would create.
type render struct {
	event
	config.Pods
}

// Run prints the Jobs as YAML.
func (r render) Run(out output) error {
	file, in, err := r.parse()
	if err != nil {
		return printProblems(r.File, err, out)
	}
	in.Secrets = grantAll(file)
	jobs, err := pipeline.Compile(file, in, r.Operator())
	if err != nil {
		return printProblems(r.File, err, out)
	}
	if len(jobs) == 0 {
		fmt.Fprintln(out.stderr, file.Select(in).Why)
		return nil
	}
	for _, j := range jobs {
		data, err := yaml.Marshal(j.Job)
		if err != nil {
			return err
		}
		for _, image := range j.Images {
			const note = "%s: the server reads the command of this image from its registry when the job starts; " +
				"only the args of the file are shown here.\n"
			fmt.Fprintf(out.stderr, note, image)
		}
		fmt.Fprintf(out.stdout, "---\n%s", strings.ReplaceAll(string(data), "status: {}\n", ""))
	}
	return nil
}

// grantAll grants every secret that a file names, since only the server knows the real grants.
func grantAll(file *pipeline.File) map[string]pipeline.SecretRef {
	all := map[string]pipeline.SecretRef{}
	for _, j := range file.Jobs {
		for _, s := range j.Steps {
			for _, name := range s.Secrets {
				all[name] = pipeline.SecretRef{Name: "granted-by-the-operator", Key: name}
			}
		}
	}
	return all
}

// explain prints which filters decide what runs.
type explain struct {
	event
}

// Run prints each decision with its reason.
func (e explain) Run(out output) error {
	file, in, err := e.parse()
	if err != nil {
		return printProblems(e.File, err, out)
	}
	printDecision := func(indent string, d pipeline.Decision) {
		mark := "✗"
		if d.Runs {
			mark = "✓"
		}
		fmt.Fprintf(out.stdout, "%s%s %s: %s\n", indent, mark, d.What, d.Why)
	}
	selection := file.Select(in)
	for _, d := range selection.Trigger {
		printDecision("", d)
	}
	for _, j := range selection.Jobs {
		if j.What == "" {
			j.What = "job"
		}
		printDecision("", j.Decision)
		for _, d := range j.Steps {
			printDecision("  ", d)
		}
	}
	fmt.Fprintln(out.stdout, selection.Why)
	return nil
}
