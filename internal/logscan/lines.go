package logscan

import (
	"bytes"

	"github.com/yaci-ci/yaci/internal/ci"
)

// LineAssembler joins the fragments in which a log is read to whole lines.
type LineAssembler struct {
	limit   int
	emit    func(ci.LogLine) error
	pending ci.LogLine // the line that has not ended, if its text is not empty
}

// NewLineAssembler returns an assembler that hands each line to emit. The text of a line
// is valid until emit returns. It ends with the line feed, unless the line was cut or is
// the last one of a log and has none.
//
// Of a line with more than limit bytes, no fragment is kept that begins behind the
// limit. A limit of 0 keeps lines of any length.
func NewLineAssembler(limit int, emit func(ci.LogLine) error) *LineAssembler {
	return &LineAssembler{limit: limit, emit: emit}
}

// Add takes the next fragment. It returns the error of emit.
func (a *LineAssembler) Add(fragment ci.LogLine) error {
	if fragment.Note { // the line before it was cut off
		if err := a.Flush(); err != nil {
			return err
		}
	}
	buffer := a.pending.Text
	switch {
	case len(buffer) == 0 && fragment.Ends():
		return a.emit(fragment)
	case len(buffer) == 0:
		a.pending = fragment
		a.pending.Text = append(buffer, fragment.Text...)
	case a.limit == 0 || len(buffer) < a.limit:
		a.pending.Text = append(buffer, fragment.Text...)
	}
	if fragment.Ends() {
		return a.Flush()
	}
	return nil
}

// Flush hands on a line that has not ended. It is called at the end of a log.
func (a *LineAssembler) Flush() error {
	if len(a.pending.Text) == 0 {
		return nil
	}
	line := a.pending
	a.pending = ci.LogLine{Text: line.Text[:0]}
	return a.emit(line)
}

// Write takes the next bytes of a log that has neither times nor notes, so that an
// assembler can be the writer to which such a log is copied. The lines have no numbers.
func (a *LineAssembler) Write(p []byte) (int, error) {
	for part := range bytes.Lines(p) {
		if err := a.Add(ci.LogLine{Text: part}); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
