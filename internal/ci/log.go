package ci

import "time"

// LogID names the log of one step of one try: the Kubernetes Job's UID and the
// step's container. A job that runs again has another UID.
type LogID struct{ UID, Container string }

// Log is how far a step's log has been stored.
type Log struct {
	ID     LogID
	Job    JobName
	Closed bool   // nothing more will come
	Note   string // one sentence: what is missing; empty when all of it is there
	Error  int64  // number of the line with which to begin to read why the step failed; 0: none stands out
}

// LogExtent is how much of a log there is.
type LogExtent struct {
	Lines  int64 // number of the last line so far; what was cut out of the middle is counted
	Closed bool  // nothing more will come
	Error  int64 // as in [Log]
}

// LogChunk is a piece of a log, kept as one object.
type LogChunk struct {
	Seq    int   // from 0; a missing number is a piece that was cut
	First  int64 // number of the line that its first byte belongs to, from 1
	Offset int64 // bytes of output before it
	Lines  int64 // line feeds
	Bytes  int64 // of output, without the timestamps
	Inside bool  // it begins inside a line
	Cursor LogCursor
}

// LogCursor is where to go on reading. The zero value is the beginning.
type LogCursor struct {
	Time time.Time // of the line that was begun last; several may have the same
	Same int       // whole lines of that time that are stored
	Open int64     // bytes that are stored of an unfinished one
}

// LogRange is what to read of a log.
type LogRange struct {
	From, To int64   // lines, from 1, both included; To 0: the end
	Follow   bool    // wait for more until the log is closed, or Job is over
	Times    bool    // each line with its time before it
	Notes    bool    // say in lines of their own what was cut and what is missing
	Job      JobName // whose log it is; needed to follow
}

// LogLine is a whole line, or a piece of a long one.
type LogLine struct {
	Number int64
	Text   []byte // with its line feed, when it ends here
}
