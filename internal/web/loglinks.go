package web

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

var (
	// hyperlink matches the sequence that begins a link, or ends it if it has no address
	// (gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda).
	hyperlink = regexp.MustCompile(`\x1b\]8;[^;\x07\x1b]*;([^\x07\x1b]*)(?:\x07|\x1b\\)`)
	// style matches a sequence that changes how the text of a link looks, but not what it says.
	style = regexp.MustCompile(`\x1b(?:\[[0-9;:]*m|\(B)`)
	// hostname matches what a reader takes for the name of a server.
	hostname = regexp.MustCompile(`(?i)\b(?:[a-z0-9-]+\.)+[a-z]{2,}\b`)
)

// honestLinks removes links from a line whose address is not one of http or https, or whose
// text names another host than the address. Their text stays.
func honestLinks(line string) string {
	sequences := hyperlink.FindAllStringSubmatchIndex(line, -1)
	if sequences == nil {
		return line
	}
	var b strings.Builder
	at := 0
	for i, m := range sequences {
		b.WriteString(line[at:m[0]])
		at = m[1]
		target := line[m[2]:m[3]]
		if target == "" {
			continue // the end, which is written with its beginning
		}
		end := len(line)
		if i+1 < len(sequences) {
			end = sequences[i+1][0]
		}
		text := line[m[1]:end]
		if honest(target, style.ReplaceAllString(text, "")) {
			b.WriteString("\x1b]8;;" + target + "\x07" + text + "\x1b]8;;\x07")
		} else {
			b.WriteString(text)
		}
		at = end
	}
	b.WriteString(line[at:])
	return b.String()
}

// honest reports whether a link with this text leads where a reader expects. Text with control
// characters can move the cursor, and so look different from what it says.
func honest(target, text string) bool {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return false
	}
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
		return false
	}
	if strings.Contains(text, "://") && !strings.Contains(strings.ToLower(text), "://"+strings.ToLower(u.Hostname())) {
		return false
	}
	for _, name := range hostname.FindAllString(text, -1) {
		if !strings.EqualFold(name, u.Hostname()) && !strings.HasSuffix(strings.ToLower(u.Path), strings.ToLower(name)) {
			return false
		}
	}
	return true
}
