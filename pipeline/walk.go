package pipeline

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// parser walks the tree and collects problems, so that a person sees all of them at once.
type parser struct {
	problems Problems
}

func (p *parser) problem(n *yaml.Node, format string, args ...any) {
	p.problems = append(p.problems, Problem{n.Line, n.Column, fmt.Sprintf(format, args...)})
}

// fields calls the function for each known key of a mapping; unknown and repeated keys are problems.
func (p *parser) fields(n *yaml.Node, what string, known map[string]func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.problem(n, "%s must be a mapping (key: value), not %s", what, kindOf(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		if line, twice := seen[key.Value]; twice {
			p.problem(key, "%q is already set on line %d", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		if f, ok := known[key.Value]; ok {
			f(key, value)
		} else if !strings.HasPrefix(key.Value, "x-") {
			p.problem(key, "unknown key %q%s", key.Value, suggestion(key.Value, known))
		}
	}
}

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// text accepts strings only: YAML would read on, no and 1e3 as something else
// than what was meant, so those must be quoted.
func (p *parser) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		p.problem(n, "%s must be text, not %s%s", what, kindOf(n), quoteHint(n))
		return ""
	}
	if strings.ContainsRune(n.Value, 0) {
		p.problem(n, "%s holds a NUL character", what)
	}
	return n.Value
}

func quoteHint(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return fmt.Sprintf("; write %q in quotes", n.Value)
	}
	return ""
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	case n.Tag == "!!bool":
		return "a yes/no value"
	case n.Tag == "!!int" || n.Tag == "!!float":
		return "a number"
	case n.Tag == "!!timestamp":
		return "a date"
	case n.Tag == "!!str":
		return "text"
	}
	return "a " + n.Tag + " value"
}

func (p *parser) env(n *yaml.Node) map[string]string {
	env := map[string]string{}
	if n.Kind != yaml.MappingNode {
		p.problem(n, "env must be a mapping (NAME: value), not %s", kindOf(n))
		return env
	}
	size := 0
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		switch _, twice := env[key.Value]; {
		case twice:
			p.problem(key, "%q is set twice", key.Value)
		case !isEnvName(key.Value):
			p.problem(key, "%q is no name for a variable: use letters, digits and _, not beginning with a digit", key.Value)
		case strings.HasPrefix(key.Value, "YACI"):
			p.problem(key, "%q cannot be set: names that begin with YACI are YACI's own", key.Value)
		default:
			env[key.Value] = p.text(value, "env "+key.Value)
			size += len(key.Value) + len(env[key.Value]) + 2
		}
	}
	if size > MaxEnvBytes {
		p.problem(n, "env has %d bytes; at most %d are allowed", size, MaxEnvBytes)
	}
	return env
}

// suggestion finds the known key that a mistyped one was meant to be.
func suggestion[V any](key string, known map[string]V) string {
	best, distance := "", 3
	for k := range known {
		if d := edits(key, k); d < distance || d == distance && best != "" && k < best {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// edits is the number of letters to insert, delete, replace or swap (optimal string alignment).
func edits(a, b string) int {
	if len(a) > 40 {
		return len(a)
	}
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
