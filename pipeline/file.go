package pipeline

import (
	"fmt"
	"sort"
	"strings"
)

// FileName is where a repository keeps its pipeline.
const FileName = ".yaci.yml"

// Limits on a file. What is over a limit is refused with its number and the limit.
const (
	MaxFileBytes   = 256 << 10
	MaxSteps       = 100
	MaxScriptBytes = 512 << 10 // of all steps together; they travel in one Secret of at most 1 MiB
	MaxEnvBytes    = 64 << 10
	maxDepth       = 32
	maxNodes       = 20_000 // aliases expanded
)

// File is a parsed .yaci.yml.
type File struct {
	Env   map[string]string // for every step
	Steps []Step
}

// Step is one step with the file's defaults filled in.
type Step struct {
	Name  string // as written, or the first line of Run
	Image string
	Run   string // a script for sh -e
	Env   map[string]string
	Line  int // where the step begins in the file
}

// Problem is one thing wrong with a file.
type Problem struct {
	Line, Column int // from 1
	Text         string
}

func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", FileName, p.Line, p.Column, p.Text)
}

// Problems is the error of Parse: everything wrong with a file, in its order.
type Problems []Problem

// Error is one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func (ps Problems) sorted() Problems {
	sort.SliceStable(ps, func(i, j int) bool {
		if ps[i].Line != ps[j].Line {
			return ps[i].Line < ps[j].Line
		}
		return ps[i].Column < ps[j].Column
	})
	return ps
}
