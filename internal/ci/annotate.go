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
	// command is a line by which a tool speaks to CI, as it does to GitHub Actions
	// (docs.github.com, "Workflow commands for GitHub Actions").
	command = regexp.MustCompile(`^::(error|warning|notice)(?: ([^:]*(?::[^:]+)*?))?::(.*)$`)
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
	a = Annotation{
		Level:   map[string]string{"error": "failure", "warning": "warning", "notice": "notice"}[m[1]],
		Message: unescape(m[3]),
	}
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

// compiled reads a line as a compiler or linter writes it: PATH:LINE:COLUMN: MESSAGE.
// Every line of a log is tried, so it has no regular expression.
func compiled(line string) (a Annotation, ok bool) {
	rest := strings.TrimPrefix(strings.TrimPrefix(line, "vet: "), "./")
	file, rest, ok := strings.Cut(rest, ":")
	if !ok || !isFileName(file) {
		return a, false
	}
	a = Annotation{Path: file, Level: "failure"}
	if a.Line, rest, ok = place(rest, 7); !ok {
		return a, false
	}
	a.Column, rest, ok = place(rest, 5)
	if !ok || len(rest) < 2 || rest[0] != ' ' {
		return a, false
	}
	a.Message = rest[1:]
	switch kind, _, _ := strings.Cut(strings.ToLower(a.Message), " "); strings.TrimRight(kind, ":") {
	case "warning":
		a.Level = "warning"
	case "note", "info":
		a.Level = "notice"
	}
	return a, true
}

// isFileName reports whether a text is a name with an extension, without white space.
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

// place reads a number from 1, of at most so many digits, and the colon behind it.
func place(text string, digits int) (n int, rest string, ok bool) {
	number, _, ok := strings.Cut(text[:min(len(text), digits+1)], ":")
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

// placed makes an annotation one that GitHub takes; false: it names no line of a
// file of the repository, or says nothing.
func placed(a Annotation) (Annotation, bool) {
	a.Path = path.Clean(a.Path)
	if a.Path == "." || path.IsAbs(a.Path) || strings.HasPrefix(a.Path, "..") || a.Line < 1 ||
		strings.TrimSpace(a.Message) == "" {
		return Annotation{}, false
	}
	a.End = max(a.End, a.Line)
	a.Column = max(a.Column, 0)
	a.Message = shortened(a.Message, maxMessage)
	return a, true
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
