package ci

import "bytes"

// Joiner makes whole lines of the pieces in which a log is read.
type Joiner struct {
	Most int                             // bytes: of a longer line no further piece is kept
	To   func(number int64, line string) // gets each line, with its line feed when it has one

	number int64
	part   []byte // of a line that has not ended
}

// Add takes the next piece.
func (j *Joiner) Add(piece LogLine) {
	j.number = piece.Number
	if len(j.part) < j.Most {
		j.part = append(j.part, piece.Text...)
	}
	if bytes.HasSuffix(piece.Text, []byte("\n")) {
		j.End()
	}
}

// End hands on a last line without a line feed.
func (j *Joiner) End() {
	if len(j.part) > 0 {
		j.To(j.number, string(j.part))
		j.part = j.part[:0]
	}
}
