package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/server"
	"github.com/yaci-ci/yaci/pipeline"
)

// event is what the file is held against.
type event struct {
	File   string   `arg:"" optional:"" default:".yaci.yml" help:"File to read."`
	Event  string   `enum:"push,tag,pull_request,merge_group" default:"push" help:"push, tag, pull_request or merge_group."`
	Branch string   `default:"main" help:"Branch that was pushed, or a pull request's head."`
	Tag    string   `help:"Tag, of a tag event."`
	Base   string   `default:"main" help:"Branch that a pull request would merge into."`
	PR     int      `name:"pr" default:"1" help:"Number of the pull request."`
	Action string   `default:"opened" help:"What happened to the pull request."`
	Repo   string   `default:"owner/name" help:"Repository."`
	SHA    string   `name:"sha" default:"0000000000000000000000000000000000000000" help:"Commit."`
	Paths  []string `name:"path" sep:"none" help:"A path that the event changed; may be given several times. Without it paths are not known, and filters on them match."`
}

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
		in.Branch, in.Ref = e.Branch, "refs/heads/"+e.Branch
	case "tag":
		in.Tag, in.Ref = e.Tag, "refs/tags/"+e.Tag
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

// shown prints problems, and turns them into the exit code.
func (e event) shown(out output, err error) error {
	var problems pipeline.Problems
	if !errors.As(err, &problems) {
		return err
	}
	fmt.Fprintln(out.stderr, named(e.File, problems))
	return errFound
}

type render struct {
	event
	config.Pods
}

// Run prints the Jobs that the server would create.
func (r render) Run(out output) error {
	file, in, err := r.parse()
	if err != nil {
		return r.shown(out, err)
	}
	in.Secrets = grantAll(file)
	jobs, err := pipeline.Compile(file, in, server.Operator(r.Pods))
	if err != nil {
		return r.shown(out, err)
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
			fmt.Fprintf(
				out.stderr,
				"%s: what it runs is asked at its registry when the job starts; here are the file's args alone.\n",
				image,
			)
		}
		fmt.Fprintf(out.stdout, "---\n%s", strings.ReplaceAll(string(data), "status: {}\n", ""))
	}
	return nil
}

// grantAll lets every secret be named: who may have which is known to the server alone.
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

type explain struct {
	event
}

// Run says what runs and why.
func (e explain) Run(out output) error {
	file, in, err := e.parse()
	if err != nil {
		return e.shown(out, err)
	}
	s := file.Select(in)
	line := func(indent string, d pipeline.Decision) {
		mark := "✗"
		if d.Runs {
			mark = "✓"
		}
		fmt.Fprintf(out.stdout, "%s%s %s: %s\n", indent, mark, d.What, d.Why)
	}
	for _, d := range s.Trigger {
		line("", d)
	}
	for _, j := range s.Jobs {
		if j.What == "" {
			j.What = "job"
		}
		line("", j.Decision)
		for _, d := range j.Steps {
			line("  ", d)
		}
	}
	fmt.Fprintln(out.stdout, s.Why)
	return nil
}
