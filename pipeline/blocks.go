package pipeline

import (
	"reflect"

	"gopkg.in/yaml.v3"
)

// A step may be a command alone.
func (s *Step) decode(d *decoder, n *yaml.Node, _ string) {
	if n.Kind == yaml.ScalarNode {
		s.setSource(n, nil)
		if n.Style == 0 && noSpace.MatchString(n.Value) {
			d.problem(n, "a space is missing behind the colon of %q", n.Value)
			return
		}
		s.Run.decode(d, n, "run")
		return
	}
	d.mapping(n, reflect.ValueOf(s).Elem(), "a step")
}

func (s *Service) decode(d *decoder, n *yaml.Node, _ string) {
	d.mapping(n, reflect.ValueOf(s).Elem(), "a service")
}

// clone may be false.
func (c *Clone) decode(d *decoder, n *yaml.Node, what string) {
	if n.Kind != yaml.ScalarNode {
		d.mapping(n, reflect.ValueOf(c).Elem(), what)
		return
	}
	c.setSource(n, nil)
	c.Off = true
	if n.Tag != "!!bool" || n.Value != "false" {
		d.problem(n, "clone must be false or a mapping like {depth: 0}, not %s", kindOf(n))
	}
}

// An event may be named without a filter: on: { push: }, or on: [push].
func (o *On) decode(d *decoder, n *yaml.Node, what string) {
	if n.Kind == yaml.SequenceNode || n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		n = eventsAsKeys(n)
	}
	for i := 1; i < len(n.Content); i += 2 {
		v := n.Content[i]
		if n.Kind == yaml.MappingNode && v.Tag == "!!null" {
			n.Content[i] = &yaml.Node{Kind: yaml.MappingNode, Line: v.Line, Column: v.Column}
		}
	}
	d.mapping(n, reflect.ValueOf(o).Elem(), what)
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		d.problem(n, "on names no event, so that nothing would ever run")
	}
}

func eventsAsKeys(n *yaml.Node) *yaml.Node {
	words := n.Content
	if n.Kind == yaml.ScalarNode {
		words = []*yaml.Node{n}
	}
	m := &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}
	for _, w := range words {
		m.Content = append(m.Content, w, &yaml.Node{
			Kind:   yaml.ScalarNode,
			Tag:    "!!null",
			Line:   w.Line,
			Column: w.Column,
		})
	}
	return m
}

func (j *Jobs) decode(d *decoder, n *yaml.Node, what string) {
	count := len(n.Content) / 2
	if n.Kind == yaml.MappingNode && count > MaxJobs { // each inherits the env at the top
		d.tooManyJobs(n, count)
	}
	d.pairs(n, what, func(key, value *yaml.Node) {
		job := &Job{}
		d.mapping(value, reflect.ValueOf(job).Elem(), "a job")
		job.Name = key.Value
		d.name(key, key.Value, "job")
		*j = append(*j, job)
	})
	if len(*j) == 0 && n.Kind == yaml.MappingNode {
		d.problem(n, "jobs is empty: name at least one job")
	}
}
