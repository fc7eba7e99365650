package pipeline

import (
	"fmt"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

type knownKeys = map[string]func(key, value *yaml.Node)

func (p *parser) file(root *yaml.Node) *File {
	file := &File{}
	var image string
	var steps *yaml.Node
	p.fields(root, "the file", knownKeys{
		"image": func(_, v *yaml.Node) { image = p.image(v) },
		"env":   func(_, v *yaml.Node) { file.Env = p.env(v) },
		"steps": func(_, v *yaml.Node) { steps = v },
	})
	switch {
	case root.Kind != yaml.MappingNode:
	case steps == nil:
		p.problem(root, "steps is missing: list at least one command under steps")
	case steps.Kind != yaml.SequenceNode || len(steps.Content) == 0:
		p.problem(steps, "steps must be a list of at least one step, not %s", orEmpty(steps))
	case len(steps.Content) > MaxSteps:
		p.problem(steps, "there are %d steps; at most %d are allowed", len(steps.Content), MaxSteps)
	default:
		p.steps(file, steps, image)
	}
	return file
}

func orEmpty(n *yaml.Node) string {
	if n.Kind == yaml.SequenceNode {
		return "an empty one"
	}
	return kindOf(n)
}

func (p *parser) steps(file *File, list *yaml.Node, image string) {
	named := map[string]int{}
	size := 0
	for i, n := range list.Content {
		n = resolve(n)
		step := Step{Line: n.Line, Image: image}
		if n.Kind == yaml.ScalarNode {
			step.Run = p.script(n)
		} else {
			p.step(n, &step, named)
		}
		if step.Image == "" {
			p.problem(n, "step %d has no image: set image on the step, or at the top of the file for all steps", i+1)
		}
		if step.Name == "" {
			step.Name = title(step.Run, i)
		}
		size += len(step.Run)
		file.Steps = append(file.Steps, step)
	}
	if size > MaxScriptBytes {
		p.problem(list, "the scripts have %d bytes; at most %d are allowed", size, MaxScriptBytes)
	}
}

func (p *parser) step(n *yaml.Node, step *Step, named map[string]int) {
	hasRun := false
	p.fields(n, "a step", knownKeys{
		"name": func(_, v *yaml.Node) {
			step.Name = strings.TrimSpace(p.text(v, "name"))
			if line, twice := named[step.Name]; twice {
				p.problem(v, "the name %q is already taken by the step on line %d", step.Name, line)
			}
			named[step.Name] = v.Line
		},
		"image": func(_, v *yaml.Node) { step.Image = p.image(v) },
		"run":   func(_, v *yaml.Node) { hasRun = true; step.Run = p.script(v) },
		"env":   func(_, v *yaml.Node) { step.Env = p.env(v) },
	})
	if n.Kind == yaml.MappingNode && !hasRun {
		p.problem(n, "run is missing: say which command the step runs")
	}
}

func (p *parser) script(n *yaml.Node) string {
	s := p.text(n, "run")
	if n.Tag == "!!str" && strings.TrimSpace(s) == "" {
		p.problem(n, "run is empty: say which command the step runs")
	}
	return s
}

var imageRef = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}$`)

func (p *parser) image(n *yaml.Node) string {
	s := p.text(n, "image")
	if n.Tag == "!!str" && !imageRef.MatchString(s) {
		p.problem(n, "image %q is not the name of an image, like golang:1.26", s)
	}
	return s
}

// title names a step that has no name by the first line of its script.
func title(script string, i int) string {
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if r := []rune(line); len(r) > 60 {
			line = string(r[:59]) + "…"
		}
		return line
	}
	return fmt.Sprintf("step %d", i+1)
}
