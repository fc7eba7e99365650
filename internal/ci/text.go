package ci

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// CleanText makes a text from outside fit for one line of a message: valid UTF-8
// of at most so many bytes, without control characters and without characters
// that reverse the direction of what follows.
func CleanText(s string, most int) string {
	if len(s) > 4*most {
		s = s[:4*most]
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
	return shortened(strings.TrimSpace(s), most)
}
