package main

import (
	"context"

	"github.com/yaci-ci/yaci/internal/server"
)

// uninstall takes YACI's finalizer off everything, so that a namespace can go.
type uninstall struct {
	Kubeconfig string `env:"KUBECONFIG" help:"Cluster; default: the pod's own, or ~/.kube/config."`
	Namespace  string `default:"yaci-builds" env:"YACI_NAMESPACE" help:"Namespace of the Jobs."`
	Forks      string `name:"fork-namespace" env:"YACI_FORK_NAMESPACE" help:"Namespace of the Jobs of forks, if they have their own."`
	Yes        bool   `help:"Do it; otherwise only say what would go."`
}

// Run deletes, or says what it would.
func (u uninstall) Run(ctx context.Context, out output) error {
	return server.Uninstall(ctx, u.Kubeconfig, u.Namespace, u.Forks, u.Yes, out.stdout)
}
