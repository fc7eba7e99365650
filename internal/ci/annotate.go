package ci

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxMessage = 4 << 10 // bytes of an annotation's message; GitHub takes 64 KiB (docs.github.com, "Create a check run")
	maxTitle   = 255     // bytes, as GitHub has it
)

var (
	// escapes are what a terminal acts on.
	escapes = regexp.MustCompile(`\x1b(\[[0-9;?]*[ -/]*[@-~]|[\]_][^\x07\x1b]*(\x07|\x1b\\)?|[ -/]*[0-~])|[\x00-\x08\x0b-\x1f\x7f]`)
	// command is a line by which a tool speaks to CI, as it does to GitHub Actions
	// (docs.github.com, "Workflow commands for GitHub Actions").
	command = regexp.MustCompile(`^::(error|warning|notice)(?: ([^:]*(?::[^:]+)*?))?::(.*)$`)
	// compiler is how compilers and linters name a place.
	compiler = regexp.MustCompile(`^(?:vet: )?(?:\./)?([^\s:]+\.[A-Za-z0-9_]+):([1-9][0-9]{0,6}):([1-9][0-9]{0,4}): (.+)$`)
)

// spoken reads a line that speaks to CI. With no place in a file it is none of a check's.
func spoken(line string) (a Annotation, ok bool) {
	if !strings.HasPrefix(line, "::") {
		return a, false
	}
	m := command.FindStringSubmatch(line)
	if m == nil {
		return a, false
	}
	a = Annotation{Level: map[string]string{"error": "failure", "warning": "warning", "notice": "notice"}[m[1]], Message: unescape(m[3])}
	for pair := range strings.SplitSeq(m[2], ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		value = strings.NewReplacer("%3A", ":", "%2C", ",").Replace(unescape(value))
		switch name {
		case "file":
			a.Path = value
		case "line":
			a.Line, _ = strconv.Atoi(value) // what is no number is no place
		case "endLine":
			a.End, _ = strconv.Atoi(value)
		case "col":
			a.Column, _ = strconv.Atoi(value)
		case "title":
			a.Title = shortened(value, maxTitle)
		}
	}
	return a, true
}

// compiled reads a line as a compiler or linter writes it.
func compiled(line string) (a Annotation, ok bool) {
	m := compiler.FindStringSubmatch(line)
	if m == nil {
		return a, false
	}
	a = Annotation{Path: m[1], Level: "failure", Message: m[4]}
	a.Line, _ = strconv.Atoi(m[2])
	a.Column, _ = strconv.Atoi(m[3])
	switch kind, _, _ := strings.Cut(strings.ToLower(a.Message), " "); strings.TrimRight(kind, ":") {
	case "warning":
		a.Level = "warning"
	case "note", "info":
		a.Level = "notice"
	}
	return a, true
}

// placed makes an annotation one that GitHub takes; false: it names no line of a
// file of the repository, or says nothing.
func placed(a Annotation) (Annotation, bool) {
	a.Path = path.Clean(a.Path)
	if a.Path == "." || path.IsAbs(a.Path) || strings.HasPrefix(a.Path, "..") || a.Line < 1 || strings.TrimSpace(a.Message) == "" {
		return Annotation{}, false
	}
	a.End, a.Column, a.Message = max(a.End, a.Line), max(a.Column, 0), shortened(a.Message, maxMessage)
	return a, true
}

// PlainLine is a line of a log as people read it, without what terminals act on.
func PlainLine(line string) string {
	line = strings.TrimRight(line, "\r\n")
	for i := range len(line) {
		if c := line[i]; c < ' ' && c != '\t' || c >= 0x7f {
			return strings.ToValidUTF8(escapes.ReplaceAllString(line, ""), "\uFFFD")
		}
	}
	return line
}

func unescape(s string) string {
	return strings.NewReplacer("%0A", "\n", "%0D", "", "%25", "%").Replace(s)
}

// shortened cuts a text to so many bytes, between characters.
func shortened(s string, most int) string {
	if len(s) <= most {
		return s
	}
	s = s[:most-3]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}
