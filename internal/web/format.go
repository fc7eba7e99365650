package web

import (
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// functions returns the functions of the templates.
func functions() template.FuncMap {
	return template.FuncMap{
		"asset":    asset,
		"icon":     icon,
		"word":     stateText,
		"took":     elapsed,
		"age":      age,
		"iso":      iso,
		"clock":    timeOfDay,
		"bytes":    formatBytes,
		"percent":  percent,
		"address":  ci.Run.Page,
		"where":    refText,
		"title":    runTitle,
		"sum":      func(a, b int) int { return a + b },
		"plural":   plural[int],
		"plural64": plural[int64],
		"rows":     rows,
		"lineOf":   asLine,
		"linesOf":  asLines,
		"blocks":   blocksOf,
		"around":   around,
		"failed":   isFailed,
		"final":    ci.State.Final,
	}
}

// stateText returns a state in the words of the pages.
func stateText(s ci.State) string {
	switch s {
	case ci.Success:
		return "passed"
	case ci.Failure:
		return "failed"
	}
	return string(s)
}

// elapsed returns how long something ran, or has been running; "" before it began.
func elapsed(started, finished, now time.Time) string {
	if started.IsZero() {
		return ""
	}
	if finished.IsZero() {
		finished = now
	}
	return ci.Duration(max(0, finished.Sub(started)))
}

// age returns how long ago something was, in the largest unit that fits, or the date after 60 days.
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

// iso returns the format of the datetime attribute in HTML.
func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// timeOfDay returns the time in UTC with milliseconds, for lines of a log.
func timeOfDay(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// formatBytes returns a size in the units of .yaci.yml.
func formatBytes(n int64) string {
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

// percent returns how much of a limit is used, at most 100, and 0 for no limit.
func percent(used, limit int64) int64 {
	if limit == 0 {
		return 0
	}
	return min(100, used*100/limit)
}

// visible replaces characters that change the direction of text by their numbers, so that a log or
// a title cannot look different from what it says (CVE-2021-42574).
func visible(text string) string {
	if !strings.ContainsFunc(text, isBidiControl) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if isBidiControl(r) {
			fmt.Fprintf(&b, "<U+%04X>", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isBidiControl reports whether r is an embedding, override or isolate of Unicode's bidirectional
// algorithm (https://www.unicode.org/reports/tr9/).
func isBidiControl(r rune) bool {
	return '\u202a' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069'
}

// refText returns the branch, tag or pull request of a run.
func refText(r ci.Run) string {
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

// runTitle returns the title of a run: that of its commit or pull request, its command, or its
// commit id.
func runTitle(r ci.Run) string {
	switch {
	case r.Event.Title != "":
		return visible(r.Event.Title)
	case r.Event.Kind == ci.API:
		return visible(r.Event.Command)
	}
	return r.Event.SHA.Short()
}

// plural returns a number with a noun, which gets an s unless the number is 1.
func plural[N int | int64](n N, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}

// runRows are runs for a list. OneRepo omits the repository.
type runRows struct {
	Runs    []ci.Run
	Now     time.Time
	OneRepo bool
}

func rows(runs []ci.Run, now time.Time, repo *ci.Repo) runRows {
	return runRows{runs, now, repo != nil}
}

func asLine(step string, l line) lineOf { return lineOf{step, l} }

func asLines(step string, lines []line) linesOf { return linesOf{step, lines} }

// around returns where the part of a log begins that shows a line with lines before it.
func around(number int64) int64 { return max(1, number-200) }

// isFailed reports whether a state is one that people look into.
func isFailed(s ci.State) bool { return s == ci.Failure || s == ci.Error }

// runName returns the repository and the number of a run, or its id if it has none.
func runName(r ci.Run) string {
	if r.Number == 0 {
		return string(r.ID)
	}
	return fmt.Sprintf("%s #%d", r.Event.Repo.FullName(), r.Number)
}

// forgeLinks are addresses on GitHub for a run. A field is "" if there is none.
type forgeLinks struct {
	Commit string
	Ref    string // the pull request, the branch or the tag
	Diff   string // of a pull request
}

// newForgeLinks returns the links for an event. site is the address of GitHub's pages; "" returns
// none.
func newForgeLinks(site string, ev ci.Event) (links forgeLinks) {
	if site == "" || ev.Repo.ID == 0 {
		return links
	}
	to := func(path string) string { // anybody can choose the name of a branch
		return site + (&url.URL{Path: "/" + ev.Repo.FullName() + path}).EscapedPath()
	}
	links.Commit = to("/commit/" + string(ev.SHA))
	switch {
	case ev.PR > 0:
		links.Ref = to(fmt.Sprintf("/pull/%d", ev.PR))
		links.Diff = links.Ref + "/files"
	case ev.Tag != "":
		links.Ref = to("/tree/" + ev.Tag)
	case ev.Branch != "":
		links.Ref = to("/tree/" + ev.Branch)
	}
	return links
}
