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

// parseDocument returns the root of a YAML document, with aliases and merge keys expanded. It checks
// the text before the YAML parser reads it, and the result afterwards.
func parseDocument(data []byte) (*yaml.Node, error) {
	if found := checkText(data); found != nil {
		return nil, found.limited()
	}

	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, Problems{{1, 1, "the file is empty. It needs at least image and steps"}}
	} else if err != nil {
		return nil, yamlProblem(data, err)
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, Problems{{max(more.Line, 1), 1, "a second YAML document begins here. A file is one document"}}
	}

	var hidden collector
	hidden.guard(func() { newSourceText(data).checkHidden(&doc, &hidden) })
	if len(hidden.problems) > 0 {
		return nil, hidden.problems.sorted()
	}
	expander := aliasExpander{nodesLeft: maxNodes, bytesLeft: MaxRunBytes}
	root := expander.expand(doc.Content[0], maxDepth)
	if len(expander.problems) > 0 {
		return nil, expander.problems.sorted()
	}
	return root, nil
}

// checkText checks what can be checked without parsing YAML.
func checkText(data []byte) Problems {
	// A node needs a line or a comma. Scripts have some as well.
	const maxSeparators = 3 * maxNodes
	switch {
	case len(data) > MaxFileBytes:
		return Problems{{1, 1, fmt.Sprintf("the file has %d bytes; at most %d are allowed", len(data), MaxFileBytes)}}
	case !utf8.Valid(data) || bytes.HasPrefix(data, []byte("\ufeff")):
		return Problems{{1, 1, "the file is not plain UTF-8. Save it as UTF-8 without a byte order mark"}}
	case bytes.Count(data, []byte("\n"))+bytes.Count(data, []byte(",")) > maxSeparators:
		return Problems{{1, 1, fmt.Sprintf("the file has more than %d lines and commas", maxSeparators)}}
	}
	for _, check := range []func([]byte) Problems{findBidiControls, findLineBreaks, checkNesting} {
		if found := check(data); found != nil {
			return found
		}
	}
	return nil
}

// yamlErrorLine matches the line number at the beginning of an error of yaml.v3.
var yamlErrorLine = regexp.MustCompile(`^line (\d+): `)

// yamlProblem returns an error of yaml.v3 as a problem. The position is part of the error's text.
func yamlProblem(data []byte, err error) Problems {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := yamlErrorLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	line = max(line, 1)
	lines := bytes.Split(data, []byte("\n"))
	if line <= len(lines) && bytes.HasPrefix(bytes.TrimLeft(lines[line-1], " "), []byte("\t")) {
		return Problems{{line, 1, "invalid YAML: tabs cannot indent. Use spaces"}}
	}
	if hintLine, hint := syntaxHint(lines, line, text); hint != "" {
		return Problems{{hintLine, 1, "invalid YAML: " + hint}}
	}
	return Problems{{line, 1, truncate("invalid YAML: "+text, maxProblemBytes)}}
}

// aliasExpander copies a tree with its aliases and merge keys (<<) expanded, within a budget.
type aliasExpander struct {
	nodesLeft int
	bytesLeft int // of text
	problems  Problems
}

// expand returns a copy of a node and of everything below it. depth is the number of levels that
// are left; the budget of nodes and bytes is that of the whole tree. Aliases can refer to aliases,
// so even a small file can describe a tree of any size ("billion laughs").
func (e *aliasExpander) expand(n *yaml.Node, depth int) *yaml.Node {
	for n.Kind == yaml.AliasNode && depth > 0 {
		n = n.Alias
		depth--
	}
	e.nodesLeft--
	e.bytesLeft -= len(n.Value)
	if depth == 0 || e.nodesLeft < 0 || e.bytesLeft < 0 {
		e.exceeded(n)
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line, Column: n.Column}
	}

	out := *n
	out.Content = nil
	if n.Kind != yaml.MappingNode {
		for _, child := range n.Content {
			out.Content = append(out.Content, e.expand(child, depth-1))
		}
		return &out
	}

	seen := map[string]bool{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content) && e.nodesLeft >= 0; i += 2 {
		key := n.Content[i]
		value := n.Content[i+1]
		if key.Tag == "!!merge" {
			merged = append(merged, e.expand(value, depth-1))
			continue
		}
		key = e.expand(key, depth-1)
		seen[key.Value] = true
		out.Content = append(out.Content, key, e.expand(value, depth-1))
	}
	for _, m := range merged {
		e.merge(&out, m, seen)
	}
	return &out
}

// exceeded reports that the budget or maxDepth is exceeded, once.
func (e *aliasExpander) exceeded(n *yaml.Node) {
	if len(e.problems) > 0 {
		return
	}
	text := fmt.Sprintf("nested more than %d levels deep, or more than %d values after aliases are "+
		"expanded", maxDepth, maxNodes)
	if e.bytesLeft < 0 {
		text = fmt.Sprintf("more than %d bytes of text after aliases are expanded", MaxRunBytes)
	}
	e.problems = Problems{{n.Line, n.Column, text}}
}

// merge adds the keys of a mapping, or of a list of mappings, that are not in seen.
func (e *aliasExpander) merge(out, from *yaml.Node, seen map[string]bool) {
	switch from.Kind {
	case yaml.SequenceNode:
		for _, child := range from.Content {
			e.merge(out, child, seen)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(from.Content); i += 2 {
			if key := from.Content[i]; !seen[key.Value] {
				seen[key.Value] = true
				out.Content = append(out.Content, key, from.Content[i+1])
			}
		}
	default:
		if len(e.problems) < maxCollectedProblems {
			e.problems = append(e.problems, Problem{from.Line, from.Column, "<< needs a mapping to merge, such as *anchor"})
		}
	}
}
