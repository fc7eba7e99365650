package main

import (
	"fmt"
	"os"
	"strings"
)

// terminal writes to people: with colours when they look at a terminal.
type terminal struct {
	out    *os.File
	colour bool
}

func newTerminal(out *os.File) terminal {
	info, err := out.Stat()
	return terminal{
		out,
		err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
	}
}

func (t terminal) line(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

// block writes a text with an indent.
func (t terminal) block(indent, text string) {
	for line := range strings.Lines(strings.TrimSpace(text)) {
		t.line("%s%s", indent, t.dim(strings.TrimSuffix(line, "\n")))
	}
}

func (t terminal) paint(code, text string) string {
	if !t.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// mark is a tick for success and a cross for everything else.
func (t terminal) mark(state string) string {
	if state == "success" {
		return t.paint("32", "✓")
	}
	return t.paint("31", "✗")
}

func (t terminal) bold(s string) string { return t.paint("1", s) }
func (t terminal) dim(s string) string  { return t.paint("2", s) }
