package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with a file.
type Problem struct {
	Line   int    `json:"line"` // from 1
	Column int    `json:"column"`
	Text   string `json:"text"`
}

// String is file:line:col: text.
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", FileName, p.Line, p.Column, p.Text)
}

// Problems is the error of [Parse] and [Compile]: everything wrong with a file, in its order.
type Problems []Problem

// Error is one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// sorted brings them into the order of the file, each once: a wrong default shows in every job.
// More than maxProblems are counted and not shown.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Text, b.Text))
	})
	ps = slices.Compact(ps)
	if len(ps) <= maxProblems {
		return ps
	}
	more := fmt.Sprintf("and %d more problems", len(ps)-maxProblems)
	if len(ps) >= maxFound {
		more = fmt.Sprintf("and at least %d more problems; the rest of the file was not read", len(ps)-maxProblems)
	}
	return append(ps[:maxProblems:maxProblems], Problem{ps[maxProblems].Line, ps[maxProblems].Column, more})
}
