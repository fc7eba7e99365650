package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// document bounds the input before and after YAML is read, and returns the
// root value with aliases and merge keys filled in.
func document(data []byte) (*yaml.Node, error) {
	switch {
	case len(data) > MaxFileBytes:
		return nil, Problems{{1, 1, fmt.Sprintf("the file has %d bytes; at most %d are allowed", len(data), MaxFileBytes)}}
	case !utf8.Valid(data) || bytes.HasPrefix(data, []byte("\ufeff")):
		return nil, Problems{{1, 1, "the file is not plain UTF-8; save it as UTF-8 without a byte order mark"}}
	// a value needs one of them; scripts have some too
	case bytes.Count(data, []byte("\n"))+bytes.Count(data, []byte(",")) > 3*maxNodes:
		return nil, Problems{{1, 1, fmt.Sprintf("the file has more than %d lines and commas", 3*maxNodes)}}
	}
	for _, check := range []func([]byte) Problems{turned, lineBreaks, nesting} {
		if found := check(data); found != nil {
			return nil, bounded(found)
		}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, Problems{{1, 1, "the file is empty; it needs at least image and steps"}}
	} else if err != nil {
		return nil, yamlProblem(data, err)
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, Problems{{max(more.Line, 1), 1, "a second document begins here; one file is one pipeline"}}
	}
	hidden := &decoder{}
	hidden.within(func() { newSourceText(data).hidden(&doc, hidden) })
	if len(hidden.problems) > 0 {
		return nil, hidden.problems.sorted()
	}
	f := flattener{left: maxNodes, bytes: MaxRunBytes}
	root := f.flat(doc.Content[0], maxDepth)
	if len(f.problems) > 0 {
		return nil, f.problems.sorted()
	}
	return root, nil
}

// yamlProblem finds the position in yaml.v3's own errors, which are text only.
func yamlProblem(data []byte, err error) Problems {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	line = max(line, 1)
	all := bytes.Split(data, []byte("\n"))
	if line <= len(all) && bytes.HasPrefix(bytes.TrimLeft(all[line-1], " "), []byte("\t")) {
		return Problems{{line, 1, "not valid YAML: a tab cannot indent; use spaces"}}
	}
	if at, hint := syntaxHint(all, line, text); hint != "" {
		return Problems{{at, 1, "not valid YAML: " + hint}}
	}
	return Problems{{line, 1, clipTo("not valid YAML: "+text, maxProblemBytes)}}
}

// flattener copies a tree, with aliases and merge keys (<<) filled in, within a budget.
type flattener struct {
	left     int // values
	bytes    int // of their text
	problems Problems
}

func (f *flattener) flat(n *yaml.Node, depth int) *yaml.Node {
	for n.Kind == yaml.AliasNode && depth > 0 {
		n, depth = n.Alias, depth-1
	}
	f.left--
	f.bytes -= len(n.Value)
	if depth == 0 || f.left < 0 || f.bytes < 0 {
		if f.bytes < 0 && len(f.problems) == 0 {
			f.problems = Problems{
				{n.Line, n.Column, fmt.Sprintf("more than %d bytes of text once aliases are filled in", MaxRunBytes)},
			}
		} else if len(f.problems) == 0 {
			f.problems = Problems{{n.Line, n.Column, fmt.Sprintf("nested more than %d deep, or more than %d values once aliases are filled in", maxDepth, maxNodes)}}
		}
		return &yaml.Node{
			Kind:   yaml.ScalarNode,
			Tag:    "!!null",
			Line:   n.Line,
			Column: n.Column,
		}
	}
	out := *n
	out.Content = nil
	if n.Kind != yaml.MappingNode {
		for _, c := range n.Content {
			out.Content = append(out.Content, f.flat(c, depth-1))
		}
		return &out
	}
	seen := map[string]bool{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content) && f.left >= 0; i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Tag == "!!merge" {
			merged = append(merged, f.flat(value, depth-1))
			continue
		}
		key = f.flat(key, depth-1)
		seen[key.Value] = true
		out.Content = append(out.Content, key, f.flat(value, depth-1))
	}
	for _, m := range merged {
		f.merge(&out, m, seen)
	}
	return &out
}

// merge adds the keys of a mapping, or of a list of them, that are not there yet.
func (f *flattener) merge(out, from *yaml.Node, seen map[string]bool) {
	switch from.Kind {
	case yaml.SequenceNode:
		for _, c := range from.Content {
			f.merge(out, c, seen)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(from.Content); i += 2 {
			if key := from.Content[i]; !seen[key.Value] {
				seen[key.Value] = true
				out.Content = append(out.Content, key, from.Content[i+1])
			}
		}
	default:
		if len(f.problems) >= maxFound {
			return
		}
		f.problems = append(f.problems, Problem{from.Line, from.Column, "<< needs a mapping to merge, like *anchor"})
	}
}
