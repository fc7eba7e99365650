package server

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/kube"
)

// Secrets is what yaci secret does, with the rights of who calls it.
type Secrets struct{ cluster *kube.Cluster }

// OpenSecrets reaches the cluster that builds run in.
func OpenSecrets(kubeconfig, namespace string) (Secrets, error) {
	cluster, err := kube.Connect(kubeconfig, kube.Config{Namespace: namespace})
	return Secrets{cluster}, err
}

// Grant is who may use a secret.
type Grant struct{ Repositories, Events, Branches []string }

// Set stores a value, and returns the secret's id.
func (s Secrets) Set(ctx context.Context, name string, value []byte, g Grant) (string, error) {
	id := kube.SecretID(name, g.Repositories)
	return id, s.cluster.SetSecret(ctx, ci.Grant{
		ID:           id,
		Name:         name,
		Repositories: g.Repositories,
		Events:       g.Events,
		Branches:     g.Branches,
	}, value)
}

// Regrant changes who may use a secret.
func (s Secrets) Regrant(ctx context.Context, id string, g Grant) error {
	grants, err := s.cluster.Grants(ctx)
	if err != nil {
		return err
	}
	for _, old := range grants {
		if old.ID == id {
			return s.cluster.SetGrant(ctx, ci.Grant{
				ID:           id,
				Name:         old.Name,
				Repositories: g.Repositories,
				Events:       g.Events,
				Branches:     g.Branches,
			})
		}
	}
	return fmt.Errorf("there is no secret %s; yaci secret ls lists them", id)
}

// Remove deletes a secret.
func (s Secrets) Remove(ctx context.Context, id string) error { return s.cluster.RemoveSecret(ctx, id) }

// List writes a table of all secrets, without their values.
func (s Secrets) List(ctx context.Context, out io.Writer) error {
	grants, err := s.cluster.Grants(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tREPOSITORIES\tEVENTS\tBRANCHES")
	for _, g := range grants {
		fmt.Fprintf(
			w,
			"%s\t%s\t%s\t%s\t%s\n",
			g.ID,
			g.Name,
			strings.Join(g.Repositories, ","),
			or(g.Events, "push"),
			or(g.Branches, "(default)"),
		)
	}
	return w.Flush()
}

func or(list []string, otherwise string) string {
	if len(list) == 0 {
		return otherwise
	}
	return strings.Join(list, ",")
}
