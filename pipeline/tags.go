package pipeline

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// sourceText finds what a node looks like in the file. yaml.v3 drops some of it:
// the tag "!" leaves no trace in a node, and an escape only its result.
type sourceText struct {
	lines []string
	marks map[int][]int // by line: the offset of every markEvery-th character, since aliases ask for long lines often
}

const markEvery = 256

func newSourceText(data []byte) *sourceText {
	return &sourceText{lines: strings.Split(string(data), "\n"), marks: map[int][]int{}}
}

// from is the text from a node to the end of its line, without the line's end.
func (s *sourceText) from(n *yaml.Node) string {
	if n.Line < 1 || n.Line > len(s.lines) {
		return ""
	}
	line := s.lines[n.Line-1]
	offset := 0
	left := n.Column - 1
	if left >= markEvery {
		marks := s.marksOf(n.Line)
		mark := min(left/markEvery, len(marks)-1)
		offset, left = marks[mark], left-mark*markEvery
	}
	for ; left > 0 && offset < len(line); left-- {
		_, size := utf8.DecodeRuneInString(line[offset:])
		offset += size
	}
	return strings.TrimSuffix(line[offset:], "\r")
}

// marksOf returns the offsets of characters 0, markEvery, 2*markEvery and so on in a line.
func (s *sourceText) marksOf(number int) []int {
	if marks, ok := s.marks[number]; ok {
		return marks
	}
	marks, count := []int{0}, 0
	for offset := range s.lines[number-1] {
		if count > 0 && count%markEvery == 0 {
			marks = append(marks, offset)
		}
		count++
	}
	s.marks[number] = marks
	return marks
}

// hidden finds what YAML reads otherwise than it is written, or drops, and what
// would reach a step without a word: tags and escapes of control characters.
func (s *sourceText) hidden(n *yaml.Node, found *decoder) {
	ofFirstKey := n.Kind == yaml.MappingNode && len(n.Content) > 0 && // then the tag is the key's
		n.Content[0].Line == n.Line && n.Content[0].Column == n.Column
	if n.Kind != yaml.AliasNode && n.Kind != yaml.DocumentNode && !ofFirstKey {
		if tag, at := s.tag(n); tag != "" {
			found.problem(at, "%s is a YAML tag, and a step would run without it; %s", tag, instead(n, tag))
		} else if n.Kind == yaml.ScalarNode && n.Style&yaml.DoubleQuotedStyle != 0 {
			s.escapes(n, found)
		}
	}
	for _, c := range n.Content {
		s.hidden(c, found)
	}
}

// tag is the explicit tag of a node, and where it stands: at the beginning of the
// node, or behind its anchor.
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
		for (text == "" || text[0] == '#') && line < len(s.lines) { // properties may stand on lines of their own
			line++
			whole := strings.TrimSuffix(s.lines[line-1], "\r")
			text = strings.TrimLeft(whole, " \t")
			column = 1 + len(whole) - len(text)
		}
	}
	if strings.HasPrefix(text, "!") {
		return clipTo(firstWord(text), maxQuotedBytes), &yaml.Node{Line: line, Column: column}
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

// instead says what to write instead of a tag.
func instead(n *yaml.Node, tag string) string {
	switch {
	case n.Kind != yaml.ScalarNode || n.Value == "":
		return "remove it"
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return "remove it, or put it inside the text"
	case strings.HasPrefix(tag, "!!"):
		return "remove it, and put a value that is text in quotes: " + singleQuoted(clipTo(n.Value, 80))
	}
	return "put the whole value in quotes: " + singleQuoted(clipTo(tag+" "+n.Value, 80))
}

func singleQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// surprising are escapes of double quotes that stand for characters which hardly
// anybody means: in scripts and patterns they are written for their letter.
func surprising(escape byte) string {
	switch escape {
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

// escapes refuses surprising escapes in a string in double quotes.
func (s *sourceText) escapes(n *yaml.Node, found *decoder) {
	text, line := s.from(n), n.Line
	if !strings.ContainsAny(n.Value, "\b\v\f\u00a0\u0085\u2028\u2029") {
		return
	}
	column, open := n.Column, false
	for {
		for i := 0; i < len(text); i++ {
			switch {
			case text[i] == '"' && open:
				return
			case text[i] == '"':
				open = true
			case text[i] == '\\' && open && i+1 < len(text):
				i++
				if what := surprising(text[i]); what != "" {
					at := &yaml.Node{Line: line, Column: column + utf8.RuneCountInString(text[:i-1])}
					found.problem(at, `in double quotes \%c is %s; write \\%c, or use single quotes`, text[i], what, text[i])
					return
				}
			}
		}
		if line >= len(s.lines) {
			return
		}
		text, column = s.lines[line], 1
		line++
	}
}

// lineBreaks finds characters that end a line for YAML and not for the editors
// and pages in which people read a file, so that what looks like a comment could go on as a key.
func lineBreaks(data []byte) (found Problems) {
	number := 0
	for line := range bytes.Lines(data) {
		number++
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if len(found) >= maxFound {
			break
		}
		i := bytes.IndexFunc(line, func(r rune) bool { return r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029' })
		if i < 0 {
			continue
		}
		r, _ := utf8.DecodeRune(line[i:])
		found = append(
			found,
			Problem{
				number,
				utf8.RuneCount(line[:i]) + 1,
				fmt.Sprintf("U+%04X ends a line for YAML, which most editors do not show; "+
					"remove it, or write a line feed", r),
			},
		)
	}
	return found
}
