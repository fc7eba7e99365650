package pipeline

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/yaci-ci/yaci/internal/runner"
)

// job checks one job before its matrix is expanded, and completes its steps.
func (d *decoder) job(j *Job) {
	d.steps(j)
	d.services(j)
	d.stepNeeds(j)
	d.concurrency(j.Concurrency)
	if j.When.Status == "failure" && len(j.Needs) == 0 {
		d.problem(j.When.at("status"), "when.status failure never runs this job: name the jobs that it looks at in needs")
	}
	depth := j.Clone.Depth
	if depth != nil && (*depth < 0 || *depth > 1_000_000) {
		d.problem(j.Clone.at("depth"), "depth must be a number of commits, or 0 for all of them")
	}
}

func (d *decoder) steps(j *Job) {
	switch n := j.at("steps"); {
	case j.meant["steps"]:
	case !j.has("steps"):
		d.problem(n, "steps is missing%s: list at least one command under steps", inJob(j))
	case len(j.Steps) == 0 && n.Kind == yaml.SequenceNode:
		d.problem(n, "steps is empty: list at least one command")
	case len(j.Steps) > MaxSteps:
		d.problem(n, "there are %d steps%s; at most %d are allowed", len(n.Content), inJob(j), MaxSteps)
		panic(exhausted{})
	}
	lines := map[string]int{}
	size := 0
	for i, s := range j.Steps {
		if s.has("name") {
			s.Name = strings.TrimSpace(s.Name)
			d.name(s.at("name"), s.Name, "step")
			if line, twice := lines[s.Name]; twice {
				d.problem(s.at("name"), "the name %q is already taken by the step on line %d", s.Name, line)
			}
			lines[s.Name] = s.at("name").Line
		} else {
			s.Name = title(s, i)
		}
		d.step(j, s)
		size += s.Run.Size() + sizeOf(s.Args)
	}
	if size > MaxScriptBytes {
		d.problem(j.at("steps"), "the scripts and args have %d bytes; at most %d are allowed", size, MaxScriptBytes)
	}
}

func (d *decoder) step(j *Job, s *Step) {
	d.command(s)
	if s.Shell == nil {
		s.Shell = j.Shell
	}
	if s.Shell == nil {
		s.Shell = Shell{"sh", "-e"}
	}
	if s.Quiet == nil {
		s.Quiet = j.Quiet
	}
	d.shebang(s)
	r := s.Retry
	if r != nil && (r.Attempts < 2 || r.Attempts > runner.MaxAttempts) {
		d.problem(s.at("retry"), "retry needs attempts from 2 to %d", runner.MaxAttempts)
	} else if r != nil && slices.ContainsFunc(r.OnExit, func(code int) bool { return code < 1 || code > 255 }) {
		d.problem(s.at("retry"), "on_exit lists exit codes from 1 to 255")
	}
	for _, name := range s.Secrets {
		if !isEnvName(name) || strings.HasPrefix(name, "YACI") {
			d.problem(s.at("secrets"), "secret %q is no name for a variable: use letters, digits and _", name)
		} else if _, both := s.Env[name]; both {
			d.problem(s.at("secrets"), "%s is in env and in secrets: keep one of them", name)
		}
	}
	for _, text := range append(slices.Clone(s.Run.Words), s.Run.Script) {
		for _, found, after := cutExpression(text); found != ""; _, found, after = cutExpression(after) {
			d.unfilled(s.at("run"), found, j.Matrix != nil)
		}
	}
}

// unfilled refuses an expression in what a step runs: it would reach the shell, or the program, as it is written.
func (d *decoder) unfilled(n *yaml.Node, expression string, inMatrix bool) {
	context, name, _ := strings.Cut(insideOf(expression), ".")
	switch context {
	case "matrix":
		if inMatrix {
			d.problem(n, "nothing is written into scripts: use \"$%s\" instead of %s", envOf(name), expression)
			return
		}
		d.problem(n, "%s: this job has no matrix, and nothing is written into scripts", expression)
	case "secrets":
		d.problem(
			n,
			"nothing is written into scripts: write secrets: [%s] on the step, and use \"$%s\" instead of %s",
			name,
			name,
			expression,
		)
	case "env", "vars", "inputs":
		d.problem(n, "nothing is written into scripts: set %s in env, and use \"$%s\" instead of %s", name, name, expression)
	case "github", "runner", "job", "steps", "needs", "strategy", "gitea", "forgejo":
		d.problem(
			n,
			"nothing is written into scripts: use variables like \"$YACI_SHA\" or \"$YACI_BRANCH\" instead of %s",
			expression,
		)
	}
}

// command checks that a step says what it runs: a command, or an image with perhaps
// args. An image that only stands at the top is not enough, since a forgotten run
// would then start an image's shell, which ends with 0 at once.
func (d *decoder) command(s *Step) {
	switch {
	case s.has("run") && s.has("args"):
		d.problem(
			s.at("args"),
			"args cannot stand beside run: write the arguments into run, or remove run to run the image's ENTRYPOINT with them",
		)
	case s.has("run") || s.node == nil || s.node.Kind != yaml.MappingNode || s.meant["run"]:
	case s.has("args") || s.has("image"):
		d.imageCommand(s)
	case s.lacks("image") && s.lacks("args"):
		d.problem(
			s.at(""),
			"run is missing: say which command the step runs; for an image without a shell, write it as a list; "+
				"to run what an image is made to run, write image on the step",
		)
	}
}

// imageCommand checks a step that runs its image's ENTRYPOINT.
func (d *decoder) imageCommand(s *Step) {
	if s.has("shell") {
		d.problem(
			s.at("shell"),
			"shell has no effect without run: no shell reads the image's ENTRYPOINT and args; remove it, or write run",
		)
	}
	switch n := s.at("args"); {
	case s.has("args") && len(s.Args) == 0 && n.Kind == yaml.SequenceNode:
		d.problem(n, "args is empty: leave it out to run the image's ENTRYPOINT with its CMD")
	case sizeOf(s.Args) > maxWordsBytes:
		d.problem(n, "args has %d bytes; at most %d are allowed", sizeOf(s.Args), maxWordsBytes)
	}
}

func (d *decoder) services(j *Job) {
	if len(j.Services) > MaxServices {
		d.problem(
			j.at("services"),
			"there are %d services; at most %d are allowed",
			len(j.at("services").Content),
			MaxServices,
		)
		panic(exhausted{})
	}
	lines := map[string]int{}
	for _, s := range j.Services {
		if !s.has("name") || !s.has("image") {
			if s.lacks("name") || s.lacks("image") {
				d.problem(s.at(""), "a service needs a name and an image")
			}
			continue
		}
		d.name(s.at("name"), s.Name, "service")
		if line, twice := lines[s.Name]; twice {
			d.problem(s.at("name"), "the name %q is already taken by the service on line %d", s.Name, line)
		}
		lines[s.Name] = s.at("name").Line
		d.literalWords(s.at("command"), "command", s.Command)
		d.literalWords(s.at("args"), "args", s.Args)
		if size := sizeOf(s.Command) + sizeOf(s.Args); size > maxWordsBytes {
			d.problem(s.at(""), "command and args have %d bytes; at most %d are allowed", size, maxWordsBytes)
		}
		if s.Ready != nil && (s.Ready.TCP < 1 || s.Ready.TCP > 65535) {
			d.problem(s.at("ready"), "ready needs tcp, a port from 1 to 65535")
		}
	}
}

// triggers checks what on can only mean together.
func (d *decoder) triggers(on *On) {
	p := on.Push
	if p != nil && len(p.Paths) > 0 && len(p.Branches) == 0 && len(p.Tags) > 0 {
		d.problem(on.at("push"), "paths cannot filter tags: name branches too, or leave paths out")
	}
}

// literalWords refuses expressions in a key of a service whose words are taken as they are written.
func (d *decoder) literalWords(n *yaml.Node, key string, words []string) {
	for _, word := range words {
		if _, found, _ := cutExpression(word); found != "" {
			d.problem(n, "%s is not filled in in the %s of a service; write the value itself", found, key)
		}
	}
}

func (d *decoder) concurrency(c *Concurrency) {
	if c == nil {
		return
	}
	if strings.TrimSpace(c.Group) == "" || utf8.RuneCountInString(c.Group) > MaxNameRunes {
		d.problem(c.at(""), "concurrency needs a group, a name of at most %d letters", MaxNameRunes)
	}
	d.groupVariables(c)
	if !c.has("limit") {
		c.Limit = 1
	}
	if c.Limit < 1 || c.Limit > 1000 {
		d.problem(c.at("limit"), "limit must be from 1 to 1000")
	}
}

// groupVariables refuses what is not filled in: without it, jobs that were to have groups of their own would share one.
func (d *decoder) groupVariables(c *Concurrency) {
	n := c.at("group")
	if strings.Contains(c.Group, "${{") {
		d.problem(n, "group %q: expressions are not filled in here; write variables, like deploy-$YACI_BRANCH", c.Group)
		return
	}
	known := Input{Repo: "any"}.own()
	os.Expand(c.Group, func(name string) string {
		if _, ok := known[name]; !ok {
			d.problem(n, "group %q: $%s is not filled in, only variables of YACI are, like $YACI_BRANCH%s", c.Group, name,
				suggestion(name, slices.Sorted(maps.Keys(known))))
		}
		return ""
	})
}

// name checks what people call a thing; any letters will do.
func (d *decoder) name(n *yaml.Node, s, what string) {
	switch count := utf8.RuneCountInString(s); {
	case strings.TrimSpace(s) == "":
		d.problem(n, "the name of a %s is empty", what)
	case count > MaxNameRunes:
		d.problem(n, "the name of a %s has %d letters; at most %d are allowed", what, count, MaxNameRunes)
	case strings.ContainsFunc(s, unicode.IsControl):
		d.problem(n, "the name of a %s is one line without control characters", what)
	}
}

var imageRef = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}$`)

func (d *decoder) image(n *yaml.Node, s string) {
	if s != "" && !imageRef.MatchString(s) {
		d.problem(n, "image %q is not the name of an image, like golang:1.26", s)
	}
}

// ownImage checks an image that a step or a service names itself, and refuses one that is empty.
func (d *decoder) ownImage(n *yaml.Node, s string) {
	d.image(n, s)
	if s == "" && n.Tag == "!!str" && n.Kind == yaml.ScalarNode && !strings.Contains(n.Value, "${{") {
		d.problem(n, "image is empty; write the name of an image, like golang:1.26")
	}
}

// envSize bounds what a job's steps carry together.
func (d *decoder) envSize(j *Job) {
	size := 0
	for _, s := range j.Steps {
		for _, k := range slices.Collect(maps.Keys(s.Env)) {
			size += len(k) + len(s.Env[k]) + 30
		}
	}
	if size > MaxJobEnvBytes {
		d.problem(
			j.at("steps"),
			"the environment of all steps%s has %d bytes; at most %d are allowed",
			inJob(j),
			size,
			MaxJobEnvBytes,
		)
	}
}

func inJob(j *Job) string {
	if j.Name == "" {
		return ""
	}
	return fmt.Sprintf(" in job %q", j.Name)
}

// title names a step that has no name by the first line of its script, or by its image and args.
func title(s *Step, i int) string {
	script := s.Run.Script
	switch {
	case s.Run.Words != nil:
		script = joined(s.Run.Words, " ")
	case script == "" && (s.Image != "" || s.Args != nil):
		script = strings.TrimSpace(joined(append([]string{s.Image}, s.Args...), " "))
	}
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if r := []rune(line[:min(len(line), 300)]); len(r) > 60 {
			line = string(r[:59]) + "…"
		}
		return oneLine(line)
	}
	return fmt.Sprintf("step %d", i+1)
}

// oneLine replaces control characters, among them line feeds, by spaces.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
