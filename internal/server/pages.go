package server

import (
	"log/slog"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/flow"
	"github.com/yaci-ci/yaci/internal/github"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/internal/web"
)

// pagesOf are the pages over what the database holds.
func pagesOf(cfg config.Pages, db *store.Store, logbook web.Logbook, log *slog.Logger) *web.Pages {
	return &web.Pages{
		Runs:     db,
		Jobs:     db,
		Repos:    db,
		Logbook:  logbook,
		Inbox:    db,
		Sessions: db,
		Log:      log,
		Sight:    ci.Sight{All: cfg.PrivatePages},
		URL:      strings.TrimSuffix(cfg.PublicURL, "/"),
	}
}

// withGitHub links to GitHub, and lets people sign in and do what they may.
func withGitHub(pages *web.Pages, cfg config.Pages, gh *github.Client, runs *flow.Flow) *web.Pages {
	if gh != nil {
		pages.Site = gh.Site()
		pages.PublicChecker = newVisibility(gh)
	}
	if !cfg.SignIn() {
		return pages
	}
	pages.GitHub, pages.Actions = gh.SignIn(cfg.ClientID, cfg.ClientSecret, pages.URL+"/-/signed-in"), runs
	pages.Refusals = []error{
		flow.ErrNotAllowed,
		flow.ErrNotFinished,
		flow.ErrNotHeld,
		flow.ErrMoved,
		flow.ErrUnclear,
		flow.ErrNoRight,
	}
	return pages
}
