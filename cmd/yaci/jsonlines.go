package main

import (
	"bytes"
	"encoding/json"
	"io"
)

// jsonLines writes each line of a step's log as a JSON object of its own, as it comes.
type jsonLines struct {
	to        io.Writer
	job, step string
	rest      []byte // of a line that has not ended
}

// Write takes bytes as they come, in the middle of lines too.
func (l *jsonLines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, after, ended := bytes.Cut(l.rest, []byte("\n"))
		if !ended {
			return len(p), nil
		}
		if err := l.say(line); err != nil {
			return 0, err
		}
		l.rest = after
	}
}

// Close writes a last line that has no end.
func (l *jsonLines) Close() error {
	if len(l.rest) == 0 {
		return nil
	}
	return l.say(l.rest)
}

func (l *jsonLines) say(line []byte) error {
	e := json.NewEncoder(l.to)
	e.SetEscapeHTML(false)
	return e.Encode(struct {
		Job  string `json:"job"`
		Step string `json:"step"`
		Line string `json:"line"`
	}{l.job, l.step, string(line)})
}
