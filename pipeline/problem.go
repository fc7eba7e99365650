package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Problem is one mistake in a file.
type Problem struct {
	Line   int    `json:"line"`   // from 1
	Column int    `json:"column"` // from 1, in characters
	Text   string `json:"text"`   // what is wrong, and what to write instead
}

// String returns the problem as FILE:LINE:COLUMN: TEXT.
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", FileName, p.Line, p.Column, p.Text)
}

// Problems is the error of [Parse] and [Compile]: all mistakes in a file, sorted by position.
type Problems []Problem

// Error returns one problem per line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// sorted returns the problems sorted by position and without duplicates: a mistake in a default
// is found again in every job. It returns at most maxProblems and a last one that counts the rest.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Text, b.Text))
	})
	ps = slices.Compact(ps)
	if len(ps) <= maxProblems {
		return ps
	}
	more := fmt.Sprintf("and %d more problems", len(ps)-maxProblems)
	if len(ps) >= maxCollectedProblems {
		more = fmt.Sprintf("and at least %d more problems. The rest of the file was not read", len(ps)-maxProblems)
	}
	return append(ps[:maxProblems:maxProblems], Problem{ps[maxProblems].Line, ps[maxProblems].Column, more})
}

// limited returns at most maxCollectedProblems of the problems, sorted.
func (ps Problems) limited() Problems {
	return slices.Clip(ps[:min(len(ps), maxCollectedProblems)]).sorted()
}

// collector gathers problems until there are too many, or a budget is used up. Its zero value is
// ready to use.
type collector struct {
	problems Problems
	seen     map[Problem]bool
}

// aborted is the panic value of collector.abort. It never leaves this package.
type aborted struct{}

// abort ends the function that guard runs.
func (c *collector) abort() { panic(aborted{}) }

// guard runs f, and returns when f returns or calls abort. The collector has the problems in both
// cases.
func (c *collector) guard(f func()) {
	defer func() {
		r := recover()
		if _, ours := r.(aborted); r != nil && !ours {
			panic(r)
		}
	}()
	f()
}

// problem adds a problem at a node, unless it is known already. The text and each string in args
// are truncated. After maxCollectedProblems it aborts.
func (c *collector) problem(n *yaml.Node, format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = truncate(s, maxQuotedBytes)
		}
	}

	p := Problem{
		Line:   max(n.Line, 1),
		Column: max(n.Column, 1),
		Text:   truncate(fmt.Sprintf(format, args...), maxProblemBytes),
	}
	if c.seen[p] {
		return
	}
	if c.seen == nil {
		c.seen = map[Problem]bool{}
	}
	c.seen[p] = true
	c.problems = append(c.problems, p)
	if len(c.problems) >= maxCollectedProblems {
		c.abort()
	}
}

// truncate returns s, or its beginning and an ellipsis if s has more than limit bytes.
func truncate(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	cut := limit - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// joinShort joins strings, and truncates the result to what a label can show.
func joinShort(list []string, separator string) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(truncate(s, maxLabelValueBytes))
		if b.Len() > maxLabelBytes {
			break
		}
	}
	return truncate(b.String(), maxLabelBytes)
}
