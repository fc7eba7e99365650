package ci

import (
	"bytes"
	"time"
)

// LogID names the log of one container of one launch of a job: the Kubernetes Job's UID
// and the container's name. A job that is launched again has another UID.
type LogID struct{ UID, Container string }

// Log is what is known of a container's log as a whole.
type Log struct {
	ID     LogID
	Job    JobName
	Closed bool   // nothing more will be stored
	Note   string // a sentence that says what is missing; empty if nothing is
	Error  int64  // number of the line that best explains why the step failed; 0: none was found
}

// LogExtent is how much of a log is stored.
type LogExtent struct {
	Lines  int64 // number of the last line; lines that are missing are counted
	Closed bool  // nothing more will be stored
	Error  int64 // as in [Log]
}

// LogChunk describes a part of a log that is stored as one object.
type LogChunk struct {
	Seq    int   // from 0; a number that is missing is a chunk that was dropped
	First  int64 // number of the line that its first byte belongs to, from 1
	Offset int64 // bytes of output before it
	Lines  int64 // line feeds
	Bytes  int64 // of output, without the timestamps
	Inside bool  // it begins inside a line
	Cursor LogCursor
}

// LogCursor is the place in a container's log behind the last byte that is stored.
// Reading goes on there. The zero value is the beginning.
type LogCursor struct {
	Time time.Time // of the line that was begun last; several lines may have the same time
	Same int       // complete lines of that time that are stored
	Open int64     // bytes that are stored of a line that has not ended
}

// LogRange selects lines of a log.
type LogRange struct {
	From   int64   // first line, from 1
	To     int64   // last line; 0: the end of the log
	Follow bool    // wait for more lines until the log is closed, or Job has ended
	Notes  bool    // include notes about lines that are missing
	Job    JobName // the job that the log belongs to; needed only to follow
}

// LogLine is a line of a log. Logs are read in fragments: a line of more than 64 KiB
// comes as several LogLines with the same number. [LogLine.Ends] is true for the last
// one. logscan.LineAssembler joins them.
type LogLine struct {
	Number int64     // from 1; for a note, the number of the line behind it
	Time   time.Time // when the line began; zero for notes and for fragments behind the first
	Text   []byte    // with the line feed, if the line ends here; valid until the receiver returns
	Note   bool      // a sentence of YACI's about the log, not output of the container
}

// Ends reports whether the text ends with the line feed of its line.
func (l LogLine) Ends() bool { return bytes.HasSuffix(l.Text, []byte("\n")) }

// Shown returns the text as people read it: notes are told from output by "[yaci]".
func (l LogLine) Shown() []byte {
	if !l.Note {
		return l.Text
	}
	return append([]byte("[yaci] "), l.Text...)
}
