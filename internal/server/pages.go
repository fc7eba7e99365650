package server

import (
	"log/slog"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/internal/web"
)

// pagesOf are the pages over what the database holds.
func pagesOf(cfg config.Pages, db *store.Store, logbook web.Logbook, log *slog.Logger) *web.Pages {
	return &web.Pages{Runs: db, Jobs: db, Repos: db, Logbook: logbook, Log: log,
		Sight: ci.Sight{All: cfg.PrivatePages}, URL: strings.TrimSuffix(cfg.PublicURL, "/")}
}
