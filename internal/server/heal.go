package server

import (
	"log/slog"
	"time"

	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/github"
	"github.com/yaci-ci/yaci/internal/heal"
	"github.com/yaci-ci/yaci/internal/store"
)

// healer finds what no webhook told of. A personal token has no list of
// deliveries: with one, only heads are compared.
func healer(cfg config.Config, db *store.Store, gh *github.Client, arrived bell, log *slog.Logger) *heal.Healer {
	h := &heal.Healer{

		Clock:    db.Now,
		Inbox:    db,
		Memory:   db,
		Heads:    gh,
		Read:     read,
		Classify: github.ClassifyError,
		Wake:     arrived.ring,
		Log:      log,
		Grace:    min(10*time.Second, cfg.HealEvery/2),
	}
	if cfg.GithubToken == "" {
		h.Mailbox = gh
	}
	return h
}
