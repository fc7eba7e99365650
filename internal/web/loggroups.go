package web

import "strings"

// Lines of a log can be a group that is folded, as in GitHub Actions (docs.github.com,
// "Workflow commands", "Grouping log lines"): ::group::TITLE begins it, ::endgroup:: or
// the next group ends it.
const (
	groupBegins = "begins"
	groupEnds   = "ends"
)

// groupOf returns what a line does to a group, and the text to show for it.
func groupOf(text string) (group, shown string) {
	command := strings.TrimSuffix(text, "\r")
	if title, ok := strings.CutPrefix(command, "::group::"); ok {
		return groupBegins, title
	}
	if command == "::endgroup::" {
		return groupEnds, ""
	}
	return "", text
}

// block is a group of lines, or lines between two groups.
type block struct {
	Group bool   // the first line has its title
	Open  bool   // not folded
	Lines []line // at least one
}

// blocksOf puts lines into blocks. A group is folded, unless it does not end here, as
// while its step runs, or a line in it tells why the step failed.
func blocksOf(lines []line) (blocks []block) {
	ended := true // the last block takes no more lines
	for _, l := range lines {
		last := len(blocks) - 1
		if l.Group == groupBegins && !ended && blocks[last].Group {
			blocks[last].Open = blocks[last].wrong()
		}
		if l.Group == groupBegins || ended {
			blocks = append(blocks, block{Group: l.Group == groupBegins, Open: true})
			last, ended = last+1, false
		}
		b := &blocks[last]
		b.Lines = append(b.Lines, l)
		if b.Group && l.Group == groupEnds {
			b.Open, ended = b.wrong(), true
		}
	}
	return blocks
}

// wrong reports whether a line of the block tells why the step failed.
func (b *block) wrong() bool {
	for _, l := range b.Lines {
		if l.Error {
			return true
		}
	}
	return false
}
