package admin

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/kube"
)

// Secrets is yaci secret: the secrets of builds, and who may use them. Make it with [OpenSecrets].
type Secrets struct{ cluster *kube.Cluster }

// OpenSecrets connects to the cluster that builds run in. An empty kubeconfig means the pod's own service account, or
// ~/.kube/config.
func OpenSecrets(kubeconfig, namespace string) (*Secrets, error) {
	cluster, err := kube.Connect(kubeconfig, kube.Config{Namespace: namespace})
	if err != nil {
		return nil, err
	}
	return &Secrets{cluster: cluster}, nil
}

// Grant says which runs may use a secret.
type Grant struct {
	Repositories []string
	Events       []string // empty: push
	Branches     []string // empty: the default branch
}

// grant returns a Grant as the cluster stores it.
func (g Grant) grant(id, name string) ci.Grant {
	return ci.Grant{
		ID:           id,
		Name:         name,
		Repositories: g.Repositories,
		Events:       g.Events,
		Branches:     g.Branches,
	}
}

// Set stores a value and returns the id of the secret.
func (s *Secrets) Set(ctx context.Context, name string, value []byte, g Grant) (string, error) {
	id := kube.SecretID(name, g.Repositories)
	return id, s.cluster.SetSecret(ctx, g.grant(id, name), value)
}

// SetGrant replaces the grant of a secret.
func (s *Secrets) SetGrant(ctx context.Context, id string, g Grant) error {
	grants, err := s.cluster.Grants(ctx)
	if err != nil {
		return err
	}
	for _, old := range grants {
		if old.ID == id {
			return s.cluster.SetGrant(ctx, g.grant(id, old.Name))
		}
	}
	return fmt.Errorf("there is no secret %s; yaci secret ls lists them", id)
}

// Remove deletes a secret.
func (s *Secrets) Remove(ctx context.Context, id string) error {
	return s.cluster.RemoveSecret(ctx, id)
}

// List writes a table of all secrets, without their values.
func (s *Secrets) List(ctx context.Context, out io.Writer) error {
	grants, err := s.cluster.Grants(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tREPOSITORIES\tEVENTS\tBRANCHES")
	for _, g := range grants {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", g.ID, g.Name, strings.Join(g.Repositories, ","),
			joinOr(g.Events, "push"), joinOr(g.Branches, "(default)"))
	}
	return w.Flush()
}

// joinOr joins a list by commas; an empty one is otherwise.
func joinOr(list []string, otherwise string) string {
	if len(list) == 0 {
		return otherwise
	}
	return strings.Join(list, ",")
}
