package pipeline

import (
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/yaci-ci/yaci/internal/runner"
)

// maxCloneDepth is larger than any history, and small enough for an int32.
const maxCloneDepth = 1_000_000

// checkJob checks a job before its matrix is expanded, and sets the defaults of its steps.
func (d *decoder) checkJob(j *Job) {
	d.checkSteps(j)
	d.checkServices(j)
	d.resolveStepNeeds(j)
	d.checkConcurrency(j.Concurrency)
	if j.When.Status == "failure" && len(j.Needs) == 0 {
		d.problem(j.When.at("status"), "this job never runs: when.status is failure, but it needs no job. Add needs")
	}
	if depth := j.Clone.Depth; depth != nil && (*depth < 0 || *depth > maxCloneDepth) {
		d.problem(j.Clone.at("depth"), "depth must be a number of commits, or 0 for the whole history")
	}
}

// checkSteps checks the steps of a job, and names those that have no name.
func (d *decoder) checkSteps(j *Job) {
	switch n := j.at("steps"); {
	case j.intended["steps"]:
	case !j.has("steps"):
		d.problem(n, "steps is missing%s. Add at least one command under steps", inJob(j))
	case len(j.Steps) == 0 && n.Kind == yaml.SequenceNode:
		d.problem(n, "steps is empty. Add at least one command")
	case len(j.Steps) > MaxSteps:
		d.problem(n, "there are %d steps%s; at most %d are allowed", len(n.Content), inJob(j), MaxSteps)
		d.abort()
	}

	lines := map[string]int{}
	size := 0
	for i, s := range j.Steps {
		if s.has("name") {
			s.Name = strings.TrimSpace(s.Name)
			d.checkUniqueName(s.at("name"), s.Name, "step", lines)
		} else {
			s.Name = title(s, i)
		}
		d.checkStep(j, s)
		size += s.Run.Size() + totalBytes(s.Args)
	}
	if size > MaxScriptBytes {
		d.problem(j.at("steps"), "the scripts and args have %d bytes; at most %d are allowed", size, MaxScriptBytes)
	}
}

// checkUniqueName checks a name, and that it is not in lines, which has the lines of earlier names.
func (d *decoder) checkUniqueName(n *yaml.Node, name, what string, lines map[string]int) {
	d.checkName(n, name, what)
	if line, taken := lines[name]; taken {
		d.problem(n, "the name %q is already used by the %s on line %d", name, what, line)
	}
	lines[name] = n.Line
}

// checkStep checks one step, and sets the shell and quiet from its job.
func (d *decoder) checkStep(j *Job, s *Step) {
	d.checkCommand(s)
	if s.Shell == nil {
		s.Shell = j.Shell
	}
	if s.Shell == nil {
		s.Shell = Shell{"sh", "-e"}
	}
	if s.Quiet == nil {
		s.Quiet = j.Quiet
	}
	d.checkShebang(s)
	d.checkRetry(s)
	for _, name := range s.Secrets {
		if !isEnvName(name) || strings.HasPrefix(name, "YACI") {
			d.problem(s.at("secrets"), "secret %q is not a valid variable name. Use letters, digits and _", name)
		} else if _, both := s.Env[name]; both {
			d.problem(s.at("secrets"), "%s is in env and in secrets. Keep one of them", name)
		}
	}
	for _, text := range append(slices.Clone(s.Run.Args), s.Run.Script) {
		for {
			_, expression, after := cutExpression(text)
			if expression == "" {
				break
			}
			d.rejectExpression(s.at("run"), expression, j.Matrix != nil)
			text = after
		}
	}
}

// checkRetry reports a retry without effect. One attempt would be no retry, and code 0 is never
// retried.
func (d *decoder) checkRetry(s *Step) {
	r := s.Retry
	if r == nil {
		return
	}
	invalid := func(code int) bool { return code < 1 || code > 255 }
	switch {
	case r.Attempts < 2 || r.Attempts > runner.MaxAttempts:
		d.problem(s.at("retry"), "retry.attempts must be from 2 to %d", runner.MaxAttempts)
	case slices.ContainsFunc(r.OnExit, invalid):
		d.problem(s.at("retry"), "retry.on_exit must list exit codes from 1 to 255")
	}
}

// checkCommand checks that a step says what it runs: run, or an image of its own with optional args.
// An image at the top of the file is not enough: if run was forgotten, that would start the image's
// shell, which ends successfully at once.
func (d *decoder) checkCommand(s *Step) {
	isMapping := s.node != nil && s.node.Kind == yaml.MappingNode
	switch {
	case s.has("run") && s.has("args"):
		d.problem(s.at("args"), "args cannot be combined with run. Write the arguments into run, "+
			"or remove run to pass them to the image's ENTRYPOINT")
	case s.has("run") || !isMapping || s.intended["run"]:
	case s.has("args") || s.has("image"):
		d.checkImageCommand(s)
	case s.isMissing("image") && s.isMissing("args"):
		d.problem(s.at(""), "run is missing. Write the command that the step runs, as a list if the image has no shell. "+
			"To run the image's ENTRYPOINT, set image on the step")
	}
}

// checkImageCommand checks a step that runs its image's ENTRYPOINT.
func (d *decoder) checkImageCommand(s *Step) {
	if s.has("shell") {
		d.problem(s.at("shell"), "shell has no effect without run, because the image's ENTRYPOINT runs without a shell. "+
			"Remove it, or write run")
	}
	switch n := s.at("args"); {
	case s.has("args") && len(s.Args) == 0 && n.Kind == yaml.SequenceNode:
		d.problem(n, "args is empty. Remove it to run the image's ENTRYPOINT with its CMD")
	case totalBytes(s.Args) > maxListBytes:
		d.problem(n, "args has %d bytes; at most %d are allowed", totalBytes(s.Args), maxListBytes)
	}
}

// checkServices checks the services of a job. They start once for all steps, so their values cannot
// depend on a step.
func (d *decoder) checkServices(j *Job) {
	if len(j.Services) > MaxServices {
		n := j.at("services")
		d.problem(n, "there are %d services; at most %d are allowed", len(n.Content), MaxServices)
		d.abort()
	}
	lines := map[string]int{}
	for _, s := range j.Services {
		if !s.has("name") || !s.has("image") {
			if s.isMissing("name") || s.isMissing("image") {
				d.problem(s.at(""), "a service needs a name and an image")
			}
			continue
		}
		d.checkUniqueName(s.at("name"), s.Name, "service", lines)
		d.rejectExpressions(s.at("command"), "command", s.Command)
		d.rejectExpressions(s.at("args"), "args", s.Args)
		if size := totalBytes(s.Command) + totalBytes(s.Args); size > maxListBytes {
			d.problem(s.at(""), "command and args have %d bytes; at most %d are allowed", size, maxListBytes)
		}
		if s.Ready != nil && (s.Ready.TCP < 1 || s.Ready.TCP > 65535) {
			d.problem(s.at("ready"), "ready.tcp must be a port from 1 to 65535")
		}
	}
}

// checkTriggers checks combinations of keys under on.
func (d *decoder) checkTriggers(on *On) {
	if p := on.Push; p != nil && len(p.Paths) > 0 && len(p.Branches) == 0 && len(p.Tags) > 0 {
		d.problem(on.at("push"), "paths cannot filter tags. Add branches, or remove paths")
	}
}

// checkConcurrency checks a concurrency group, and sets its default limit. nil means no group.
func (d *decoder) checkConcurrency(c *Concurrency) {
	if c == nil {
		return
	}
	if strings.TrimSpace(c.Group) == "" || utf8.RuneCountInString(c.Group) > MaxNameRunes {
		d.problem(c.at(""), "concurrency needs a group, a name of at most %d characters", MaxNameRunes)
	}
	d.checkGroupVariables(c)
	if !c.has("limit") {
		c.Limit = 1
	}
	if c.Limit < 1 || c.Limit > 1000 {
		d.problem(c.at("limit"), "limit must be from 1 to 1000")
	}
}

// checkGroupVariables reports variables and expressions in a group that are not expanded. Jobs that
// should have different groups would share one.
func (d *decoder) checkGroupVariables(c *Concurrency) {
	n := c.at("group")
	if strings.Contains(c.Group, "${{") {
		d.problem(n, "group %q: expressions are not expanded here. Write variables, for example deploy-$YACI_BRANCH", c.Group)
		return
	}
	known := Input{Repo: "any"}.variables()
	os.Expand(c.Group, func(name string) string {
		if _, ok := known[name]; !ok {
			d.problem(n, "group %q: $%s is not expanded; only variables that YACI sets are, such as $YACI_BRANCH%s",
				c.Group, name, suggestion(name, slices.Sorted(maps.Keys(known))))
		}
		return ""
	})
}

// checkWorkingDir checks a working_directory after expressions are expanded, and returns it relative
// to the workspace. n is where it is written.
func (d *decoder) checkWorkingDir(n *yaml.Node, dir string) string {
	if dir == "" {
		if n.Value == "" && n.Tag == "!!str" { // any other cause is reported already
			d.problem(n, "working_directory is empty. Write . for the workspace itself")
		}
		return ""
	}
	if len(dir) > maxPathBytes {
		d.problem(n, "working_directory has %d bytes; at most %d are allowed", len(dir), maxPathBytes)
		return ""
	}
	relative := dir
	if path.IsAbs(dir) {
		rest, ok := strings.CutPrefix(path.Clean(dir)+"/", runner.WorkspaceDir+"/")
		if !ok {
			d.problem(n, "working_directory %q is not in %s. Write a path relative to the workspace", dir, runner.WorkspaceDir)
			return ""
		}
		relative = rest
	}
	switch {
	case slices.Contains(strings.Split(dir, "/"), ".."):
		d.problem(n, "working_directory %q contains .., but it must stay in the workspace", dir)
	case strings.ContainsFunc(dir, unicode.IsControl):
		d.problem(n, "working_directory %q contains a control character", dir)
	}
	return path.Clean(relative)
}
