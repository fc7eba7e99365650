package server

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/yaci-ci/yaci/internal/kube"
)

// Uninstall takes all that YACI made out of its namespaces; forks is that of
// forks, or empty. Without sure it only says what that would be.
func Uninstall(ctx context.Context, kubeconfig, namespace, forks string, sure bool, out io.Writer) error {
	cluster, err := kube.Connect(kubeconfig, kube.Config{Namespace: namespace, ForkNamespace: forks})
	if err != nil {
		return err
	}
	spaces := strings.Join(cluster.Namespaces(), " and ")
	jobs, secrets, err := cluster.CountManaged(ctx)
	if err != nil {
		return err
	}
	if !sure {
		_, err := fmt.Fprintf(
			out,
			"There are %d Jobs and %d Secrets of YACI's in %s. Stop the server, then delete them: yaci uninstall --yes\n",
			jobs,
			secrets,
			spaces,
		)
		return err
	}
	if err := cluster.Uninstall(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintf(
		out,
		"Deleted %d Jobs and %d Secrets in %s. The database and the logs are left.\n",
		jobs,
		secrets,
		spaces,
	)
	return err
}
