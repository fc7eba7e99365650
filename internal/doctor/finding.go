package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// Level is how bad a finding is.
type Level string

// Levels. Unknown is what could not be looked at.
const (
	Good    Level = "ok"
	Unknown Level = "unknown"
	Warning Level = "warning"
	Problem Level = "problem"
)

// Finding is the result of one check.
type Finding struct {
	Check string `json:"check"`
	Level Level  `json:"level"`
	Found string `json:"found"`          // one sentence
	Mend  string `json:"mend,omitempty"` // what to do; empty when all is good
}

// Problems counts the findings that keep YACI from doing what it should.
func Problems(all []Finding) (n int) {
	for _, f := range all {
		if f.Level == Problem {
			n++
		}
	}
	return n
}

// Write prints findings for people, each with what to do below it.
func Write(out io.Writer, all []Finding) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CHECK\tRESULT\tFOUND")
	for _, f := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Check, f.Level, f.Found)
		if f.Mend != "" {
			fmt.Fprintf(w, "\t\t-> %s\n", f.Mend)
		}
	}
	return w.Flush()
}

// WriteJSON prints them for programs: {"findings": [...]}.
func WriteJSON(out io.Writer, all []Finding) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(map[string][]Finding{"findings": all})
}
