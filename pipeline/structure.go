package pipeline

import (
	"bytes"
	"fmt"
	"regexp"
)

// nesting finds where a text is nested more than maxDepth deep, in brackets or in
// "- - -" indicators, before yaml.v3's recursive parser sees it. It counts what
// YAML reads as structure, and so passes over comments, quoted strings, block
// scalars and plain text: scripts are full of brackets.
//
// It follows the common forms of YAML and not its whole grammar. That is enough,
// because yaml.v3 has a limit of its own (10,000) and flattener counts the tree.
func nesting(data []byte) Problems {
	s := structure{data: data, line: 1, parent: -1}
	for s.at < len(s.data) {
		s.node()
		if deepest := max(s.flow, s.dashes); deepest > maxDepth {
			return Problems{{s.line, s.column(), fmt.Sprintf("the file is nested more than %d deep here", maxDepth)}}
		}
	}
	return nil
}

// structure is a position in a text, and what encloses it.
type structure struct {
	data      []byte
	at        int
	line      int // from 1
	lineStart int // offset of the line
	flow      int // open brackets
	dashes    int // "- ", "? " and ": " that open a collection on this line
	parent    int // column, from 0, of the innermost collection that begins on this line
}

// column counts bytes from 1, which is exact before the first non-ASCII character.
func (s *structure) column() int { return min(s.at, len(s.data)) - s.lineStart + 1 }

// byteAt is the byte at an offset, or a line feed behind the end.
func (s *structure) byteAt(i int) byte {
	if i >= len(s.data) {
		return '\n'
	}
	return s.data[i]
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// isFlow reports whether b ends a value in brackets.
func isFlow(b byte) bool { return b == ',' || b == '[' || b == ']' || b == '{' || b == '}' }

// node passes over one indicator, scalar or space.
func (s *structure) node() {
	start := s.at
	switch b := s.data[s.at]; {
	case b == '\n':
		s.newLine()
	case b == ' ' || b == '\t' || b == '\r':
		s.at++
	case b == '#':
		s.toLineEnd()
	case b == '[' || b == '{':
		s.flow++
		s.at++
	case b == ']' || b == '}':
		s.flow = max(s.flow-1, 0)
		s.at++
	case b == ',' && s.flow > 0:
		s.at++
	case (b == '-' || b == '?' || b == ':') && isSpace(s.byteAt(s.at+1)):
		s.dashes++
		if b != ':' {
			s.parent = s.at - s.lineStart
		}
		s.at++
	case b == '&' || b == '*' || b == '!':
		for !isSpace(s.byteAt(s.at)) && (s.flow == 0 || !isFlow(s.byteAt(s.at))) {
			s.at++
		}
	case b == '"' || b == '\'':
		s.quoted(b)
		s.keyEnd(start)
	case (b == '|' || b == '>') && s.flow == 0:
		s.blockScalar()
	default:
		s.plain()
		s.keyEnd(start)
	}
}

func (s *structure) newLine() {
	s.at++
	s.line++
	s.lineStart = s.at
	s.dashes = 0
	s.parent = -1
}

func (s *structure) toLineEnd() {
	for s.byteAt(s.at) != '\n' {
		s.at++
	}
}

// quoted passes over a string in quotes, which may have several lines.
func (s *structure) quoted(quote byte) {
	for s.at++; s.at < len(s.data); s.at++ {
		switch b := s.data[s.at]; {
		case b == '\n':
			s.line++
			s.lineStart = s.at + 1
		case b == '\\' && quote == '"':
			s.at++
		case b == quote && quote == '\'' && s.byteAt(s.at+1) == '\'':
			s.at++
		case b == quote:
			s.at++
			return
		}
	}
}

// plain passes over text without quotes, to where a key, a comment, the line or, in brackets, the value ends.
func (s *structure) plain() {
	for ; s.byteAt(s.at) != '\n'; s.at++ {
		b, next := s.data[s.at], s.byteAt(s.at+1)
		switch {
		case b == ':' && (isSpace(next) || s.flow > 0 && isFlow(next)):
			return
		case s.flow > 0 && isFlow(b):
			return
		case (b == ' ' || b == '\t') && next == '#':
			return
		}
	}
}

// keyEnd passes over the colon behind a key, which began at start.
func (s *structure) keyEnd(start int) {
	if s.byteAt(s.at) != ':' {
		return
	}
	s.at++
	if s.flow == 0 && start >= s.lineStart {
		s.parent = start - s.lineStart
	}
}

var blockHeader = regexp.MustCompile(`^[|>][-+1-9]{0,2}[ \t\r]*(#.*)?$`)

// blockScalar passes over a block scalar (| or >): all lines that are indented
// at least as its first one, which must be indented more than the collection around it.
func (s *structure) blockScalar() {
	begin, parent := s.at, s.parent
	s.toLineEnd()
	if !blockHeader.Match(s.data[begin:s.at]) {
		return // no block scalar, which yaml.v3 refuses
	}
	content := -1
	if i := bytes.IndexAny(s.data[begin:min(begin+3, s.at)], "123456789"); i > 0 {
		content = max(parent, 0) + int(s.data[begin+i]-'0')
	}
	for s.at < len(s.data) {
		s.newLine()
		next := s.at
		for s.byteAt(next) == ' ' {
			next++
		}
		indent := next - s.at
		b := s.byteAt(next)
		if b == '\n' || b == '\r' { // a blank line belongs to the scalar
			s.at = next
			s.toLineEnd()
			continue
		}
		if content < 0 {
			content = max(indent, parent+1)
		}
		if indent < content {
			return
		}
		s.toLineEnd()
	}
}
