package pipeline

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// turned finds the characters that change the direction in which text is read
// (embeddings, overrides and isolates of Unicode's UAX #9): with them a line shows
// people something else than it says, as in CVE-2021-42574. Arabic and Hebrew need none.
func turned(data []byte) (found Problems) {
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		if i := strings.IndexFunc(line, turns); i >= 0 {
			r, _ := utf8.DecodeRuneInString(line[i:])
			if len(found) >= maxFound {
				break
			}
			found = append(
				found,
				Problem{
					number,
					utf8.RuneCountInString(line[:i]) + 1,
					fmt.Sprintf(
						`U+%04X changes the direction in which this line is read, so that it shows something else than it says; remove it, or write it as "\u%04x"`,
						r,
						r,
					),
				},
			)
		}
	}
	return found
}

func turns(r rune) bool { return '\u202a' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069' }
