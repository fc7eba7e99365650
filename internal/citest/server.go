package citest

import (
	"net/http"

	"github.com/go-chi/chi/v5"
)

// handler is the whole server: REST, git, and nothing else.
func (gh *GitHub) handler() http.Handler {
	r := chi.NewRouter()
	r.HandleFunc(apiPrefix+"*", gh.serveAPI)
	r.HandleFunc("/{owner}/{repo}.git/*", gh.serveGit)
	return r
}
