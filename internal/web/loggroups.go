package web

import "strings"

// Lines of a log can form a group that is folded, as in GitHub Actions (docs.github.com, "Workflow
// commands", "Grouping log lines"): ::group::TITLE begins a group, and ::endgroup:: or the next
// group ends it.
const (
	groupBegins = "begins"
	groupEnds   = "ends"
)

// groupOf returns whether a line begins or ends a group, or "" if neither, and the text to show.
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

// block is a group of lines, or the lines between two groups.
type block struct {
	Group bool   // the first line is the group's title
	Open  bool   // not folded
	Lines []line // at least one
}

// blocksOf divides lines into blocks. A group is folded, unless its end is missing, for example
// while its step runs, or one of its lines explains why the step failed.
func blocksOf(lines []line) (blocks []block) {
	ended := true // the last block takes no more lines
	for _, l := range lines {
		last := len(blocks) - 1
		if l.Group == groupBegins && !ended && blocks[last].Group {
			blocks[last].Open = blocks[last].hasError()
		}
		if l.Group == groupBegins || ended {
			blocks = append(blocks, block{Group: l.Group == groupBegins, Open: true})
			ended = false
			last++
		}
		b := &blocks[last]
		b.Lines = append(b.Lines, l)
		if b.Group && l.Group == groupEnds {
			b.Open = b.hasError()
			ended = true
		}
	}
	return blocks
}

// hasError reports whether a line of the block explains why the step failed.
func (b *block) hasError() bool {
	for _, l := range b.Lines {
		if l.Error {
			return true
		}
	}
	return false
}
