package web

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// maxHits bounds what a search answers with.
const maxHits = 1000

// hit is a line that holds what was searched for.
type hit struct {
	Step string // container
	Line int64
	Name string
	Text string
}

var errEnough = errors.New("enough")

// search looks through the logs of a job, step by step. Case does not matter.
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
			func(piece ci.LogLine) error {
				text := ci.PlainLine(string(piece.Text))
				if !strings.Contains(strings.ToLower(text), what) {
					return nil
				}
				if len(hits) == maxHits {
					return errEnough
				}
				n := len(hits)
				if n == 0 || hits[n-1].Step != l.container || hits[n-1].Line != piece.Number {
					text = strings.TrimSpace(text)
					hits = append(hits, hit{l.container, piece.Number, l.name, strings.ToValidUTF8(text[:min(len(text), 400)], "")})
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
	pl, err := p.find(r)
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
