package web

import (
	"strings"
	"testing"
)

// S20: links in logs lead to http and https only, and where their text says.
func TestS20Links(t *testing.T) {
	link := func(target, text string) string { return "\x1b]8;;" + target + "\x1b\\" + text + "\x1b]8;;\x1b\\" }
	for text, want := range map[string]bool{
		link("https://example.com/a", "the report"):                             true,
		link("http://example.com/a", "example.com"):                             true,
		link("https://example.com/x/main.go", "main.go"):                        true,
		link("https://example.com/a", "https://example.com/a"):                  true,
		link("https://evil.test/", "https://github.com/login"):                  false,
		link("https://evil.test/", "github.com"):                                false,
		link("https://evil.test/", "git\x1b[1mhub.com"):                         false,
		link("https://github.com@evil.test/", "the report"):                     false,
		link("data:text/html,x", "the report"):                                  false,
		link("javascript:alert(1)", "x"):                                        false,
		link("file:///etc/passwd", "x"):                                         false,
		link("ftp://example.com/", "x"):                                         false,
		link("//example.com/", "x"):                                             false,
		link("/-/sign-out", "x"):                                                false,
		"\x1b]1339;url=https://evil.test/;content=https://github.com\x07 after": false,
		"\x1b]8;;https://evil.test/\x07github.com for ever":                     false,
		// What is taken out leaves another sequence behind.
		"\x1b]13\x1b]1339;x\x0739;url=https://evil.test/;content=github.com\x07":          false,
		"\x1b\x1b_x\x07]1339;url=https://evil.test/;content=github.com\x07":               false,
		"\x1b\x1b]8;;data:x\x07]1339;url=https://evil.test/;content=github.com\x07":       false,
		"\x1b\x1b]8;;data:x\x07]8;;https://evil.test/\x07github.com\x1b]8;;\x07":          false,
		strings.Repeat("\x1b]13", 9) + strings.Repeat("\x1b]1339;x\x0739;url=y;x\x07", 9): false,
		// Text that is shown otherwise than it is written.
		link("https://evil.test/", "github com\x1b[4D."):         false,
		link("https://evil.test/", "github.xom\b\b\bc"):          false,
		link("https://evil.test/", "the report\rgithub com"):     false,
		link("https://example.com/", "\x1b[1;32mok\x1b(B\x1b[m"): true,
	} {
		out := string((&painter{}).paint(text))
		if got := strings.Contains(out, "<a "); got != want {
			t.Errorf("%q: %s", text, out)
		}
	}
	if out := string((&painter{}).paint("a " + link("data:x", "b") + " c " + link("https://example.com/", "d") + " e")); !strings.Contains(
		out,
		"a b c ",
	) ||
		strings.Count(out, "<a ") != 1 {
		t.Errorf("%s", out)
	}
}
