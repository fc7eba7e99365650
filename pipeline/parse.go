package pipeline

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"
)

// Parse reads a file strictly. File.Jobs of the result is complete: defaults are set, and there is one
// job for each combination of a matrix. The error is of type [Problems].
func Parse(data []byte) (*File, error) {
	root, err := parseDocument(data)
	if err != nil {
		return nil, err
	}
	d := &decoder{source: newSourceText(data)}
	file := &File{}
	d.guard(func() {
		d.mapping(root, reflect.ValueOf(file).Elem(), "the file")
		if root.Kind == yaml.MappingNode {
			d.completeFile(file)
		}
	})
	if len(d.problems) > 0 {
		return nil, d.problems.sorted()
	}
	return file, nil
}

// OneCommand returns a file that runs a single shell command in an image, without a repository: what
// POST /run runs. It returns an error for an invalid image, and for a command that is empty, too
// long, or contains NUL.
func OneCommand(image, command string) (*File, error) {
	switch {
	case !imageName.MatchString(image):
		return nil, fmt.Errorf("image %q is not the name of an image. Write for example golang:1.26", image)
	case strings.TrimSpace(command) == "":
		return nil, errors.New("the command is empty. Send a shell command, for example: echo great success")
	case strings.ContainsRune(command, 0):
		return nil, errors.New("the command contains a NUL character, which no shell can run")
	case len(command) > MaxScriptBytes:
		return nil, fmt.Errorf("the command has %d bytes; at most %d are allowed", len(command), MaxScriptBytes)
	}
	quiet := true // the answer is only what the command prints
	step := &Step{
		Name:  "run",
		Image: image,
		Run:   Command{Script: command},
		Shell: Shell{"sh", "-e"},
		Quiet: &quiet,
	}
	return &File{Jobs: Jobs{{Steps: []*Step{step}, Clone: Clone{Off: true}}}}, nil
}

// completeFile checks what depends on more than one key, and sets f.Jobs to the jobs that can run.
func (d *decoder) completeFile(f *File) {
	f.Job.source = f.source
	if f.has("version") && f.Version != 1 {
		d.problem(f.at("version"), "version must be 1, the only version")
	}
	d.topIntended = f.intended
	d.checkTriggers(&f.On)

	jobs := f.Jobs
	if !f.has("jobs") {
		jobs = Jobs{&f.Job}
		for _, key := range []string{"needs", "when"} {
			if f.has(key) {
				d.problem(f.at(key), "%s belongs in a job under jobs, or in a step", key)
			}
		}
	} else {
		for _, key := range []string{"steps", "services", "matrix", "needs", "when"} {
			if f.has(key) {
				d.problem(f.at(key), "%s cannot be combined with jobs. Move it into a job", key)
			}
		}
		for _, j := range jobs {
			j.inherit(&f.Job)
		}
	}
	d.checkJobNeeds(jobs)
	d.expandJobs(f, jobs)
}

// tooManyJobs reports that the limit of jobs is exceeded, and aborts.
func (d *decoder) tooManyJobs(n *yaml.Node, count int) {
	d.problem(n, "there are %d jobs; at most %d are allowed", count, MaxJobs)
	d.abort()
}

// inherit sets what a job does not set itself from the top of the file.
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
	j.Env = mergeEnv(top.Env, j.Env)
	j.Resources = j.Resources.withDefaults(top.Resources)

	// Problems of these keys are reported where they are written.
	for _, key := range []string{"image", "env", "working_directory"} {
		if j.keys != nil && !j.has(key) && top.has(key) {
			j.keys[key] = top.keys[key]
		}
	}
}
