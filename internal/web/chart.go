package web

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

// chart shows the durations and results of recent runs as bars.
type chart struct {
	Branch        string
	Bars          []bar
	Width, Height int
	Longest       string
	Passed, Ended int
	Median        string
}

// bar is one run, in units of the SVG drawing.
type bar struct {
	X, Y, Height int
	Run          ci.Run
	Label        string
}

const (
	barStep   = 10
	barHeight = 56
)

// newChart draws runs, which are given newest first, with the oldest on the left.
func newChart(runs []ci.Run, branch string) *chart {
	c := &chart{Branch: branch, Width: chartRuns * barStep, Height: barHeight + 12}
	var longest time.Duration
	var passed []time.Duration
	length := func(r ci.Run) time.Duration {
		if r.Started.IsZero() || r.Finished.IsZero() {
			return 0
		}
		return r.Finished.Sub(r.Started)
	}
	for _, r := range runs {
		longest = max(longest, length(r))
		if r.State.Final() && r.State != ci.Skipped {
			c.Ended++
		}
		if r.State == ci.Success {
			c.Passed++
			passed = append(passed, length(r))
		}
	}
	for i, r := range slices.Backward(runs) {
		h := 4
		if longest > 0 {
			h = max(h, int(int64(barHeight)*int64(length(r))/int64(longest)))
		}
		b := bar{
			X:      (chartRuns - 1 - i) * barStep,
			Height: h,
			Y:      barHeight - h,
			Run:    r,
			Label:  fmt.Sprintf("#%d %s", r.Number, stateText(r.State)),
		}
		if d := length(r); d > 0 {
			b.Label += " in " + ci.Duration(d)
		}
		c.Bars = append(c.Bars, b)
	}
	if longest > 0 {
		c.Longest = ci.Duration(longest)
	}
	if slices.Sort(passed); len(passed) > 0 {
		c.Median = ci.Duration(passed[len(passed)/2])
	}
	return c
}

// badgeTemplate fixes the widths of texts by textLength, because fonts differ.
var badgeTemplate = template.Must(template.New("badge").Parse(
	`<svg xmlns="http://www.w3.org/2000/svg" width="{{.Width}}" height="20" role="img" aria-label="yaci: {{.Word}}">` +
		`<title>yaci: {{.Word}}</title>` +
		`<clipPath id="r"><rect width="{{.Width}}" height="20" rx="4"/></clipPath><g clip-path="url(#r)">` +
		`<rect width="38" height="20" fill="#3d444d"/>` +
		`<rect x="38" width="{{.Right}}" height="20" fill="{{.Colour}}"/></g>` +
		`<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">` +
		`<text x="7" y="14" textLength="24">yaci</text>` +
		`<text x="45" y="14" textLength="{{.Text}}">{{.Word}}</text></g></svg>`,
))

// badge draws the result of the newest finished push to a branch, from the query parameter branch
// or the default branch. Pull requests do not count. A badge is embedded in public pages, so
// private repositories have none, whoever asks.
func (p *Pages) badge(w http.ResponseWriter, r *http.Request) error {
	name, ok := strings.CutSuffix(chi.URLParam(r, "file"), ".svg")
	if !ok {
		return ci.ErrNotFound
	}
	repo, err := p.repo(r, chi.URLParam(r, "owner"), name)
	if err != nil {
		return err
	}
	if repo.Private {
		return ci.ErrNotFound
	}
	branch := r.URL.Query().Get("branch")
	if branch == "" {
		branch = repo.DefaultBranch
	}
	runs, err := p.Runs.Runs(r.Context(), ci.RunFilter{
		Visibility: p.sight(r),
		Repo:       repo.ID,
		Branch:     branch,
		Kind:       ci.Push,
		Limit:      20,
	})
	if err != nil {
		return err
	}
	text, colour := "unknown", "#5c6570"
	for _, run := range runs {
		if run.State.Final() && run.State != ci.Skipped && run.State != ci.Cancelled {
			text, colour = stateText(
				run.State,
			), map[ci.State]string{ci.Success: "#1a7f37", ci.Failure: "#c0322b", ci.Error: "#9a5200"}[run.State]
			break
		}
	}
	right := 14 + 7*len(text)
	var b bytes.Buffer
	err = badgeTemplate.Execute(
		&b,
		map[string]any{"Word": text, "Colour": colour, "Width": 38 + right, "Right": right, "Text": 7 * len(text)},
	)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "no-cache, max-age=0")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin") // other sites embed badges
	w.Header().Set("ETag", `"`+text+`"`)
	if r.Header.Get("If-None-Match") == `"`+text+`"` {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	_, err = w.Write(b.Bytes())
	return err
}
