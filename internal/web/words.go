package web

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// functions are what templates may call.
func functions() template.FuncMap {
	return template.FuncMap{
		"asset": asset, "icon": icon, "word": word, "took": took, "age": age, "iso": iso, "clock": clock,
		"bytes": size, "percent": percent, "address": ci.Run.Page, "where": where, "title": title, "sum": func(a, b int) int { return a + b },
		"plural": plural[int], "plural64": plural[int64], "rows": rows, "lineOf": asLine, "linesOf": asLines, "blocks": blocksOf, "around": around, "failed": wrong, "final": ci.State.Final,
	}
}

// word is what people read for a state.
func word(s ci.State) string {
	switch s {
	case ci.Queued:
		return "waiting"
	case ci.Success:
		return "passed"
	case ci.Failure:
		return "failed"
	}
	return string(s)
}

// took is how long something ran, or has been running; empty before it began.
func took(started, finished, now time.Time) string {
	if started.IsZero() {
		return ""
	}
	if finished.IsZero() {
		finished = now
	}
	return ci.Duration(max(0, finished.Sub(started)))
}

func age(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	case d < 60*24*time.Hour:
		return fmt.Sprintf("%dd ago", int(d.Hours())/24)
	}
	return t.Format("2 Jan 2006")
}

func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// size writes bytes as the .yaci.yml does.
func size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d Gi", n>>30)
	case n >= 1<<30:
		return fmt.Sprintf("%.1f Gi", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%d Mi", n>>20)
	}
	return fmt.Sprintf("%d Ki", (n+1023)>>10)
}

// percent is how much of something is used, at most all of it.
func percent(used, limit int64) int64 {
	if limit == 0 {
		return 0
	}
	return min(100, used*100/limit)
}

// visible shows the characters that change the direction of text as their number,
// so that a log or a title says what it shows (CVE-2021-42574).
func visible(text string) string {
	if !strings.ContainsFunc(text, turns) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if turns(r) {
			fmt.Fprintf(&b, "<U+%04X>", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// turns: the embeddings, overrides and isolates of Unicode's UAX #9.
func turns(r rune) bool { return '\u202a' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069' }

// where is what a run is of: the branch, tag or pull request.
func where(r ci.Run) string {
	ev := r.Event
	switch {
	case ev.PR > 0:
		return fmt.Sprintf("#%d %s", ev.PR, visible(ev.Branch))
	case ev.Tag != "":
		return visible(ev.Tag)
	case ev.Kind == ci.API:
		return "command"
	}
	return visible(ev.Branch)
}

// title is the line by which people know a run.
func title(r ci.Run) string {
	switch {
	case r.Event.Title != "":
		return visible(r.Event.Title)
	case r.Event.Kind == ci.API:
		return visible(r.Event.Command)
	}
	return r.Event.SHA.Short()
}

func plural[N int | int64](n N, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}

// rowsOf are runs for a list; OneRepo leaves out what all have in common.
type rowsOf struct {
	Runs    []ci.Run
	Now     time.Time
	OneRepo bool
}

func rows(runs []ci.Run, now time.Time, repo *ci.Repo) rowsOf { return rowsOf{runs, now, repo != nil} }

func asLine(step string, l line) lineOf { return lineOf{step, l} }

func asLines(step string, lines []line) linesOf { return linesOf{step, lines} }

// around is where a part of a log begins that has a line with some before it.
func around(number int64) int64 { return max(1, number-200) }

// wrong reports whether a state is one that people look into.
func wrong(s ci.State) bool { return s == ci.Failure || s == ci.Error }
