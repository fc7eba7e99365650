package terminal

import (
	"io"
	"unicode"
	"unicode/utf8"
)

// Sanitizer passes a log on to a terminal without what could harm its reader: of
// control sequences only colours (SGR) are left, so that nothing moves the cursor,
// sets the title, makes links, writes to the clipboard or asks the terminal for an
// answer. Characters that turn text around are left out as well, and a carriage
// return that is not before a line feed becomes one, so that no line hides another.
type Sanitizer struct {
	to    io.Writer
	state sanitizerState
	seq   []byte // what of a sequence or a character has come so far
	out   []byte
}

type sanitizerState int

const (
	inText     sanitizerState = iota
	inRune                    // inside a character of several bytes
	inReturn                  // behind a carriage return
	inEscape                  // behind ESC
	inCSI                     // behind ESC [
	inString                  // behind ESC ] and the like, up to BEL or ST
	inStringST                // behind an ESC in there
)

// maxSequence bounds a colour's sequence; longer ones are none.
const maxSequence = 64

// NewSanitizer returns a Sanitizer that writes to a terminal, file or pipe.
func NewSanitizer(to io.Writer) *Sanitizer { return &Sanitizer{to: to} }

// Write takes a part of a log, which may end anywhere.
func (s *Sanitizer) Write(p []byte) (int, error) {
	s.out = s.out[:0]
	for _, c := range p {
		s.next(c)
	}
	if _, err := s.to.Write(s.out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// next takes one byte. A line feed ends every sequence, so that none can hide the rest of a log.
func (s *Sanitizer) next(c byte) {
	if c == '\n' {
		s.endRune()
		s.state, s.seq = inText, s.seq[:0]
		s.out = append(s.out, c)
		return
	}
	switch s.state {
	case inReturn:
		s.out = append(s.out, '\n')
		s.state = inText
		s.text(c)
	case inEscape:
		s.escape(c)
	case inCSI:
		s.csi(c)
	case inString:
		switch c {
		case 0x07:
			s.state = inText
		case 0x1b:
			s.state = inStringST
		}
	case inStringST:
		if s.state = inString; c == '\\' {
			s.state = inText
		}
	case inRune:
		if c&0xc0 != 0x80 {
			s.endRune()
			s.text(c)
			return
		}
		if s.seq = append(s.seq, c); utf8.FullRune(s.seq) {
			s.endRune()
		}
	default:
		s.text(c)
	}
}

// text takes a byte outside of sequences.
func (s *Sanitizer) text(c byte) {
	switch {
	case c == 0x1b:
		s.state = inEscape
	case c == '\r':
		s.state = inReturn
	case c == '\t' || c >= ' ' && c < 0x7f:
		s.out = append(s.out, c)
	case c >= 0x80:
		s.state, s.seq = inRune, append(s.seq[:0], c)
		if utf8.FullRune(s.seq) { // no character begins so
			s.endRune()
		}
	}
}

// endRune passes a character on, unless it controls the terminal or the direction of text.
func (s *Sanitizer) endRune() {
	if s.state != inRune {
		return
	}
	s.state = inText
	r, _ := utf8.DecodeRune(s.seq)
	if !unicode.IsControl(r) && !unicode.Is(unicode.Bidi_Control, r) {
		s.out = utf8.AppendRune(s.out, r)
	}
	s.seq = s.seq[:0]
}

func (s *Sanitizer) escape(c byte) {
	switch {
	case c == '[':
		s.state, s.seq = inCSI, s.seq[:0]
	// OSC, DCS, SOS, PM, APC, and the title of screen
	case c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_' || c == 'k':
		s.state = inString
	case c >= 0x20 && c <= 0x2f: // an intermediate byte, as in ESC ( B
	case c == 0x1b:
	default:
		s.state = inText
	}
}

func (s *Sanitizer) csi(c byte) {
	switch {
	case c == 0x1b:
		s.state = inEscape
	case c >= 0x40 && c <= 0x7e:
		s.state = inText
		if c == 'm' && colours(s.seq) {
			s.out = append(append(append(s.out, "\x1b["...), s.seq...), 'm')
		}
		s.seq = s.seq[:0]
	case c >= 0x80:
		s.state = inText
		s.text(c)
	case len(s.seq) <= maxSequence:
		s.seq = append(s.seq, c)
	}
}

// colours reports whether these are the parameters of a colour and nothing else.
func colours(parameters []byte) bool {
	for _, c := range parameters {
		if (c < '0' || c > '9') && c != ';' && c != ':' {
			return false
		}
	}
	return len(parameters) <= maxSequence
}
