package web

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/logscan"
)

const (
	maxHits    = 1000 // lines that a search finds at most
	maxHitText = 400  // bytes that are shown of each
)

// hit is a line that contains what was searched for.
type hit struct {
	Step string // container
	Line int64
	Name string
	Text string
}

var errEnough = errors.New("enough")

// search searches the logs of a job, services first and then step by step, for a text in upper
// or lower case. A line of more than 64 KiB is searched in parts, so a text that is cut by two of
// them is not found. more is true if there are more than maxHits lines.
func (p *Pages) search(ctx context.Context, job ci.Job, what string) (hits []hit, more bool, err error) {
	what = strings.ToLower(what)
	if what == "" || job.UID == "" {
		return nil, false, nil
	}
	type log struct{ container, name string }
	var logs []log
	for _, s := range job.Services {
		logs = append(logs, log{s.Container, s.Name})
	}
	for _, s := range job.Steps {
		logs = append(logs, log{s.Container, s.Name})
	}
	for _, l := range logs {
		err := p.Logbook.Read(
			ctx,
			ci.LogID{UID: job.UID, Container: l.container},
			ci.LogRange{From: 1},
			func(fragment ci.LogLine) error {
				text := logscan.PlainLine(string(fragment.Text))
				if !strings.Contains(strings.ToLower(text), what) {
					return nil
				}
				if len(hits) == maxHits {
					return errEnough
				}
				n := len(hits)
				if n == 0 || hits[n-1].Step != l.container || hits[n-1].Line != fragment.Number {
					text = strings.TrimSpace(text)
					text = strings.ToValidUTF8(text[:min(len(text), maxHitText)], "")
					hits = append(hits, hit{l.container, fragment.Number, l.name, text})
				}
				return nil
			},
		)
		if errors.Is(err, errEnough) {
			return hits, true, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
	return hits, false, nil
}

func (p *Pages) searchPage(w http.ResponseWriter, r *http.Request) error {
	pl, err := p.findTarget(r)
	if err != nil {
		return err
	}
	what := r.URL.Query().Get("q")
	hits, more, err := p.search(r.Context(), pl.Jobs[pl.Index], what)
	if err != nil {
		return err
	}
	base := strings.TrimSuffix(r.URL.Path, "/search")
	return p.show(w, r, http.StatusOK, "search.html", layout{Title: "Search " + what, Icon: "none", Nav: "runs"},
		map[string]any{"Run": pl.Run, "Base": base, "What": what, "Hits": hits, "More": more})
}
