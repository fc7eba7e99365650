package pipeline

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// The checks in this file reject text that people read differently from what YAML, or the step, gets.

// findBidiControls reports the characters that change the direction in which text is displayed, which
// can make a line look different from what it says (CVE-2021-42574). Arabic and Hebrew do not need
// them.
func findBidiControls(data []byte) (found Problems) {
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		i := strings.IndexFunc(line, isBidiControl)
		if i < 0 {
			continue
		}
		if len(found) >= maxCollectedProblems {
			break
		}
		r, _ := utf8.DecodeRuneInString(line[i:])
		text := fmt.Sprintf("U+%04X changes the direction in which this line is displayed, so it looks different from what "+
			`it says. Remove it, or write it as "\u%04x"`, r, r)
		found = append(found, Problem{number, utf8.RuneCountInString(line[:i]) + 1, text})
	}
	return found
}

// isBidiControl reports whether r is an embedding, override or isolate of Unicode's bidirectional
// algorithm (https://www.unicode.org/reports/tr9/).
func isBidiControl(r rune) bool {
	return '\u202a' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069'
}

// findLineBreaks reports characters that end a line in YAML but not in most editors, where the rest
// of the line looks like part of a comment or a value.
func findLineBreaks(data []byte) (found Problems) {
	isBreak := func(r rune) bool { return r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029' }
	number := 0
	for line := range bytes.Lines(data) {
		number++
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if len(found) >= maxCollectedProblems {
			break
		}
		i := bytes.IndexFunc(line, isBreak)
		if i < 0 {
			continue
		}
		r, _ := utf8.DecodeRune(line[i:])
		text := fmt.Sprintf("U+%04X ends a line in YAML, but most editors do not show that. Remove it, or write a line "+
			"feed", r)
		found = append(found, Problem{number, utf8.RuneCount(line[:i]) + 1, text})
	}
	return found
}

// sourceText finds the text of a node in the file. yaml.v3 drops some of it: the tag "!" leaves no
// trace in a node, and an escape leaves only its result.
type sourceText struct {
	lines       []string
	checkpoints map[int][]int // see checkpointsOf; by line number
}

// checkpointEvery is the number of characters between two checkpoints.
const checkpointEvery = 256

// newSourceText splits a file into lines. Checkpoints are computed when they are needed.
func newSourceText(data []byte) *sourceText {
	return &sourceText{lines: strings.Split(string(data), "\n"), checkpoints: map[int][]int{}}
}

// from returns the text from a node to the end of its line.
func (s *sourceText) from(n *yaml.Node) string {
	if n.Line < 1 || n.Line > len(s.lines) {
		return ""
	}
	line := s.lines[n.Line-1]
	offset := 0
	remaining := n.Column - 1 // characters
	if remaining >= checkpointEvery {
		checkpoints := s.checkpointsOf(n.Line)
		i := min(remaining/checkpointEvery, len(checkpoints)-1)
		offset = checkpoints[i]
		remaining -= i * checkpointEvery
	}
	for ; remaining > 0 && offset < len(line); remaining-- {
		_, size := utf8.DecodeRuneInString(line[offset:])
		offset += size
	}
	return strings.TrimSuffix(line[offset:], "\r")
}

// checkpointsOf returns the byte offsets of every checkpointEvery-th character of a line. Without
// them, a long line with many aliases would be decoded from its beginning for each alias.
func (s *sourceText) checkpointsOf(number int) []int {
	if checkpoints, ok := s.checkpoints[number]; ok {
		return checkpoints
	}
	checkpoints := []int{0}
	count := 0
	for offset := range s.lines[number-1] {
		if count > 0 && count%checkpointEvery == 0 {
			checkpoints = append(checkpoints, offset)
		}
		count++
	}
	s.checkpoints[number] = checkpoints
	return checkpoints
}

// checkHidden reports what YAML drops or reads differently from how it is written: tags, and escapes
// of unusual characters.
func (s *sourceText) checkHidden(n *yaml.Node, found *collector) {
	// A mapping and its first key have the same position. The tag belongs to the key then.
	tagOfFirstKey := n.Kind == yaml.MappingNode && len(n.Content) > 0 &&
		n.Content[0].Line == n.Line && n.Content[0].Column == n.Column
	if n.Kind != yaml.AliasNode && n.Kind != yaml.DocumentNode && !tagOfFirstKey {
		if tag, at := s.tag(n); tag != "" {
			found.problem(at, "%s is a YAML tag, which YACI would drop. %s", tag, tagAdvice(n, tag))
		} else if n.Kind == yaml.ScalarNode && n.Style&yaml.DoubleQuotedStyle != 0 {
			s.checkEscapes(n, found)
		}
	}
	for _, child := range n.Content {
		s.checkHidden(child, found)
	}
}

// tag returns the explicit tag of a node, or "", and its position: the beginning of the node, or after
// the node's anchor.
func (s *sourceText) tag(n *yaml.Node) (tag string, at *yaml.Node) {
	text := s.from(n)
	line := n.Line
	column := n.Column
	if n.Anchor != "" && strings.HasPrefix(text, "&") {
		end := strings.IndexAny(text, " \t")
		if end < 0 {
			end = len(text)
		}
		rest := strings.TrimLeft(text[end:], " \t")
		column += utf8.RuneCountInString(text[:len(text)-len(rest)])
		text = rest
		for (text == "" || text[0] == '#') && line < len(s.lines) { // the tag can be on a later line
			line++
			whole := strings.TrimSuffix(s.lines[line-1], "\r")
			text = strings.TrimLeft(whole, " \t")
			column = 1 + len(whole) - len(text)
		}
	}
	if strings.HasPrefix(text, "!") {
		return truncate(firstWord(text), maxQuotedBytes), &yaml.Node{Line: line, Column: column}
	}
	if n.Style&yaml.TaggedStyle != 0 {
		return n.Tag, n
	}
	return "", nil
}

func firstWord(s string) string {
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i]
	}
	return s
}

// tagAdvice returns what to write instead of a tag.
func tagAdvice(n *yaml.Node, tag string) string {
	const quotedOrBlock = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	switch {
	case n.Kind != yaml.ScalarNode || n.Value == "":
		return "Remove it"
	case n.Style&quotedOrBlock != 0:
		return "Remove it, or put it inside the string"
	case strings.HasPrefix(tag, "!!"):
		return "Remove it, and quote a value that is a string: " + singleQuoted(truncate(n.Value, 80))
	}
	return "Quote the whole value: " + singleQuoted(truncate(tag+" "+n.Value, 80))
}

func singleQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// unusualEscape returns the character that an escape in double quotes stands for, or "" for the usual
// escapes. Hardly anybody wants these characters: in scripts and patterns, the letter after the
// backslash is meant.
func unusualEscape(letter byte) string {
	switch letter {
	case 'b':
		return "a backspace character"
	case 'v':
		return "a vertical tab"
	case 'f':
		return "a form feed"
	case '_':
		return "a no-break space"
	case 'N':
		return "the line break U+0085"
	case 'L':
		return "the line break U+2028"
	case 'P':
		return "the line break U+2029"
	}
	return ""
}

// checkEscapes reports the first unusual escape in a string in double quotes.
func (s *sourceText) checkEscapes(n *yaml.Node, found *collector) {
	if !strings.ContainsAny(n.Value, "\b\v\f\u00a0\u0085\u2028\u2029") {
		return
	}
	text := s.from(n)
	line := n.Line
	column := n.Column
	open := false
	for {
		for i := 0; i < len(text); i++ {
			switch {
			case text[i] == '"' && open:
				return
			case text[i] == '"':
				open = true
			case text[i] == '\\' && open && i+1 < len(text):
				i++
				if what := unusualEscape(text[i]); what != "" {
					at := &yaml.Node{Line: line, Column: column + utf8.RuneCountInString(text[:i-1])}
					found.problem(at, `in double quotes \%c is %s. Write \\%c, or use single quotes`, text[i], what, text[i])
					return
				}
			}
		}
		if line >= len(s.lines) {
			return
		}
		text = s.lines[line]
		column = 1
		line++
	}
}
