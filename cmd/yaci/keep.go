package main

import (
	"context"
	"errors"
	"strings"

	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/server"
)

// prune is the daily sweep, now and perhaps with other limits.
type prune struct {
	config.Storage
	config.Retention
}

// Run deletes what is past keeping.
func (p prune) Run(ctx context.Context, out output) error {
	if ps := append(p.Storage.Problems(), p.Retention.Problems()...); len(ps) > 0 {
		return errors.New(strings.Join(ps, " "))
	}
	return server.Prune(ctx, p.Storage, p.Retention, out.stdout)
}

// backup copies the database of a running server.
type backup struct {
	config.Storage
	File string `arg:"" help:"The copy; it must not exist yet."`
}

// Run copies, or says what to use instead.
func (b backup) Run(ctx context.Context, out output) error {
	if ps := b.Problems(); len(ps) > 0 {
		return errors.New(strings.Join(ps, " "))
	}
	return server.Backup(ctx, b.Storage, b.File, out.stdout)
}
