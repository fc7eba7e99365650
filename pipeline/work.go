package pipeline

import (
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"gopkg.in/yaml.v3"
)

// matchWork counts what comparing patterns with changed paths costs, and
// remembers answers: the cells of a matrix share their patterns. A comparison
// costs a fixed amount, and the product of both lengths for each alternative in
// braces, which is what a glob's backtracking can cost at most.
type matchWork struct {
	left    int
	problem *Problem
	known   map[*string]answer // by the first pattern of a list
}

type answer struct {
	path string // that matches
	yes  bool
}

const comparisonCost = 300 // that of short texts

// firstMatch finds the first of paths that the patterns match. When the budget
// is used up, it says that they match, and notes a problem.
func (w *matchWork) firstMatch(p Patterns, paths []string, what string) (path string, yes bool) {
	if known, ok := w.known[&p[0]]; ok {
		return known.path, known.yes
	}
	path, yes = w.search(p, paths, what)
	if w.known == nil {
		w.known = map[*string]answer{}
	}
	w.known[&p[0]] = answer{path, yes}
	return path, yes
}

func (w *matchWork) search(p Patterns, paths []string, what string) (path string, yes bool) {
	fixed, perByte := 0, 0
	for _, pattern := range p {
		fixed += comparisonCost
		if strings.ContainsAny(pattern, "*?[{") {
			perByte += len(pattern) * alternatives(pattern)
		}
	}
	for _, path := range paths {
		if w.left -= fixed + perByte*len(path); w.left < 0 {
			w.problem = &Problem{
				1,
				1,
				fmt.Sprintf(
					"comparing the patterns of %s (%d of them) and those before with %d changed paths or names takes too long; "+
						"use fewer or shorter patterns, with fewer * and {}",
					what,
					len(p),
					len(paths),
				),
			}
			return path, true
		}
		if p.match(path) {
			return path, true
		}
	}
	return "", false
}

// match lets the last pattern that matches decide. Exclusions alone exclude from everything.
func (p Patterns) match(name string) bool {
	yes := strings.HasPrefix(p[0], "!")
	for _, pattern := range p {
		glob, not := strings.CutPrefix(pattern, "!")
		if ok, _ := doublestar.Match(glob, name); ok {
			yes = !not
		}
	}
	return yes
}

// problemAt gives a problem its place in the file.
func problemAt(n *yaml.Node, p Problem) Problem {
	p.Line, p.Column = max(n.Line, 1), max(n.Column, 1)
	return p
}
