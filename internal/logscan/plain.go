package logscan

import (
	"strings"
	"unicode/utf8"
)

// PlainLine returns the visible text of a line: without the line feed, without control
// characters and escape sequences (ECMA-48), and as valid UTF-8. It takes time linear in
// the length of the line.
func PlainLine(line string) string {
	line = strings.TrimRight(line, "\r\n")
	at := 0
	for at < len(line) && !isControl(line[at]) && line[at] < utf8.RuneSelf {
		at++
	}
	if at == len(line) {
		return line
	}
	var b strings.Builder
	b.Grow(len(line))
	from := 0
	for ; at < len(line); at++ {
		if !isControl(line[at]) {
			continue
		}
		b.WriteString(line[from:at])
		from = at + controlSize(line[at:])
		at = from - 1
	}
	b.WriteString(line[from:])
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

func isControl(c byte) bool { return c < ' ' && c != '\t' && c != '\n' || c == 0x7f }

// controlSize returns the length of the control character or escape sequence at the
// beginning of text.
func controlSize(text string) int {
	if text[0] != 0x1b || len(text) == 1 {
		return 1
	}
	switch text[1] {
	case '[': // CSI
		end := 2
		for end < len(text) && (isDigit(text[end]) || text[end] == ';' || text[end] == '?') {
			end++
		}
		end = skipIntermediate(text, end)
		if end < len(text) && '@' <= text[end] && text[end] <= '~' {
			return end + 1
		}
		return 2
	case ']', '_': // OSC and APC, up to BEL or ST
		end := strings.IndexAny(text[2:], "\x07\x1b")
		if end < 0 {
			return len(text)
		}
		end += 2
		if text[end] == 0x07 {
			return end + 1
		}
		if strings.HasPrefix(text[end:], "\x1b\\") {
			return end + 2
		}
		return end
	}
	end := skipIntermediate(text, 1)
	if end < len(text) && '0' <= text[end] && text[end] <= '~' {
		return end + 1
	}
	return 1
}

func skipIntermediate(text string, at int) int {
	for at < len(text) && ' ' <= text[at] && text[at] <= '/' {
		at++
	}
	return at
}
