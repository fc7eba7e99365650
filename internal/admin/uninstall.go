package admin

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/yaci-ci/yaci/internal/kube"
)

// UninstallOptions are the options of yaci uninstall.
type UninstallOptions struct {
	Kubeconfig    string // empty: the pod's own service account, or ~/.kube/config
	Namespace     string
	ForkNamespace string // of pull requests from forks; empty: none
	Confirmed     bool   // delete; otherwise only say what would be deleted
}

// Uninstall deletes all Jobs and Secrets that YACI has made in its namespaces, including finalizers.
func Uninstall(ctx context.Context, opts UninstallOptions, out io.Writer) error {
	cluster, err := kube.Connect(opts.Kubeconfig, kube.Config{
		Namespace:     opts.Namespace,
		ForkNamespace: opts.ForkNamespace,
	})
	if err != nil {
		return err
	}
	namespaces := strings.Join(cluster.Namespaces(), " and ")
	jobs, secrets, err := cluster.CountManaged(ctx)
	if err != nil {
		return err
	}
	if !opts.Confirmed {
		const message = "YACI has %d Jobs and %d Secrets in %s. Stop the server, then delete them: yaci uninstall --yes\n"
		_, err := fmt.Fprintf(out, message, jobs, secrets, namespaces)
		return err
	}
	if err := cluster.Uninstall(ctx); err != nil {
		return err
	}
	const message = "Deleted %d Jobs and %d Secrets in %s. The database and the logs remain.\n"
	_, err = fmt.Fprintf(out, message, jobs, secrets, namespaces)
	return err
}
