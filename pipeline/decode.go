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

// decoder sets the types of file.go from YAML nodes. It is strict. It continues after a problem, so
// that people see all problems at once.
type decoder struct {
	collector
	expandedBytes int             // produced by expanding matrix expressions
	patterns      int             // in the file
	source        *sourceText     // nil: not known
	topIntended   map[string]bool // see source.intended; of the keys at the top of the file
}

// decodable is implemented by types that have more than one form, or rules of their own.
type decodable interface {
	decode(d *decoder, n *yaml.Node, what string)
}

// value decodes a node into v, which is addressable. what names the node in problems.
func (d *decoder) value(n *yaml.Node, v reflect.Value, what string) {
	if custom, ok := v.Addr().Interface().(decodable); ok {
		custom.decode(d, n, what)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(d.string(n, what))
	case reflect.Bool:
		v.SetBool(d.bool(n, what))
	case reflect.Int:
		v.SetInt(int64(d.int(n, what)))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), what)
	case reflect.Slice:
		d.list(n, v, what)
	case reflect.Struct:
		d.mapping(n, v, what)
	}
}

// list decodes a sequence. A single string may stand for a list of strings.
func (d *decoder) list(n *yaml.Node, v reflect.Value, what string) {
	kind := v.Type().Elem().Kind()
	switch {
	case kind == reflect.String && n.Kind == yaml.ScalarNode && n.Tag == "!!str":
		n = &yaml.Node{Kind: yaml.SequenceNode, Line: n.Line, Column: n.Column, Content: []*yaml.Node{n}}
	case n.Kind != yaml.SequenceNode:
		d.problem(n, "%s must be a list, not %s%s", what, kindOf(n), hintFor(n, what))
		return
	}

	items := n.Content
	if len(items) == 0 && (what == "types" || what == "event") {
		d.problem(n, "%s is empty, so nothing can match. Remove it", what)
	}
	if len(items) > maxListItems {
		if kind == reflect.String || kind == reflect.Int { // steps and services have lower limits of their own
			d.problem(n, "%s has %d values; at most %d are allowed", what, len(items), maxListItems)
		}
		items = items[:maxListItems]
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		d.value(item, v.Index(i), fmt.Sprintf("%s[%d]", what, i))
	}
}

// field is a key of a struct: the index of its field, and the words that it allows; nil allows all.
type field struct {
	index []int
	enum  []string
}

// fieldsOf returns the fields of a struct by their keys. A field hides those of embedded structs.
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
		if previous, ok := fields[key]; !ok || len(f.Index) < len(previous.index) {
			fields[key] = field{f.Index, enum}
		}
	}
	return fields
}

// mapping decodes a mapping into a struct. Keys that begin with x- are ignored.
func (d *decoder) mapping(n *yaml.Node, v reflect.Value, what string) {
	known := fieldsOf(v.Type())
	names := slices.Sorted(maps.Keys(known))
	intended := map[string]bool{}
	keys := d.pairs(n, what, func(key, value *yaml.Node) {
		f, ok := known[key.Value]
		switch {
		case ok:
			d.value(value, v.FieldByIndex(f.index), key.Value)
			d.checkEnum(value, f.enum, key.Value)
		case !strings.HasPrefix(key.Value, "x-"):
			intended[d.unknownKey(key, value, what, names)] = true
		}
	})
	if s, ok := v.Addr().Interface().(interface {
		setSource(n *yaml.Node, keys map[string]*yaml.Node)
		setIntended(keys map[string]bool)
	}); ok {
		s.setSource(n, keys)
		s.setIntended(intended)
	}
}

// pairs calls f for each key of a mapping, and returns the values by key. A key that is repeated is a
// problem, and so is a node that is not a mapping.
func (d *decoder) pairs(n *yaml.Node, what string, f func(key, value *yaml.Node)) map[string]*yaml.Node {
	values := map[string]*yaml.Node{}
	if n.Kind != yaml.MappingNode {
		d.problem(n, "%s must be a mapping (key: value), not %s%s", what, kindOf(n), hintFor(n, what))
		return values
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		value := n.Content[i+1]
		switch line, repeated := lines[key.Value]; {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!null":
			d.problem(key, "a key of %s is %s. Keys must be strings", what, kindOf(key))
		case repeated:
			d.problem(key, "%q is already set on line %d", key.Value, line)
		default:
			lines[key.Value] = key.Line
			values[key.Value] = value
			f(key, value)
		}
	}
	return values
}

// checkEnum reports a string, or each string of a list, that is not among the allowed ones. A nil
// list allows all.
func (d *decoder) checkEnum(n *yaml.Node, allowed []string, what string) {
	if allowed == nil {
		return
	}
	if n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			d.checkEnum(item, allowed, what)
		}
		return
	}
	if n.Tag == "!!str" && !slices.Contains(allowed, n.Value) {
		if hint := suggestion(n.Value, allowed); hint != "" {
			d.problem(n, "%s cannot be %q%s", what, n.Value, hint)
			return
		}
		d.problem(n, "%s cannot be %q. Use one of %s", what, n.Value, strings.Join(allowed, ", "))
	}
}

// string accepts strings only. YAML reads no, 017 and 1e3 as something else than most people expect,
// so they must be quoted.
func (d *decoder) string(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		d.problem(n, "%s must be a string, not %s%s%s", what, kindOf(n), quoteHint(n), hintFor(n, what))
		return ""
	}
	if strings.ContainsRune(n.Value, 0) {
		d.problem(n, "%s contains a NUL character", what)
		return ""
	}
	return n.Value
}

// bool accepts true and false only. Some versions of YAML also read yes and on as booleans, which
// is a common source of mistakes.
func (d *decoder) bool(n *yaml.Node, what string) bool {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Value != "true" && n.Value != "false" {
		d.problem(n, "%s must be true or false, not %s%s", what, kindOf(n), boolHint(n))
	}
	return n.Value == "true"
}

// int accepts decimal integers only: 0x10, 1_000 and 010 mean different things to different
// readers.
func (d *decoder) int(n *yaml.Node, what string) int {
	i, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || strconv.Itoa(i) != n.Value {
		d.problem(n, "%s must be an integer, not %s", what, kindOf(n))
		return 0
	}
	return i
}

// stringList decodes a list of at least one string. The first one must not be empty.
func (d *decoder) stringList(n *yaml.Node, what string) (list []string) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		kind := kindOf(n)
		if n.Kind == yaml.SequenceNode {
			kind = "an empty one"
		}
		d.problem(n, "%s must be a list of at least one string, not %s", what, kind)
		return nil
	}
	size := 0
	for _, item := range n.Content {
		list = append(list, d.string(item, what))
		size += len(item.Value)
		if size > maxListBytes {
			d.problem(n, "%s has more than %d bytes", what, maxListBytes)
			break
		}
	}
	if list[0] == "" {
		d.problem(n, "the first item of %s is empty", what)
	}
	return list
}

// kindOf returns what a node is, for problems.
func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "null"
	case n.Tag == "!!bool":
		return "a boolean"
	case n.Tag == "!!int" || n.Tag == "!!float":
		return "a number"
	case n.Tag == "!!timestamp":
		return "a date"
	case n.Tag == "!!str":
		return "a string"
	}
	return "a " + n.Tag + " value"
}

// decode accepts a mapping, or a string, which is a step with only a command.
func (s *Step) decode(d *decoder, n *yaml.Node, _ string) {
	if n.Kind == yaml.ScalarNode {
		s.setSource(n, nil)
		if n.Style == 0 && missingSpace.MatchString(n.Value) {
			d.problem(n, "a space is missing after the colon of %q", n.Value)
			return
		}
		s.Run.decode(d, n, "run")
		return
	}
	d.mapping(n, reflect.ValueOf(s).Elem(), "a step")
}

// decode passes "a service" as the name of the place, by which foreignKeys finds its entries.
func (s *Service) decode(d *decoder, n *yaml.Node, _ string) {
	d.mapping(n, reflect.ValueOf(s).Elem(), "a service")
}

// decode accepts a mapping, or false.
func (c *Clone) decode(d *decoder, n *yaml.Node, what string) {
	if n.Kind != yaml.ScalarNode {
		d.mapping(n, reflect.ValueOf(c).Elem(), what)
		return
	}
	c.setSource(n, nil)
	c.Off = true
	if n.Tag != "!!bool" || n.Value != "false" {
		d.problem(n, "clone must be false or a mapping, for example {depth: 0}, not %s", kindOf(n))
	}
}

// decode accepts a mapping of events, or their names only: on: push, and on: [push].
func (o *On) decode(d *decoder, n *yaml.Node, what string) {
	if n.Kind == yaml.SequenceNode || n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		n = eventsToMapping(n)
	}
	for i := 1; i < len(n.Content); i += 2 {
		if v := n.Content[i]; n.Kind == yaml.MappingNode && v.Tag == "!!null" {
			n.Content[i] = &yaml.Node{Kind: yaml.MappingNode, Line: v.Line, Column: v.Column}
		}
	}
	d.mapping(n, reflect.ValueOf(o).Elem(), what)
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		d.problem(n, "on names no event, so nothing would ever run. Remove it, or write for example on: [push]")
	}
}

// eventsToMapping turns the name of an event, or a list of names, into a mapping without values.
func eventsToMapping(n *yaml.Node) *yaml.Node {
	names := n.Content
	if n.Kind == yaml.ScalarNode {
		names = []*yaml.Node{n}
	}
	m := &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}
	for _, name := range names {
		null := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: name.Line, Column: name.Column}
		m.Content = append(m.Content, name, null)
	}
	return m
}

// decode keeps the order of the file, which a Go map would lose.
func (j *Jobs) decode(d *decoder, n *yaml.Node, what string) {
	// Each job inherits the env at the top, so too many are not even decoded.
	if count := len(n.Content) / 2; n.Kind == yaml.MappingNode && count > MaxJobs {
		d.tooManyJobs(n, count)
	}
	d.pairs(n, what, func(key, value *yaml.Node) {
		job := &Job{}
		d.mapping(value, reflect.ValueOf(job).Elem(), "a job")
		job.Name = key.Value
		d.checkName(key, key.Value, "job")
		*j = append(*j, job)
	})
	if len(*j) == 0 && n.Kind == yaml.MappingNode {
		d.problem(n, "jobs is empty. Add at least one job")
	}
}
