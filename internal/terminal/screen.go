package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Screen is where a command writes for people.
type Screen struct {
	io.Writer
	Colour bool
	Live   bool // a terminal: a line may be written over
}

// New looks at what it writes to. getenv is os.Getenv but in tests.
func New(w io.Writer, getenv func(string) string) Screen {
	f, ok := w.(*os.File)
	live := ok && term.IsTerminal(int(f.Fd())) && getenv("TERM") != "dumb"
	return Screen{w, live && getenv("NO_COLOR") == "", live}
}

// Colours by their SGR parameter (ECMA-48).
const (
	Plain  = ""
	Bold   = "1"
	Dim    = "2"
	Red    = "31"
	Green  = "32"
	Yellow = "33"
	Blue   = "34"
)

// Paint gives text a colour, where there are any.
func (s Screen) Paint(colour, text string) string {
	if !s.Colour || colour == Plain || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// Look is how a state is shown: an icon, a word and a colour, never a colour alone.
func Look(state ci.State) (icon, word, colour string) {
	switch state {
	case ci.Success:
		return "✓", "passed", Green
	case ci.Failure:
		return "✗", "failed", Red
	case ci.Error:
		return "!", "error", Red
	case ci.Cancelled:
		return "■", "cancelled", Dim
	case ci.Skipped:
		return "-", "skipped", Dim
	case ci.Running:
		return "●", "running", Yellow
	case ci.Held:
		return "‖", "held", Blue
	}
	return "○", string(state), Dim
}

// Cell is a part of a table's row.
type Cell struct{ Text, Colour string }

// State is the cell of a state.
func State(state ci.State) Cell {
	icon, word, colour := Look(state)
	return Cell{icon + " " + word, colour}
}

// Table writes rows in columns. Nothing follows the last cell of a row.
func (s Screen) Table(rows [][]Cell) error {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(Clean(c.Text)))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for len(row) > 0 && row[len(row)-1].Text == "" {
			row = row[:len(row)-1]
		}
		for i, c := range row {
			text := Clean(c.Text)
			b.WriteString(s.Paint(c.Colour, text))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text)+2))
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(s, b.String())
	return err
}

// Header is a row of titles.
func Header(titles ...string) (row []Cell) {
	for _, t := range titles {
		row = append(row, Cell{t, Dim})
	}
	return row
}

// Clean takes out what could move the cursor: titles and branches are a stranger's text.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, text)
}

// Cut shortens a text to so many runes.
func Cut(text string, most int) string {
	if text = Clean(text); utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// Say writes a line.
func (s Screen) Say(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

// Passing writes a line that the next one takes the place of; only a live screen has any.
func (s Screen) Passing(text string) {
	if s.Live {
		fmt.Fprint(s, "\r\x1b[K"+Cut(text, 78))
	}
}

// Clear takes a passing line away.
func (s Screen) Clear() {
	if s.Live {
		fmt.Fprint(s, "\r\x1b[K")
	}
}
