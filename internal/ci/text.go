package ci

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// CleanText returns a text from outside in a form that fits into one line of a message:
// valid UTF-8 of at most maxBytes bytes, without control characters and without
// bidirectional control characters, which could reverse the text around them.
func CleanText(s string, maxBytes int) string {
	if len(s) > 4*maxBytes { // so that a huge text is not walked through
		s = s[:4*maxBytes]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
	return Truncate(strings.TrimSpace(s), maxBytes)
}

// Truncate returns s if it has at most maxBytes bytes. Otherwise it cuts s between two
// characters and adds an ellipsis. maxBytes must be at least 3.
func Truncate(s string, maxBytes int) string {
	if len(s) <= maxBytes {
		return s
	}
	s = s[:maxBytes-len("…")]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}
