package pipeline

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// decoder fills the types of file.go from YAML nodes. It is strict, and goes on
// after a problem, so that a person sees all of them at once.
type decoder struct {
	problems Problems
	seen     map[Problem]bool
	filled   int             // bytes made by filling in matrix values
	patterns int             // in the file
	source   *sourceText     // nil: not known
	topMeant map[string]bool // what unknown keys at the top were meant to be
}

// decodable types read themselves: they have more than one form, or rules of their own.
type decodable interface {
	decode(d *decoder, n *yaml.Node, what string)
}

// value fills v, which is addressable. what names it in problems.
func (d *decoder) value(n *yaml.Node, v reflect.Value, what string) {
	if own, ok := v.Addr().Interface().(decodable); ok {
		own.decode(d, n, what)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(d.text(n, what))
	case reflect.Bool:
		v.SetBool(d.boolean(n, what))
	case reflect.Int:
		v.SetInt(int64(d.integer(n, what)))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), what)
	case reflect.Slice:
		d.list(n, v, what)
	case reflect.Struct:
		d.mapping(n, v, what)
	}
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, what string) {
	one := v.Type().Elem().Kind() == reflect.String && n.Kind == yaml.ScalarNode && n.Tag == "!!str"
	switch {
	case one: // a single word may stand for a list of one
		n = &yaml.Node{
			Kind:    yaml.SequenceNode,
			Line:    n.Line,
			Column:  n.Column,
			Content: []*yaml.Node{n},
		}
	case n.Kind != yaml.SequenceNode:
		d.problem(n, "%s must be a list, not %s%s", what, kindOf(n), hintFor(n, what))
		return
	}
	content := n.Content
	if len(content) == 0 && (what == "types" || what == "event") {
		d.problem(n, "%s is empty, so that nothing could match; leave it out", what)
	}
	if len(content) > maxListed {
		k := v.Type().Elem().Kind()
		if k == reflect.String || k == reflect.Int {
			d.problem(n, "%s has %d values; at most %d are allowed", what, len(content), maxListed)
		}
		content = content[:maxListed] // of steps and services fewer are allowed
	}
	v.Set(reflect.MakeSlice(v.Type(), len(content), len(content)))
	for i, c := range content {
		d.value(c, v.Index(i), fmt.Sprintf("%s[%d]", what, i))
	}
}

// field is a key of a struct: where its value goes, and which words it allows.
type field struct {
	index []int
	enum  []string
}

func fieldsOf(t reflect.Type) map[string]field {
	fields := map[string]field{}
	for _, f := range reflect.VisibleFields(t) {
		key, inline, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" || key == "-" || inline != "" {
			continue
		}
		var enum []string
		if e := f.Tag.Get("enum"); e != "" {
			enum = strings.Split(e, ",")
		}
		prev, ok := fields[key]
		if !ok || len(f.Index) < len(prev.index) {
			fields[key] = field{f.Index, enum}
		}
	}
	return fields
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, what string) {
	known := fieldsOf(v.Type())
	names := slices.Sorted(maps.Keys(known))
	meant := map[string]bool{}
	keys := d.pairs(n, what, func(key, value *yaml.Node) {
		f, ok := known[key.Value]
		switch {
		case ok:
			d.value(value, v.FieldByIndex(f.index), key.Value)
			d.oneOf(value, f.enum, key.Value)
		case !strings.HasPrefix(key.Value, "x-"):
			meant[d.unknownKey(key, value, what, names)] = true
		}
	})
	if s, ok := v.Addr().Interface().(interface {
		setSource(n *yaml.Node, keys map[string]*yaml.Node)
		setMeant(keys map[string]bool)
	}); ok {
		s.setSource(n, keys)
		s.setMeant(meant)
	}
}

// pairs calls f for each key of a mapping; what is no mapping or repeats a key is a problem.
func (d *decoder) pairs(n *yaml.Node, what string, f func(key, value *yaml.Node)) map[string]*yaml.Node {
	keys := map[string]*yaml.Node{}
	if n.Kind != yaml.MappingNode {
		d.problem(n, "%s must be a mapping (key: value), not %s%s", what, kindOf(n), hintFor(n, what))
		return keys
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch line, twice := lines[key.Value]; {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!null":
			d.problem(key, "a key of %s is %s; keys are words", what, kindOf(key))
		case twice:
			d.problem(key, "%q is already set on line %d", key.Value, line)
		default:
			lines[key.Value], keys[key.Value] = key.Line, value
			f(key, value)
		}
	}
	return keys
}

func (d *decoder) oneOf(n *yaml.Node, words []string, what string) {
	if words == nil {
		return
	}
	if n.Kind == yaml.SequenceNode {
		for _, c := range n.Content {
			d.oneOf(c, words, what)
		}
		return
	}
	if n.Tag == "!!str" && !slices.Contains(words, n.Value) {
		if hint := suggestion(n.Value, words); hint != "" {
			d.problem(n, "%s cannot be %q%s", what, n.Value, hint)
			return
		}
		d.problem(n, "%s cannot be %q; it is one of %s", what, n.Value, strings.Join(words, ", "))
	}
}

// text accepts strings only: YAML would read no, 017 and 1e3 as something else
// than what was meant, so those must be quoted.
func (d *decoder) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		d.problem(n, "%s must be text, not %s%s%s", what, kindOf(n), quoteHint(n), hintFor(n, what))
		return ""
	}
	if strings.ContainsRune(n.Value, 0) {
		d.problem(n, "%s holds a NUL character", what)
		return ""
	}
	return n.Value
}

func (d *decoder) boolean(n *yaml.Node, what string) bool {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Value != "true" && n.Value != "false" {
		d.problem(n, "%s must be true or false, not %s%s", what, kindOf(n), yesNo(n))
	}
	return n.Value == "true"
}

func (d *decoder) integer(n *yaml.Node, what string) int {
	i, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || strconv.Itoa(i) != n.Value {
		d.problem(n, "%s must be a whole number, not %s", what, kindOf(n))
		return 0
	}
	return i
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
