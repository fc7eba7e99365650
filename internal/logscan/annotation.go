package logscan

import (
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

const (
	maxMessage = 4 << 10 // bytes of an annotation's message; GitHub accepts 64 KiB (docs.github.com, "Create a check run")
	maxTitle   = 255     // bytes of an annotation's title, as GitHub limits it
)

// Levels of annotations, by the names that GitHub gives them.
const (
	levelFailure = "failure"
	levelWarning = "warning"
	levelNotice  = "notice"
)

// workflowCommandLine matches a line with which a tool reports to CI, as it does to GitHub
// Actions (docs.github.com, "Workflow commands for GitHub Actions").
var workflowCommandLine = regexp.MustCompile(`^::(error|warning|notice)(?: ([^:]*(?::[^:]+)*?))?::(.*)$`)

// workflowCommand parses a workflow command that reports an error, a warning or a notice.
// The annotation has no path if the command names no file.
func workflowCommand(line string) (a ci.Annotation, ok bool) {
	if !strings.HasPrefix(line, "::") {
		return a, false
	}
	m := workflowCommandLine.FindStringSubmatch(line)
	if m == nil {
		return a, false
	}
	a = ci.Annotation{
		Level:   map[string]string{"error": levelFailure, "warning": levelWarning, "notice": levelNotice}[m[1]],
		Message: unescapeData(m[3]),
	}
	for pair := range strings.SplitSeq(m[2], ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		value = strings.NewReplacer("%3A", ":", "%2C", ",").Replace(unescapeData(value))
		switch name {
		case "file":
			a.Path = value
		case "line":
			a.Line, _ = strconv.Atoi(value) // 0, which is not a line, if it is not a number
		case "endLine":
			a.End, _ = strconv.Atoi(value)
		case "col":
			a.Column, _ = strconv.Atoi(value)
		case "title":
			a.Title = ci.Truncate(value, maxTitle)
		}
	}
	return a, true
}

// unescapeData reverses the escaping of the data of a workflow command.
func unescapeData(s string) string {
	return strings.NewReplacer("%0A", "\n", "%0D", "", "%25", "%").Replace(s)
}

// compilerMessage parses a line as compilers and linters write it:
// PATH:LINE:COLUMN: MESSAGE. It uses no regular expression, because every line of a log is
// tried.
func compilerMessage(line string) (a ci.Annotation, ok bool) {
	rest := strings.TrimPrefix(strings.TrimPrefix(line, "vet: "), "./")
	file, rest, ok := strings.Cut(rest, ":")
	if !ok || !isFileName(file) {
		return a, false
	}
	a = ci.Annotation{Path: file, Level: levelFailure}
	a.Line, rest, ok = cutNumber(rest, 7)
	if !ok {
		return a, false
	}
	a.Column, rest, ok = cutNumber(rest, 5)
	if !ok || len(rest) < 2 || rest[0] != ' ' {
		return a, false
	}
	a.Message = rest[1:]
	switch kind, _, _ := strings.Cut(strings.ToLower(a.Message), " "); strings.TrimRight(kind, ":") {
	case "warning":
		a.Level = levelWarning
	case "note", "info":
		a.Level = levelNotice
	}
	return a, true
}

// isFileName reports whether text is a name with an extension and without white space.
func isFileName(text string) bool {
	dot := strings.LastIndexByte(text, '.')
	if dot < 1 || dot == len(text)-1 || strings.ContainsAny(text, " \t\n\f\r") {
		return false
	}
	for i := dot + 1; i < len(text); i++ {
		c := text[i]
		if !isDigit(c) && c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// cutNumber cuts a number from 1 of at most maxDigits digits, and the colon behind it, off
// the beginning of text.
func cutNumber(text string, maxDigits int) (n int, rest string, ok bool) {
	number, _, ok := strings.Cut(text[:min(len(text), maxDigits+1)], ":")
	if !ok || number == "" || number[0] == '0' {
		return 0, "", false
	}
	for i := range len(number) {
		if !isDigit(number[i]) {
			return 0, "", false
		}
		n = 10*n + int(number[i]-'0')
	}
	return n, text[len(number)+1:], true
}

// valid returns an annotation in the form that GitHub accepts. It returns false if the
// annotation has no message, or does not name a line of a file of the repository.
func valid(a ci.Annotation) (ci.Annotation, bool) {
	a.Path = path.Clean(a.Path)
	outside := a.Path == "." || path.IsAbs(a.Path) || strings.HasPrefix(a.Path, "..")
	if outside || a.Line < 1 || strings.TrimSpace(a.Message) == "" {
		return ci.Annotation{}, false
	}
	a.End = max(a.End, a.Line)
	a.Column = max(a.Column, 0)
	a.Message = ci.Truncate(a.Message, maxMessage)
	return a, true
}
