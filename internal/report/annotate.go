package report

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/yaci-ci/yaci/internal/ci"
)

// maxMessage bounds an annotation's message, in bytes; GitHub takes 64 KiB (docs.github.com, "Create a check run").
const maxMessage = 4 << 10

var (
	// escapes are what a terminal acts on.
	escapes = regexp.MustCompile(`\x1b(\[[0-9;?]*[ -/]*[@-~]|[\]_][^\x07\x1b]*(\x07|\x1b\\)?|[ -/]*[0-~])|[\x00-\x08\x0b-\x1f\x7f]`)
	// command is a line by which a tool speaks to CI, as it does to GitHub Actions
	// (docs.github.com, "Workflow commands for GitHub Actions").
	command = regexp.MustCompile(`^::(error|warning|notice)(?: ([^:]*(?::[^:]+)*?))?::(.*)$`)
	// compiler is how compilers and linters name a place.
	compiler = regexp.MustCompile(`^(?:\./)?([^\s:]+\.[A-Za-z0-9_]+):([1-9][0-9]{0,6}):([1-9][0-9]{0,4}): (.+)$`)
)

// annotation reads one line of a log. Paths lead from the root of the repository.
func annotation(line string) (a ci.Annotation, ok bool) {
	line = plain(line)
	if m := command.FindStringSubmatch(line); m != nil {
		a = ci.Annotation{Level: map[string]string{"error": "failure", "warning": "warning", "notice": "notice"}[m[1]], Message: unescape(m[3])}
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
				a.Title = shortened(value, 255)
			}
		}
	} else if m := compiler.FindStringSubmatch(line); m != nil {
		a = ci.Annotation{Path: m[1], Level: "failure", Message: m[4]}
		a.Line, _ = strconv.Atoi(m[2])
		a.Column, _ = strconv.Atoi(m[3])
		if strings.HasPrefix(strings.ToLower(a.Message), "warning") {
			a.Level = "warning"
		}
	}
	a.Path = path.Clean(a.Path)
	if a.Path == "." || path.IsAbs(a.Path) || strings.HasPrefix(a.Path, "..") || a.Line < 1 || strings.TrimSpace(a.Message) == "" {
		return ci.Annotation{}, false
	}
	a.End, a.Column, a.Message = max(a.End, a.Line), max(a.Column, 0), shortened(a.Message, maxMessage)
	return a, true
}

// plain is a line as people read it.
func plain(line string) string {
	return strings.ToValidUTF8(escapes.ReplaceAllString(strings.TrimRight(line, "\r\n"), ""), "\uFFFD")
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
