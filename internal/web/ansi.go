package web

import (
	"html"
	"html/template"
	"regexp"
	"strings"

	terminal "github.com/buildkite/terminal-to-html/v3"
)

// maxShown is how much of one line a page shows, in bytes.
const maxShown = 16 << 10

var (
	// images matches sequences that the emulator turns into pictures, from any server (1338) or
	// out of the log itself (1337): iterm2.com/documentation-images.html. 1339 is the emulator's
	// own kind of link, which hides its address.
	images = regexp.MustCompile(`\x1b\]133[789];[^\x07\x1b]*(\x07|\x1b\\)?`)
	// private matches messages to one program, such as the emulator's own timestamps.
	private = regexp.MustCompile(`\x1b_[^\x07\x1b]*(\x07|\x1b\\)?`)
	colour  = regexp.MustCompile(`\x1b\[([0-9;]*)m`)
)

// painter renders the lines of a log, each to HTML of its own, so that a line can be linked to
// and shown alone. A colour that a line leaves switched on applies to the lines behind it.
type painter struct{ on string }

// paint renders one line without its line feed.
func (p *painter) paint(text string) template.HTML {
	text = visible(strings.TrimSuffix(text, "\r"))
	rest := 0
	if len(text) > maxShown {
		text, rest = strings.ToValidUTF8(text[:maxShown], ""), len(text)-maxShown
	}
	out := ""
	switch {
	case p.on == "" && plain(text):
		out = html.EscapeString(text)
	default:
		harmless := false
		text, harmless = withoutTricks(text)
		if harmless {
			out = strings.ReplaceAll(terminal.Render([]byte(p.on+text)), "\n", " ")
		}
		if !harmless || strings.Contains(out, "<img") { // made by a sequence that is not known here
			out = html.EscapeString(strings.ToValidUTF8(text, "\uFFFD"))
		}
		p.carry(text)
	}
	if out == "&nbsp;" {
		out = ""
	}
	if rest > 0 {
		out += `<span class="cut-off"> … ` + formatBytes(int64(rest)) + ` more in the raw log</span>`
	}
	return template.HTML(out)
}

// withoutTricks removes pictures, private messages and misleading links from a line. The text
// around one that was removed can form another, so it repeats until it finds none. It returns
// false for a line in which they are nested deeply.
func withoutTricks(text string) (string, bool) {
	const rounds = 4
	for range rounds {
		left := honestLinks(private.ReplaceAllString(images.ReplaceAllString(text, ""), ""))
		if left == text {
			return text, true
		}
		text = left
	}
	return text, false
}

// plain reports whether a text has only printable ASCII characters and tabs.
func plain(text string) bool {
	for i := range len(text) {
		c := text[i]
		if c < ' ' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

// carry remembers the colours that are switched on at the end of a line.
func (p *painter) carry(text string) {
	for _, m := range colour.FindAllStringSubmatch(text, -1) {
		switch codes := m[1]; {
		case codes == "" || strings.Trim(codes, "0;") == "":
			p.on = ""
		case strings.HasPrefix(codes, "0;"):
			p.on = m[0]
		case len(p.on)+len(m[0]) < 128:
			p.on += m[0]
		}
	}
}
