package web

import (
	"html"
	"html/template"
	"regexp"
	"strings"

	terminal "github.com/buildkite/terminal-to-html/v3"
)

// maxShown bounds what a page shows of one line, in bytes.
const maxShown = 16 << 10

var (
	// images are the sequences that would become pictures, from anywhere in the
	// world (1338) or out of the log itself (1337): iterm2.com/documentation-images.html.
	// 1339 is the emulator's own kind of link, which hides its target.
	images = regexp.MustCompile(`\x1b\]133[789];[^\x07\x1b]*(\x07|\x1b\\)?`)
	// private are messages to one program, among them the emulator's own time marks.
	private = regexp.MustCompile(`\x1b_[^\x07\x1b]*(\x07|\x1b\\)?`)
	colour  = regexp.MustCompile(`\x1b\[([0-9;]*)m`)
)

// painter renders a log line by line, each to HTML of its own, so that a line
// can be linked to and shown alone. A colour goes on until it is ended.
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
		if !harmless || strings.Contains(out, "<img") { // whatever else can make one
			out = html.EscapeString(strings.ToValidUTF8(text, "\uFFFD"))
		}
		p.carry(text)
	}
	if out == "&nbsp;" {
		out = ""
	}
	if rest > 0 {
		out += `<span class="cut-off"> … ` + size(int64(rest)) + ` more in the raw log</span>`
	}
	return template.HTML(out)
}

// withoutTricks takes pictures, private messages and misleading links out of a line.
// What is left around one that was taken out can be another, so it looks again until
// it finds none. It returns false for a line in which they are nested deeply.
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

// plain reports that there is nothing for a terminal to do.
func plain(text string) bool {
	for i := range len(text) {
		c := text[i]
		if c < ' ' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

// carry remembers the colours that are on at the end of a line.
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
