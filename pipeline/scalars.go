package pipeline

import (
	"regexp"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"gopkg.in/yaml.v3"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Duration is a time like 90s, 20m or 1h30m.
type Duration time.Duration

func (t *Duration) decode(d *decoder, n *yaml.Node, what string) {
	if n.Kind == yaml.ScalarNode && (n.Tag == "!!int" || n.Tag == "!!float") {
		d.problem(n, "%s needs a unit: write %ss for seconds, or %sm for minutes", what, n.Value, n.Value)
		return
	}
	s := d.text(n, what)
	if s == "" {
		return
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < time.Second || v > 7*24*time.Hour {
		d.problem(n, "%s %q is no time from 1s to 168h, like 90s, 20m or 1h30m", what, s)
		return
	}
	*t = Duration(v)
}

// Quantity is an amount as Kubernetes writes it: 500m, 2, 512Mi.
type Quantity string

func (q *Quantity) decode(d *decoder, n *yaml.Node, what string) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" && n.Tag != "!!int" && n.Tag != "!!float" {
		d.problem(n, "%s must be an amount like 500m, 2 or 512Mi, not %s", what, kindOf(n))
		return
	}
	if !strings.Contains(n.Value, "${{") {
		d.quantity(n, n.Value, what)
	}
	*q = Quantity(n.Value)
}

// quantityForm matches amounts whose size can be computed. Kubernetes also reads 1e99999999, and takes minutes of CPU.
var quantityForm = regexp.MustCompile(`^[0-9.]{1,20}([a-zA-Z]{0,2}|[eE][0-9]{1,2})$`)

// quantity refuses what is no amount, and what no container can use: numbers of bytes and of thousandths of a core
// beyond the largest do not fit into the integers in which they are added up.
func (d *decoder) quantity(n *yaml.Node, s, what string) {
	if !quantityForm.MatchString(s) {
		d.problem(n, "%s %q is no amount like 500m, 2 or 512Mi", what, s)
		return
	}
	v, err := resource.ParseQuantity(s)
	if err != nil || v.Sign() <= 0 {
		d.problem(n, "%s %q is no amount like 500m, 2 or 512Mi", what, s)
		return
	}
	least, most := resource.MustParse(minBytes), resource.MustParse(maxBytes)
	if what == "cpu" {
		least, most = resource.MustParse("1m"), resource.MustParse(maxCPU)
	}
	switch {
	case v.Cmp(most) > 0:
		d.problem(n, "%s %q is more than any node has; at most %s is allowed", what, s, &most)
	case v.Cmp(least) < 0 && what == "cpu":
		d.problem(n, "cpu %q is less than 1m, a thousandth of a core", s)
	case v.Cmp(least) < 0:
		d.problem(
			n,
			"%s %q is less than %s, with which no container can start; write a unit of bytes, like 512Mi or 10Gi",
			what,
			s,
			&least,
		)
	}
}

// Patterns are globs (doublestar); one that begins with ! excludes.
type Patterns []string

func (p *Patterns) decode(d *decoder, n *yaml.Node, what string) {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	if len(list) == 0 {
		d.problem(n, "%s is empty, so that nothing could match; leave it out to match all", what)
	}
	if d.patterns += len(list); d.patterns > MaxPatterns {
		d.problem(n, "the file has more than %d patterns; use fewer, or wider ones", MaxPatterns)
		panic(exhausted{})
	}
	for _, c := range list {
		s := d.text(c, what)
		if len(s) > maxPatternBytes || alternatives(s) > maxAlternatives {
			d.problem(
				c,
				"%s %q is too long or has too many alternatives in braces; at most %d bytes and %d alternatives are allowed: write several patterns",
				what,
				s,
				maxPatternBytes,
				maxAlternatives,
			)
			continue
		}
		if c.Tag == "!!str" && (strings.TrimPrefix(s, "!") == "" || !doublestar.ValidatePattern(strings.TrimPrefix(s, "!"))) {
			d.problem(c, "%s %q is no glob, like main or release/**", what, s)
		} else if why := matchesOtherwise(what, strings.TrimPrefix(s, "!")); why != "" {
			d.problem(c, "%s %q %s", what, s, why)
		}
		*p = append(*p, s)
	}
}

// alternatives is how many texts the braces of a glob stand for: doublestar tries each.
func alternatives(glob string) int {
	product := 1
	var open []int
	for i := 0; i < len(glob) && product <= maxAlternatives; i++ {
		switch glob[i] {
		case '\\':
			i++
		case '{':
			open = append(open, 1)
		case ',':
			if len(open) > 0 {
				open[len(open)-1]++
			}
		case '}':
			if len(open) > 0 {
				product *= open[len(open)-1]
				open = open[:len(open)-1]
			}
		}
	}
	return product
}

// Shell is the command in front of a script's path.
type Shell []string

func (s *Shell) decode(d *decoder, n *yaml.Node, what string) {
	if n.Kind == yaml.ScalarNode {
		switch name := d.text(n, what); {
		case name == "sh":
			*s = Shell{"sh", "-e"}
		case name == "bash":
			*s = Shell{"bash", "-eo", "pipefail"}
		case n.Tag == "!!str":
			d.problem(
				n,
				"%s cannot be %q%s; it is sh, bash, or a list like [python3, -u]",
				what,
				name,
				suggestion(name, []string{"sh", "bash"}),
			)
		}
		return
	}
	*s = d.words(n, what)
	d.program(n, *s, what)
}

// words is a list of at least one text.
func (d *decoder) words(n *yaml.Node, what string) (words []string) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		d.problem(n, "%s must be a list of at least one word, not %s", what, orEmpty(n))
		return nil
	}
	size := 0
	for _, c := range n.Content {
		words = append(words, d.text(c, what))
		if size += len(c.Value); size > maxWordsBytes {
			d.problem(n, "%s has more than %d bytes", what, maxWordsBytes)
			break
		}
	}
	if words[0] == "" {
		d.problem(n, "%s begins with an empty word", what)
	}
	return words
}

func orEmpty(n *yaml.Node) string {
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		return "an empty one"
	}
	return kindOf(n)
}

// Command is what a step runs: a script, or words that need no shell.
type Command struct {
	Script string
	Words  []string
}

func (c *Command) decode(d *decoder, n *yaml.Node, what string) {
	if n.Kind == yaml.SequenceNode {
		c.Words = d.words(n, what)
		d.program(n, c.Words, what)
		return
	}
	c.Script = d.text(n, what)
	if n.Tag == "!!str" && strings.TrimSpace(c.Script) == "" {
		d.problem(n, "run is empty: say which command the step runs")
	}
	d.scriptProblems(n)
}

// Size is the number of bytes of the script or the words.
func (c Command) Size() int { return len(c.Script) + sizeOf(c.Words) }

// Env is environment variables; their values are data.
type Env map[string]string

func (e *Env) decode(d *decoder, n *yaml.Node, what string) {
	*e = Env{}
	size := 0
	d.pairs(n, what, func(key, value *yaml.Node) {
		name := key.Value
		size += len(name) + len(value.Value) + 2
		switch {
		case !isEnvName(name):
			d.problem(key, "%q is no name for a variable: use letters, digits and _, not beginning with a digit", name)
		case strings.HasPrefix(name, "YACI"):
			d.problem(key, "%q cannot be set: names that begin with YACI are YACI's own", name)
		default:
			(*e)[name] = d.text(value, name)
		}
	})
	if size > MaxEnvBytes {
		d.problem(n, "%s has %d bytes; at most %d are allowed", what, size, MaxEnvBytes)
	}
}
