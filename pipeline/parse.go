package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"
)

// Parse reads a file strictly. Its jobs come back complete: defaults filled in,
// one for each cell of a matrix. The error is of type [Problems].
func Parse(data []byte) (*File, error) {
	root, err := document(data)
	if err != nil {
		return nil, err
	}
	d := &decoder{source: newSourceText(data)}
	file := &File{}
	d.within(func() {
		d.mapping(root, reflect.ValueOf(file).Elem(), "the file")
		if root.Kind == yaml.MappingNode {
			d.file(file)
		}
	})
	if len(d.problems) > 0 {
		return nil, d.problems.sorted()
	}
	return file, nil
}

// OneCommand is the file of a single command in an image: what POST /run runs.
// An image that is none, an empty command and one with a NUL are errors.
func OneCommand(image, command string) (*File, error) {
	switch {
	case !imageRef.MatchString(image):
		return nil, fmt.Errorf("image %q is not the name of an image, like golang:1.26", image)
	case strings.TrimSpace(command) == "":
		return nil, errors.New("the command is empty; send a shell command, like: echo great success")
	case strings.ContainsRune(command, 0):
		return nil, errors.New("the command holds a NUL, which no shell can run")
	case len(command) > MaxScriptBytes:
		return nil, fmt.Errorf("the command has %d bytes; at most %d are allowed", len(command), MaxScriptBytes)
	}
	quiet := true // what the command prints is the answer
	step := &Step{
		Name:  "run",
		Image: image,
		Run:   Command{Script: command},
		Shell: Shell{"sh", "-e"},
		Quiet: &quiet,
	}
	return &File{Jobs: Jobs{{Steps: []*Step{step}, Clone: Clone{Off: true}}}}, nil
}

// file checks what the decoder could not see, and makes Jobs the list of what will run.
func (d *decoder) file(f *File) {
	f.Job.source = f.source
	if f.has("version") && f.Version != 1 {
		d.problem(f.at("version"), "version must be 1, the only one there is")
	}
	d.topMeant = f.meant
	d.triggers(&f.On)
	jobs := f.Jobs
	if !f.has("jobs") {
		jobs = Jobs{&f.Job}
		for _, key := range []string{"needs", "when"} {
			if f.has(key) {
				d.problem(f.at(key), "%s belongs to a job under jobs, or to a step", key)
			}
		}
	} else {
		for _, key := range []string{"steps", "services", "matrix", "needs", "when"} {
			if f.has(key) {
				d.problem(f.at(key), "%s cannot stand beside jobs: put it into a job", key)
			}
		}
		for _, j := range jobs {
			j.inherit(&f.Job)
		}
	}
	d.jobNeeds(jobs)
	d.cells(f, jobs)
}

func (d *decoder) tooManyJobs(n *yaml.Node, count int) {
	d.problem(n, "there are %d jobs; at most %d are allowed", count, MaxJobs)
	panic(exhausted{})
}

// inherit fills what a job does not set from the top of the file.
func (j *Job) inherit(top *Job) {
	if !j.has("image") {
		j.Image = top.Image
	}
	if !j.has("shell") {
		j.Shell = top.Shell
	}
	if !j.has("quiet") {
		j.Quiet = top.Quiet
	}
	if !j.has("timeout") {
		j.Timeout = top.Timeout
	}
	if !j.has("concurrency") {
		j.Concurrency = top.Concurrency
	}
	if !j.has("clone") {
		j.Clone = top.Clone
	}
	if !j.has("user") {
		j.User = top.User
	}
	if !j.has("working_directory") {
		j.WorkingDir = top.WorkingDir
	}
	j.Env = overlay(top.Env, j.Env)
	j.Resources = j.Resources.or(top.Resources)
	for _, key := range []string{"image", "env", "working_directory"} { // where problems are shown
		if j.keys != nil && !j.has(key) && top.has(key) {
			j.keys[key] = top.keys[key]
		}
	}
}

// or fills the amounts that r does not name from other, with the places where they were written.
func (r Resources) or(other Resources) Resources {
	keys := maps.Clone(r.keys)
	if keys == nil {
		keys = map[string]*yaml.Node{}
	}
	for key, p := range map[string][2]*Quantity{"cpu": {&r.CPU, &other.CPU}, "memory": {&r.Memory, &other.Memory}, "disk": {&r.Disk, &other.Disk}} {
		if *p[0] == "" {
			*p[0], keys[key] = *p[1], other.at(key)
		}
	}
	r.keys = keys
	return r
}

// overlay is a copy of below with the values of above over it.
func overlay(below, above Env) Env {
	env := make(Env, len(below)+len(above))
	maps.Copy(env, below)
	maps.Copy(env, above)
	return env
}
