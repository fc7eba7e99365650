package pipeline

import (
	"bytes"
	"fmt"
	"regexp"
)

// checkNesting reports where a text is nested more than maxDepth levels deep, in brackets or in
// "- - -" indicators, before the recursive parser of yaml.v3 sees it. It counts only what YAML reads
// as structure. It skips comments, quoted strings, block scalars and plain text, because scripts are
// full of brackets.
//
// It knows the common forms of YAML and not the whole grammar. That is enough, because yaml.v3 has
// its own limit (10,000) and aliasExpander checks the tree.
func checkNesting(data []byte) Problems {
	s := nestingScanner{data: data, line: 1, parent: -1}
	for s.offset < len(s.data) {
		s.next()
		if deepest := max(s.brackets, s.indicators); deepest > maxDepth {
			return Problems{{s.line, s.column(), fmt.Sprintf("the file is nested more than %d levels deep here", maxDepth)}}
		}
	}
	return nil
}

// nestingScanner is a position in a text, with what encloses it.
type nestingScanner struct {
	data       []byte
	offset     int
	line       int // from 1
	lineStart  int // offset of the line
	brackets   int // that are open
	indicators int // "- ", "? " and ": " that open a collection on this line
	parent     int // column, from 0, of the innermost collection that begins on this line
}

// column returns the column in bytes, from 1. It equals that in characters before the first non-ASCII
// character.
func (s *nestingScanner) column() int { return min(s.offset, len(s.data)) - s.lineStart + 1 }

// byteAt returns the byte at an offset, or a line feed after the end.
func (s *nestingScanner) byteAt(i int) byte {
	if i >= len(s.data) {
		return '\n'
	}
	return s.data[i]
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// isFlowIndicator reports whether b ends a plain value inside brackets.
func isFlowIndicator(b byte) bool { return b == ',' || b == '[' || b == ']' || b == '{' || b == '}' }

// next skips one indicator, scalar or space.
func (s *nestingScanner) next() {
	start := s.offset
	switch b := s.data[s.offset]; {
	case b == '\n':
		s.newLine()
	case b == ' ' || b == '\t' || b == '\r':
		s.offset++
	case b == '#':
		s.skipLine()
	case b == '[' || b == '{':
		s.brackets++
		s.offset++
	case b == ']' || b == '}':
		s.brackets = max(s.brackets-1, 0)
		s.offset++
	case b == ',' && s.brackets > 0:
		s.offset++
	case (b == '-' || b == '?' || b == ':') && isSpace(s.byteAt(s.offset+1)):
		s.indicators++
		if b != ':' {
			s.parent = s.offset - s.lineStart
		}
		s.offset++
	case b == '&' || b == '*' || b == '!':
		for !isSpace(s.byteAt(s.offset)) && (s.brackets == 0 || !isFlowIndicator(s.byteAt(s.offset))) {
			s.offset++
		}
	case b == '"' || b == '\'':
		s.quoted(b)
		s.keyEnd(start)
	case (b == '|' || b == '>') && s.brackets == 0:
		s.blockScalar()
	default:
		s.plain()
		s.keyEnd(start)
	}
}

// newLine moves to the next line, where a block collection can begin anew.
func (s *nestingScanner) newLine() {
	s.offset++
	s.line++
	s.lineStart = s.offset
	s.indicators = 0
	s.parent = -1
}

func (s *nestingScanner) skipLine() {
	for s.byteAt(s.offset) != '\n' {
		s.offset++
	}
}

// quoted skips a quoted string, which can span several lines.
func (s *nestingScanner) quoted(quote byte) {
	for s.offset++; s.offset < len(s.data); s.offset++ {
		switch b := s.data[s.offset]; {
		case b == '\n':
			s.line++
			s.lineStart = s.offset + 1
		case b == '\\' && quote == '"':
			s.offset++
		case b == quote && quote == '\'' && s.byteAt(s.offset+1) == '\'':
			s.offset++
		case b == quote:
			s.offset++
			return
		}
	}
}

// plain skips text without quotes, up to the end of a key, the line, or the value inside brackets, or
// up to a comment.
func (s *nestingScanner) plain() {
	for ; s.byteAt(s.offset) != '\n'; s.offset++ {
		b := s.data[s.offset]
		next := s.byteAt(s.offset + 1)
		switch {
		case b == ':' && (isSpace(next) || s.brackets > 0 && isFlowIndicator(next)):
			return
		case s.brackets > 0 && isFlowIndicator(b):
			return
		case (b == ' ' || b == '\t') && next == '#':
			return
		}
	}
}

// keyEnd skips the colon after a key that began at start.
func (s *nestingScanner) keyEnd(start int) {
	if s.byteAt(s.offset) != ':' {
		return
	}
	s.offset++
	if s.brackets == 0 && start >= s.lineStart {
		s.parent = start - s.lineStart
	}
}

var blockScalarHeader = regexp.MustCompile(`^[|>][-+1-9]{0,2}[ \t\r]*(#.*)?$`)

// blockScalar skips a block scalar (| or >): all lines that are indented at least as much as its
// first line, which must be indented more than the enclosing collection.
func (s *nestingScanner) blockScalar() {
	begin := s.offset
	parent := s.parent
	s.skipLine()
	if !blockScalarHeader.Match(s.data[begin:s.offset]) {
		return // not a block scalar; yaml.v3 rejects it
	}
	indent := -1
	if i := bytes.IndexAny(s.data[begin:min(begin+3, s.offset)], "123456789"); i > 0 {
		indent = max(parent, 0) + int(s.data[begin+i]-'0')
	}
	for s.offset < len(s.data) {
		s.newLine()
		text := s.offset
		for s.byteAt(text) == ' ' {
			text++
		}
		lineIndent := text - s.offset
		if b := s.byteAt(text); b == '\n' || b == '\r' { // a blank line belongs to the scalar
			s.offset = text
			s.skipLine()
			continue
		}
		if indent < 0 {
			indent = max(lineIndent, parent+1)
		}
		if lineIndent < indent {
			return
		}
		s.skipLine()
	}
}
