package main

import (
	"context"
	"errors"
	"strings"

	"github.com/yaci-ci/yaci/internal/admin"
	"github.com/yaci-ci/yaci/internal/config"
)

// prune deletes what is past its retention.
type prune struct {
	config.Storage
	config.Retention
}

// Run deletes old runs, logs and deliveries now. The flags may differ from the server's settings.
func (p prune) Run(ctx context.Context, out output) error {
	if problems := append(p.Storage.Problems(), p.Retention.Problems()...); len(problems) > 0 {
		return errors.New(strings.Join(problems, " "))
	}
	return admin.Prune(ctx, p.Storage, p.Retention, out.stdout)
}

// backup copies the database.
type backup struct {
	config.Storage
	File string `arg:"" help:"Path of the copy; the file must not exist."`
}

// Run copies a SQLite database. For Postgres the error says what to use instead.
func (b backup) Run(ctx context.Context, out output) error {
	if problems := b.Problems(); len(problems) > 0 {
		return errors.New(strings.Join(problems, " "))
	}
	return admin.Backup(ctx, b.Storage, b.File, out.stdout)
}

// uninstall deletes everything that YACI has made in the cluster. Jobs have a finalizer that keeps their namespace
// from being deleted before.
type uninstall struct {
	Kubeconfig string `env:"KUBECONFIG" help:"Cluster; default: the pod's own, or ~/.kube/config."`
	Namespace  string `default:"yaci-builds" env:"YACI_NAMESPACE" help:"Namespace of the Jobs."`
	Forks      string `name:"fork-namespace" env:"YACI_FORK_NAMESPACE" help:"Namespace of the Jobs of pull requests from forks, if they have their own."`
	Yes        bool   `help:"Delete; without it, only print what would be deleted."`
}

// Run deletes the Jobs and Secrets, or prints how many there are.
func (u uninstall) Run(ctx context.Context, out output) error {
	return admin.Uninstall(ctx, admin.UninstallOptions{
		Kubeconfig:    u.Kubeconfig,
		Namespace:     u.Namespace,
		ForkNamespace: u.Forks,
		Confirmed:     u.Yes,
	}, out.stdout)
}
