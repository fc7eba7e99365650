package server

import (
	"context"
	"fmt"
	"io"

	"github.com/yaci-ci/yaci/internal/kube"
)

// Uninstall takes all that YACI made out of a namespace. Without sure it only
// says what that would be.
func Uninstall(ctx context.Context, kubeconfig, namespace string, sure bool, out io.Writer) error {
	cluster, err := kube.Connect(kubeconfig, namespace)
	if err != nil {
		return err
	}
	jobs, secrets, err := cluster.Count(ctx)
	if err != nil {
		return err
	}
	if !sure {
		_, err := fmt.Fprintf(out, "There are %d Jobs and %d Secrets of YACI's in %s. Stop the server, then delete them: yaci uninstall --yes\n", jobs, secrets, namespace)
		return err
	}
	if err := cluster.Uninstall(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Deleted %d Jobs and %d Secrets in %s. The database and the logs are left.\n", jobs, secrets, namespace)
	return err
}
