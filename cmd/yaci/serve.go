package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/server"
)

// serve runs the server.
type serve struct {
	config.Config
}

// Run serves until the process is told to end.
func (s serve) Run(ctx context.Context, out output) error {
	if problems := s.Problems(); len(problems) > 0 {
		return errors.New("the configuration is incomplete:\n  - " + strings.Join(problems, "\n  - "))
	}
	return server.Serve(ctx, s.Config, slog.New(slog.NewTextHandler(out.stderr, nil)))
}
