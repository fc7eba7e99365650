package server

import (
	"log/slog"
	"time"

	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/github"
	"github.com/yaci-ci/yaci/internal/heal"
	"github.com/yaci-ci/yaci/internal/store"
)

// healer returns what recovers missed events. A personal token has no delivery log: with one, only heads are compared.
func healer(cfg config.Config, db *store.Store, gh *github.Client, arrived bell, log *slog.Logger) *heal.Healer {
	h := &heal.Healer{

		Clock:    db.Now,
		Inbox:    db,
		Cursors:  db,
		Refs:     gh,
		Read:     read,
		Classify: github.ClassifyError,
		Wake:     arrived.ring,
		Log:      log,
		Grace:    min(10*time.Second, cfg.HealEvery/2),
	}
	if cfg.GithubToken == "" {
		h.DeliveryLog = gh
	}
	return h
}
