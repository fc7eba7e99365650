package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// Level is the severity of a finding.
type Level string

// Unknown is the level of a check that could not be made.
const (
	Good    Level = "ok"
	Unknown Level = "unknown"
	Warning Level = "warning"
	Problem Level = "problem"
)

// Finding is the result of one check.
type Finding struct {
	Check   string `json:"check"`
	Level   Level  `json:"level"`
	Summary string `json:"summary"`       // one or two sentences
	Fix     string `json:"fix,omitempty"` // what to do; empty for Good
}

// good returns the finding of a check that passed.
func good(check, summary string) Finding {
	return Finding{Check: check, Level: Good, Summary: summary}
}

// Problems returns the number of findings that keep YACI from working as it should.
func Problems(all []Finding) (n int) {
	for _, f := range all {
		if f.Level == Problem {
			n++
		}
	}
	return n
}

// Write prints findings as a table, with the fix below each.
func Write(out io.Writer, all []Finding) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CHECK\tRESULT\tSUMMARY")
	for _, f := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Check, f.Level, f.Summary)
		if f.Fix != "" {
			fmt.Fprintf(w, "\t\t-> %s\n", f.Fix)
		}
	}
	return w.Flush()
}

// WriteJSON prints findings as {"findings": [...]}.
func WriteJSON(out io.Writer, all []Finding) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(map[string][]Finding{"findings": all})
}
