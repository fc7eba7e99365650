package ci

import (
	"regexp"
	"strings"

	"github.com/yaci-ci/yaci/internal/runner"
)

// MaxAnnotations is how many annotations are read of a log: as many as GitHub takes
// in one call (docs.github.com, "Create a check run").
const MaxAnnotations = 50

const (
	maxRead    = 16 << 10 // bytes that are read of one line
	maxMatched = 8 << 20  // bytes of a log that are matched with regular expressions, about a second's work
	maxBegin   = 512      // bytes in which a line must begin its complaint
)

// Reading is what the log of a failed step says of its mistakes. Its lines are
// added in order; its zero value is ready.
type Reading struct {
	Repo        string // full name, to tell where a package of Go lies
	annotations []Annotation
	first       [kinds]int64
	tests       goTests
	matched     int  // bytes that were matched with regular expressions
	begun       bool // a line that is no note of the runner was read
	inScript    bool
}

// What tells of an error, the most telling first.
const (
	ordered = iota // ::error, which somebody wrote for CI to show
	located        // a line of a file
	marked         // a word that tools begin a complaint with
	kinds
)

// Add reads a line.
func (r *Reading) Add(number int64, line string) {
	line = PlainLine(line[:min(len(line), maxRead)])
	if r.inScript = r.isScript(line); r.inScript {
		return
	}
	if a, ok := compiled(line); ok {
		r.annotate(number, a)
	}
	if r.matched > maxMatched {
		return
	}
	r.matched += r.tests.cost(line)
	for _, h := range r.tests.add(number, line, r.Repo) {
		r.annotate(h.number, h.Annotation)
	}
	if strings.HasPrefix(line, "::") {
		r.matched += len(line)
	}
	if a, ok := spoken(line); ok {
		if a.Level == "failure" {
			r.see(ordered, number)
		}
		r.annotate(number, a)
		return
	}
	if r.complains(line) {
		r.see(marked, number)
	}
}

// isScript reports whether a line belongs to the script that the runner prints at
// the beginning of a step's log (runner.ScriptGroup): a group whose lines are
// indented. What a script contains is no error. Notes of the runner can come before it.
func (r *Reading) isScript(line string) bool {
	if !r.begun {
		r.begun = !strings.HasPrefix(line, runner.NotePrefix)
		return strings.HasPrefix(line, runner.ScriptGroup)
	}
	return r.inScript && strings.HasPrefix(line, runner.ScriptIndent)
}

// annotate takes an annotation in, if it is one.
func (r *Reading) annotate(number int64, a Annotation) {
	a, ok := placed(a)
	if !ok {
		return
	}
	if a.Level == "failure" {
		r.see(located, number)
	}
	if len(r.annotations) < MaxAnnotations {
		r.annotations = append(r.annotations, a)
	}
}

// see notes the first line of a kind. Words of tests come later than their lines.
func (r *Reading) see(kind int, number int64) {
	if r.first[kind] == 0 || number < r.first[kind] {
		r.first[kind] = number
	}
}

// Annotations are what was said of lines of files.
func (r *Reading) Annotations() []Annotation {
	list := r.annotations
	for _, h := range r.tests.told { // of a package whose end was not printed
		a, ok := placed(h.Annotation)
		if ok && len(list) < MaxAnnotations {
			list = append(list, a)
		}
	}
	return list
}

// FirstError is the number of the line with which somebody who wants to know why
// the step failed begins; 0: none stands out, and the last lines say most.
func (r *Reading) FirstError() int64 {
	for _, h := range r.tests.told {
		if _, ok := placed(h.Annotation); ok {
			r.see(located, h.number)
		}
	}
	for _, number := range r.first {
		if number > 0 {
			return number
		}
	}
	return 0
}

// complaint is how tools begin a line that says what went wrong.
var complaint = regexp.MustCompile(`^\s*(?:\[[^\]]{1,40}\]\s*|E +)?(?:` +
	// most compilers, git, maven, npm
	`(?i:fatal error|fatal|error)(?:\[\w+\])?(?: \w+)?:|\[?ERROR\b|ERR!|npm (?:ERR!|error\b)|` +
	`--- FAIL\b|FAIL\b|FAILED\b|FAILURE\b|=+ (?:FAILURES|ERRORS) =+|not ok\b|✗|✘|` + // go, gradle, pytest, TAP, mocha
	`panic: |thread '.*' panicked|Traceback \(most recent call last\)|Exception in thread|` +
	`[\w.]*(?:Error|Exception): |` + // of Python, Java, JavaScript
	`make(?:\[\d+\])?: \*\*\* )|` +
	`^[^\s:]+: (?:[^:]+: )*(?:fatal error|error|command not found|not found)\b`) // cc1: error:, sh: 1: x: not found

// complains reports whether a line begins a complaint. Each has one of a few words, which are cheap to look for.
func (r *Reading) complains(line string) bool {
	line = line[:min(len(line), maxBegin)]
	for _, word := range [...]string{"rror", "ERR", "FAIL", "atal", "FATAL", "panic", "Traceback", "xception", "not ok", "not found", "make", "✗", "✘"} {
		if strings.Contains(line, word) {
			r.matched += len(line)
			return complaint.MatchString(line)
		}
	}
	return false
}
