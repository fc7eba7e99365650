package web

import (
	"bytes"
	"html/template"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

// badgeDrawing has widths of text fixed by textLength, whatever the font.
var badgeDrawing = template.Must(
	template.New("badge").
		Parse(`<svg xmlns="http://www.w3.org/2000/svg" width="{{.Width}}" height="20" role="img" aria-label="yaci: {{.Word}}">` +
			`<title>yaci: {{.Word}}</title><clipPath id="r"><rect width="{{.Width}}" height="20" rx="4"/></clipPath><g clip-path="url(#r)">` +
			`<rect width="38" height="20" fill="#3d444d"/><rect x="38" width="{{.Right}}" height="20" fill="{{.Colour}}"/></g>` +
			`<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11"><text x="7" y="14" textLength="24">yaci</text>` +
			`<text x="45" y="14" textLength="{{.Text}}">{{.Word}}</text></g></svg>`),
)

// badge draws how the newest push to a branch went: branch=, or the default
// one, so that a pull request does not turn it red. It is for strangers' pages, so
// that a private repository has none, whoever asks.
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
		Sight:  p.sight(r),
		Repo:   repo.ID,
		Branch: branch,
		Kind:   ci.Push,
		Limit:  20,
	})
	if err != nil {
		return err
	}
	text, colour := "unknown", "#5c6570"
	for _, run := range runs {
		if run.State.Final() && run.State != ci.Skipped && run.State != ci.Cancelled {
			text, colour = word(
				run.State,
			), map[ci.State]string{ci.Success: "#1a7f37", ci.Failure: "#c0322b", ci.Error: "#9a5200"}[run.State]
			break
		}
	}
	right := 14 + 7*len(text)
	var b bytes.Buffer
	err = badgeDrawing.Execute(
		&b,
		map[string]any{"Word": text, "Colour": colour, "Width": 38 + right, "Right": right, "Text": 7 * len(text)},
	)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "no-cache, max-age=0")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin") // badges are for others' pages
	w.Header().Set("ETag", `"`+text+`"`)
	if r.Header.Get("If-None-Match") == `"`+text+`"` {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	_, err = w.Write(b.Bytes())
	return err
}
