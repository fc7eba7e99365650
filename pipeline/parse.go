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

// Parse reads a file strictly. The error is of type Problems.
func Parse(data []byte) (*File, error) {
	root, err := document(data)
	if err != nil {
		return nil, err
	}
	p := &parser{}
	file := p.file(root)
	if len(p.problems) > 0 {
		return nil, p.problems.sorted()
	}
	return file, nil
}

// yamlLine finds the position in yaml.v3's own errors, which are text only.
func yamlProblem(err error) Problems {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	return Problems{{line, 1, "not valid YAML: " + text}}
}

// document bounds the input before and after YAML is read, and returns the root value.
func document(data []byte) (*yaml.Node, error) {
	switch {
	case len(data) > MaxFileBytes:
		return nil, Problems{{1, 1, fmt.Sprintf("the file has %d bytes; at most %d are allowed", len(data), MaxFileBytes)}}
	case !utf8.Valid(data) || bytes.HasPrefix(data, []byte("\ufeff")):
		return nil, Problems{{1, 1, "the file is not plain UTF-8; save it as UTF-8 without a byte order mark"}}
	case nesting(data) > maxDepth:
		return nil, Problems{{1, 1, fmt.Sprintf("brackets are nested more than %d deep", maxDepth)}}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, Problems{{1, 1, "the file is empty; it needs at least image and steps"}}
	} else if err != nil {
		return nil, yamlProblem(err)
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, Problems{{max(more.Line, 1), 1, "a second document begins here; one file is one pipeline"}}
	}
	left := maxNodes
	if at := tooLarge(doc.Content[0], maxDepth, &left); at != nil {
		return nil, Problems{{at.Line, at.Column, "too deeply nested, or too large once its aliases are filled in"}}
	}
	return doc.Content[0], nil
}

// nesting is the deepest flow nesting that the bytes could open. It guards
// yaml.v3's recursive parser, so counting brackets in strings too is on the safe side.
func nesting(data []byte) (deepest int) {
	depth := 0
	for _, b := range data {
		switch b {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(depth-1, 0)
		case '\n':
			if depth < 4 {
				depth = 0
			}
		}
		deepest = max(deepest, depth)
	}
	return deepest
}

// tooLarge walks the tree as if aliases were filled in, and returns the node
// where the budget ends, or nil.
func tooLarge(n *yaml.Node, depth int, left *int) *yaml.Node {
	*left--
	if depth == 0 || *left < 0 {
		return n
	}
	if n.Kind == yaml.AliasNode {
		if at := tooLarge(n.Alias, depth-1, left); at != nil {
			return n
		}
	}
	for _, c := range n.Content {
		if at := tooLarge(c, depth-1, left); at != nil {
			return at
		}
	}
	return nil
}
