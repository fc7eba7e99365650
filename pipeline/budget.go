package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// exhausted unwinds a decoder whose budget is used up. It never leaves this package.
type exhausted struct{}

// within runs f until it ends or a budget is used up. Either way d holds the problems.
func (d *decoder) within(f func()) {
	defer func() {
		r := recover()
		_, ours := r.(exhausted)
		if r != nil && !ours {
			panic(r)
		}
	}()
	f()
}

// problem adds a problem, once. Its text is bounded, and so is the number of problems:
// when maxFound are known, the rest of the file is not looked at.
func (d *decoder) problem(n *yaml.Node, format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = clipTo(s, maxQuotedBytes)
		}
	}
	p := Problem{max(n.Line, 1), max(n.Column, 1), clipTo(fmt.Sprintf(format, args...), maxProblemBytes)}
	if d.seen[p] {
		return
	}
	if d.seen == nil {
		d.seen = map[Problem]bool{}
	}
	d.seen[p] = true
	if d.problems = append(d.problems, p); len(d.problems) >= maxFound {
		panic(exhausted{})
	}
}

// spend takes n bytes from what filling in matrix values may produce.
func (d *decoder) spend(at *yaml.Node, n int) {
	if d.filled += n; d.filled > maxFilledBytes {
		d.problem(at, "the values of the matrix, filled in, come to more than %d bytes; "+
			"use fewer combinations, or fewer or shorter texts with ${{ matrix... }}", maxFilledBytes)
		panic(exhausted{})
	}
}

// clipTo shortens a text to so many bytes.
func clipTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	cut := most - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// joined joins words, and stops when the text is long enough to be shown.
func joined(words []string, separator string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteString(separator)
		}
		if b.WriteString(clipTo(w, maxLabelWordBytes)); b.Len() > maxLabelBytes {
			break
		}
	}
	return clipTo(b.String(), maxLabelBytes)
}

func sizeOf(words []string) (size int) {
	for _, w := range words {
		size += len(w) + 1
	}
	return size
}

// size is what a job of one combination comes to when it is stored, without what filling in adds.
func (j *Job) size() int {
	size, shared := stepBytes, j.Env.size()
	for _, s := range j.Steps {
		size += stepBytes + s.Run.Size() + 2*sizeOf(s.Args) + shared + s.Env.size() + sizeOf(s.Shell) + sizeOf(s.Secrets)
	}
	for _, s := range j.Services {
		size += stepBytes + s.Env.size() + sizeOf(s.Command) + sizeOf(s.Args)
	}
	return size
}

// JobBytes estimates what the jobs of the file come to when they are stored.
func (f *File) JobBytes() (size int) {
	for _, j := range f.Jobs {
		size += j.size()
	}
	return size
}

func (e Env) size() (size int) {
	for k, v := range e {
		size += len(k) + len(v) + variableBytes
	}
	return size
}

// runSize refuses jobs that come to more than MaxRunBytes together, before they are made.
func (d *decoder) runSize(f *File, jobs []*Job, cells [][][]variable) {
	total, count := 0, 0
	for i, j := range jobs {
		total += j.size() * len(cells[i])
		count += len(cells[i])
	}
	for i, j := range jobs {
		for _, cell := range cells[i] {
			total += len(j.Steps) * matrixEnv(cell).size()
		}
	}
	if total > MaxRunBytes {
		d.problem(
			f.at("jobs"),
			"the %d jobs of the file come to about %d bytes with their scripts and variables; at most %d are allowed: "+
				"use fewer combinations or steps, or shorter scripts and env",
			count,
			total,
			MaxRunBytes,
		)
		panic(exhausted{})
	}
}

// problems of a text, bounded as those of a decoder.
func bounded(found Problems) Problems {
	return slices.Clip(found[:min(len(found), maxFound)]).sorted()
}
