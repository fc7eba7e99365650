package logscan

import (
	"regexp"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// MaxAnnotations is the largest number of annotations that a scanner collects: as many as
// GitHub accepts in one call (docs.github.com, "Create a check run").
const MaxAnnotations = 50

const (
	maxLineScanned = 16 << 10 // bytes of one line that are scanned
	maxMatched     = 8 << 20  // bytes of a log that are matched with regular expressions; it takes about a second
	maxErrorStart  = 512      // bytes of a line in which looksLikeError looks
)

// ErrorScanner finds errors in the log of a failed step: the line with which to begin to
// read, and annotations for lines of the repository's files. Set Repo, add the lines of
// the log in order, then ask for the results.
type ErrorScanner struct {
	// Repo is the full name of the repository, which tells where a Go package's
	// directory is. If it is empty, paths that go test prints have no directory.
	Repo string

	annotations []ci.Annotation
	firstOf     [signals]int64 // line numbers; 0: none
	goTests     goTestReader
	matched     int  // bytes that were matched with regular expressions
	pastNotes   bool // a line that is not a note of the runner was seen
	inScript    bool // the last line belonged to the script that the runner prints
}

// Signals of an error, the most telling one first.
const (
	errorCommand = iota // ::error, which somebody wrote for CI to show
	errorInFile         // an error with a file and line
	errorWords          // words that tools begin an error message with
	signals
)

// Add scans the next line. Notes are ignored.
func (s *ErrorScanner) Add(l ci.LogLine) {
	if l.Note {
		return
	}
	line := PlainLine(string(l.Text[:min(len(l.Text), maxLineScanned)]))
	if s.inScript = s.isScript(line); s.inScript {
		return
	}
	if a, ok := compilerMessage(line); ok {
		s.annotate(l.Number, a)
	}
	if s.matched > maxMatched {
		return
	}

	s.matched += s.goTests.cost(line)
	for _, m := range s.goTests.add(l.Number, line, s.Repo) {
		s.annotate(m.number, m.Annotation)
	}

	if strings.HasPrefix(line, "::") {
		s.matched += len(line)
	}
	if a, ok := workflowCommand(line); ok {
		if a.Level == levelFailure {
			s.found(errorCommand, l.Number)
		}
		s.annotate(l.Number, a)
		return
	}
	if s.looksLikeError(line) {
		s.found(errorWords, l.Number)
	}
}

// isScript reports whether a line belongs to the script that the runner prints at the
// beginning of a step's log (runner.ScriptGroup), which can be preceded by notes of the
// runner. Its lines are indented. What a script contains is not an error.
func (s *ErrorScanner) isScript(line string) bool {
	if !s.pastNotes {
		s.pastNotes = !strings.HasPrefix(line, runner.NotePrefix)
		return strings.HasPrefix(line, runner.ScriptGroup)
	}
	return s.inScript && strings.HasPrefix(line, runner.ScriptIndent)
}

// annotate adds an annotation that was found in a line of the log, unless it is invalid.
func (s *ErrorScanner) annotate(number int64, a ci.Annotation) {
	a, ok := valid(a)
	if !ok {
		return
	}
	if a.Level == levelFailure {
		s.found(errorInFile, number)
	}
	if len(s.annotations) < MaxAnnotations {
		s.annotations = append(s.annotations, a)
	}
}

// found records the first line with a signal. Messages of Go tests are found only after
// the lines behind them, so a later call can have a smaller number.
func (s *ErrorScanner) found(signal int, number int64) {
	if s.firstOf[signal] == 0 || number < s.firstOf[signal] {
		s.firstOf[signal] = number
	}
}

// Annotations returns what the log says about lines of files, at most MaxAnnotations.
func (s *ErrorScanner) Annotations() []ci.Annotation {
	list := s.annotations
	for _, m := range s.goTests.failures { // of a package whose end was not printed
		a, ok := valid(m.Annotation)
		if ok && len(list) < MaxAnnotations {
			list = append(list, a)
		}
	}
	return list
}

// FirstError returns the number of the line that best explains why the step failed, or 0
// if none was found. Then the last lines usually say most.
func (s *ErrorScanner) FirstError() int64 {
	for _, m := range s.goTests.failures {
		if _, ok := valid(m.Annotation); ok {
			s.found(errorInFile, m.number)
		}
	}
	for _, number := range s.firstOf {
		if number > 0 {
			return number
		}
	}
	return 0
}

// errorStart matches the beginning of a line with which tools report an error.
var errorStart = regexp.MustCompile(`^\s*(?:\[[^\]]{1,40}\]\s*|E +)?(?:` +
	`(?i:fatal error|fatal|error)(?:\[\w+\])?(?: \w+)?:|` + // most compilers, git
	`\[?ERROR\b|ERR!|npm (?:ERR!|error\b)|` + // maven, npm
	`--- FAIL\b|FAIL\b|FAILED\b|FAILURE\b|=+ (?:FAILURES|ERRORS) =+|not ok\b|✗|✘|` + // go, gradle, pytest, TAP, mocha
	`panic: |thread '.*' panicked|Traceback \(most recent call last\)|Exception in thread|` +
	`[\w.]*(?:Error|Exception): |` + // Python, Java, JavaScript
	`make(?:\[\d+\])?: \*\*\* )|` +
	`^[^\s:]+: (?:[^:]+: )*(?:fatal error|error|command not found|not found)\b`) // cc1: error:, sh: 1: x: not found

// looksLikeError reports whether a line begins as tools begin an error message. Every
// such line contains one of a few words, which are cheap to search for.
func (s *ErrorScanner) looksLikeError(line string) bool {
	line = line[:min(len(line), maxErrorStart)]
	for _, word := range [...]string{
		"rror", "ERR", "FAIL", "atal", "FATAL", "panic", "Traceback", "xception", "not ok", "not found", "make", "✗", "✘",
	} {
		if strings.Contains(line, word) {
			s.matched += len(line)
			return errorStart.MatchString(line)
		}
	}
	return false
}
